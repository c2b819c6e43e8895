#include "base/log.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "base/text.h"
#include "base/time.h"

namespace meshops::log {

namespace {

Level g_level = Level::info;
Sink g_sink = nullptr;

int syslog_priority(Level level) {
  switch (level) {
    case Level::debug:
      return LOG_DEBUG;
    case Level::info:
      return LOG_INFO;
    case Level::warn:
      return LOG_WARNING;
    case Level::error:
      return LOG_ERR;
  }
  return LOG_INFO;
}

std::string_view level_word(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info ";
    case Level::warn:
      return "warn ";
    case Level::error:
      return "error";
  }
  return "";
}

// systemd.exec(5): JOURNAL_STREAM holds device:inode of the stream it gave us; a redirected stderr does not
// match it.
bool stderr_is_journal() {
  static const bool answer = [] {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st{};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
    return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
  }();
  return answer;
}

void to_journal(Level level, std::string_view event, std::string_view sentence,
                std::initializer_list<Field> fields) {
  std::vector<std::string> entries = {fmt::format("MESSAGE={}", sentence),
                                      fmt::format("PRIORITY={}", syslog_priority(level)),
                                      fmt::format("MESHOPS_EVENT={}", event), "SYSLOG_IDENTIFIER=meshops"};
  for (const auto& [name, value] : fields) {
    auto upper = std::string(name);
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    entries.push_back(fmt::format("MESHOPS_{}={}", upper, value));
  }
  std::vector<iovec> parts;
  parts.reserve(entries.size());
  for (auto& e : entries) parts.push_back({e.data(), e.size()});
  ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

void set_level(Level level) { g_level = level; }
void set_sink(Sink sink) { g_sink = sink; }

void write(Level level, std::string_view event, std::string_view sentence,
           std::initializer_list<Field> fields) {
  if (level < g_level) return;
  if (g_sink != nullptr) return g_sink(level, event, sentence, fields);
  if (stderr_is_journal()) return to_journal(level, event, sentence, fields);
  auto line = fmt::format("{} {} {}", iso8601(SystemClock().wall()), level_word(level), printable(sentence));
  for (const auto& [name, value] : fields) line += fmt::format(" {}={}", name, printable(value));
  line += '\n';
  // One write: lines of several processes do not mix. There is nobody to tell if stderr itself fails.
  [[maybe_unused]] auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace meshops::log
