#include "diagnose/log_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/text.h"
#include "formats/journal_line.h"

namespace meshops::diagnose {

namespace {

/// How many bytes at the front of `text` are one character; 0 if they are none.
std::size_t character(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  length = std::min(length, text.size());
  return valid_utf8(text.substr(0, length)) ? length : 0;
}

void add_clean(std::string& out, std::string_view line, std::size_t limit) {
  // Escape sequences are taken out of what can still matter only: the rest of an endless line is not even
  // read.
  auto plain = journal::without_ansi(line.substr(0, 2 * limit));
  std::string_view rest(plain);
  bool cut = line.size() > 2 * limit || rest.size() > limit;
  rest = rest.substr(0, limit);
  while (!rest.empty()) {
    auto n = character(rest);
    auto c = static_cast<unsigned char>(rest[0]);
    bool control =
        c < 0x20 || c == 0x7F || (n == 2 && c == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0);
    if (c == '\t')
      out += ' ';
    else if (n == 0 || control)
      out += '?';
    else
      out += rest.substr(0, n);
    rest.remove_prefix(std::max<std::size_t>(n, 1));
  }
  if (cut) out += "…";
}

/// Calls back with each line, without its end.
template <class Each>
void for_each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    each(line);
  }
}

/// The gateway says that it loads its configuration; systemd says "Started X.", behind a time or "systemd[1]:
/// ".
bool begins_run(std::string_view line) {
  if (line.contains("loading configuration")) return true;
  auto at = line.find("Started ");
  return at == 0 ||
         (at != line.npos && at >= 2 && line[at - 1] == ' ' && (line[at - 2] == 'Z' || line[at - 2] == ':'));
}

std::size_t cost(std::string_view line) {
  return line.size() + 1 +
         static_cast<std::size_t>(std::ranges::count_if(line, [](char c) { return c == '"' || c == '\\'; }));
}

}  // namespace

std::string clean_lines(std::string_view text, std::size_t line_limit) {
  std::string out;
  for_each_line(text, [&](std::string_view line) {
    add_clean(out, line, line_limit);
    out += '\n';
  });
  return out;
}

std::string around_exits(std::string_view log, const LogBudget& budget) {
  std::vector<std::string_view> lines;
  std::vector<std::size_t> runs = {0};
  for_each_line(log, [&](std::string_view line) {
    // "Started" by systemd and "loading" by the gateway are one beginning: nothing but a few lines stands
    // between.
    if (begins_run(line) && lines.size() > runs.back() + 5) runs.push_back(lines.size());
    lines.push_back(line);
  });
  std::vector<char> kept(lines.size(), 0);
  std::size_t lines_left = budget.lines, bytes_left = budget.bytes;
  auto keep = [&](std::size_t i) {
    if (kept[i] != 0) return true;
    if (lines_left == 0 || cost(lines[i]) > bytes_left) return false;
    kept[i] = 1;
    --lines_left;
    bytes_left -= cost(lines[i]);
    return true;
  };
  auto end = lines.size();
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    bool last = end == lines.size();
    // The beginning of a long run says what was started; a fifth is enough for that.
    auto front = last && end - *run > budget.lines ? budget.lines / 5 : 0;
    auto front_bytes = bytes_left - bytes_left / 5;
    for (std::size_t i = *run; i < *run + front && bytes_left > front_bytes && keep(i); ++i) {
    }
    auto most = last ? budget.lines : budget.earlier_lines;
    for (std::size_t i = end, n = 0; i > *run && n < most && keep(i - 1); --i) ++n;
    end = *run;
  }
  std::string out;
  std::size_t missing = 0;
  auto say_missing = [&] {
    if (missing > 0) fmt::format_to(std::back_inserter(out), "({} lines left out)\n", missing);
    missing = 0;
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (kept[i] == 0) {
      ++missing;
      continue;
    }
    say_missing();
    out += lines[i];
    out += '\n';
  }
  say_missing();
  return out;
}

std::string date_tail(std::string_view log, WallTime at) {
  std::size_t timed_end = 0;
  for_each_line(log, [&](std::string_view line) {
    if (!journal::parse_log_line(line).time) return;
    auto end = log.find('\n', static_cast<std::size_t>(line.data() - log.data()));
    timed_end = end == log.npos ? log.size() : end + 1;
  });
  if (timed_end == log.size()) return std::string(log);
  return fmt::format("{}{} (what follows has no time)\n{}", log.substr(0, timed_end), iso8601(at),
                     log.substr(timed_end));
}

Since not_before(std::string_view log, WallTime since) {
  Since cut;
  bool keep = false;
  for_each_line(log, [&](std::string_view line) {
    if (auto time = journal::parse_log_line(line.substr(0, journal::kLineLimit)).time) {
      cut.timed = true;
      keep = *time >= since;
    }
    if (keep) cut.text += line;
    cut.text += '\n';
  });
  if (!cut.timed) cut.text = log;
  return cut;
}

}  // namespace meshops::diagnose
