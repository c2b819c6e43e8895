// ssh_config(5) and sshd_config(5) from a hostile hand, with files that include one another: reading ends,
// places are inside the text, what is said to count does count, and a block that is moved changes for no host
// more than which of two values wins.
#include <algorithm>
#include <array>
#include <cstdint>

#include "audit/ssh_blocks.h"
#include "audit/ssh_command.h"
#include "base/text.h"
#include "formats/ssh_client_config.h"
#include "formats/sshd_config.h"
#include "must.h"

using namespace meshops;

namespace {

/// The fuzzer's bytes, parted at NULs: the first file, and those that an Include finds beside it.
constexpr std::array kNames = {"/etc/ssh/config", "/etc/ssh/a", "/etc/ssh/b", "/etc/ssh/conf.d/c"};

void sound(const ssh::Config& config, std::string_view text) {
  auto lines = split(text, '\n');
  std::size_t before = 0;
  for (const auto& p : config.problems)
    must(p.line >= 1 && p.line <= lines.size() && p.column >= 1 && !p.what.empty());
  for (const auto& line : config.lines) {
    must(line.number > before && line.number <= lines.size() && !line.keyword.empty());
    before = line.number;
    auto whole = lines[line.number - 1];
    must(whole.substr(line.rest_column - 1).starts_with(line.rest));
    for (const auto& word : line.args) {
      must(word.column >= line.rest_column && word.column - 1 + word.length <= whole.size());
      auto source = whole.substr(word.column - 1, word.length);
      if (source.find_first_of("\"'\\") == std::string_view::npos) must(source == word.text);
    }
  }
}

void sound(const sshd::Daemon& daemon) {
  const sshd::Connection connection{.user = "ada",
                                    .host = "desk.example.org",
                                    .address = "192.0.2.7",
                                    .local_address = "192.0.2.1",
                                    .local_port = 22,
                                    .groups = {"staff"}};
  std::size_t left = 40;
  for (const auto& setting : daemon.settings()) {
    if (left-- == 0) break;
    const auto& keyword = setting.line->keyword;
    const auto* global = daemon.global(keyword);
    must(global == nullptr || global->conditions.empty());
    const auto* counts = daemon.effective(keyword, connection);
    if (counts == nullptr) continue;
    must(counts->line->keyword == keyword);
    for (const auto* match : counts->conditions) must(sshd::holds(*match, connection));
    for (const auto* match : setting.conditions)
      if (sshd::always_holds(*match)) must(sshd::holds(*match, connection));
  }
  left = 40;
  for (const auto& context : daemon.contexts()) {
    if (left-- == 0) break;
    must(!context.empty());
    (void)daemon.where("passwordauthentication", context);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view all(reinterpret_cast<const char*>(bytes), size);
  std::vector<ssh::Config> files;
  auto texts = split(all, '\0');
  for (std::size_t i = 0; i < std::min(texts.size(), kNames.size()); ++i) {
    files.push_back(ssh::parse_config(texts[i], kNames[i]));
    sound(files.back(), texts[i]);
  }
  const ssh::Include include = [&](std::string_view pattern) {
    must(pattern.starts_with('/') || pattern.starts_with('~'));
    std::vector<const ssh::Config*> found;
    for (const auto& file : files)
      if (ssh::match_pattern(file.file, pattern)) found.push_back(&file);
    return found;
  };

  sound(sshd::Daemon(files[0], include));
  must(sshd::match_addresses("192.0.2.7", "192.0.2.7") == 1);
  (void)sshd::match_addresses("2001:db8::7", texts[0]);
  (void)sshd::match_addresses(texts[0], "10.0.0.0/8,!10.1.2.3");
  for (const auto& forward : audit::open_forwards(texts[0]))
    must(forward.column >= 1 && forward.column <= texts[0].size());

  const std::vector<ssh::ClientSource> sources = {{.config = files.data(), .user = false}};
  auto lines = ssh::applied_lines(sources, {.host = "beta.example.org"}, include);
  for (const auto& applied : lines) {
    const auto* counts = ssh::effective(lines, applied.line->keyword);
    must(counts != nullptr && counts->line->keyword == applied.line->keyword);
    must(applied.block == nullptr || applied.block->keyword == "host" || applied.block->keyword == "match");
  }
  auto everything = ssh::every_line(sources, include);
  if (everything.size() > 60) return 0;  // a move asks every host about every line
  audit::SshClient client{.path = files[0].file, .user = {}, .sources = sources, .include = include};
  std::size_t wide = 0;
  int moves = 4;
  for (const auto& line : files[0].lines) {
    if (line.keyword != "host" && line.keyword != "match") continue;
    if (moves-- == 0) break;
    if (auto moved = audit::with_block_moved(client, files[0], texts[0], wide, line.number)) {
      auto again = ssh::parse_config(*moved, files[0].file);
      // What stood above all blocks gets a header of its own.
      must(again.lines.size() == files[0].lines.size() + (wide == 0 ? 1 : 0));
      must(again.problems.size() == files[0].problems.size());
    }
    wide = line.number;
  }
  return 0;
}
