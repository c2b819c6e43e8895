// fail2ban's configuration: sections of "key = value" lines that go on where they are indented, and what
// `fail2ban-client banned` prints. Called by the audit's rules of bans. Pure and total on hostile bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::fail2ban {

struct Option {
  std::string section;  // "DEFAULT", "sshd"
  std::string key;      // lower case
  std::string value;    // continued lines joined by a blank, comments cut
  std::size_t line = 0;
  std::size_t last_line = 0;  // of its continuation
};
/// In the order of the file; a key that is given twice comes twice, and the last one counts.
std::vector<Option> parse(std::string_view text);

struct Ban {
  std::string jail;
  std::string address;
};
/// [{'sshd': ['203.0.113.7']}, …]
std::vector<Ban> parse_bans(std::string_view text);

/// Words between blanks and commas, as lists such as ignoreip have them.
std::vector<std::string> list_of(std::string_view value);

/// The text with `words` at the end of that option's last line, before a comment.
std::string with_more(std::string_view text, const Option& option, std::string_view words);

}  // namespace meshops::fail2ban
