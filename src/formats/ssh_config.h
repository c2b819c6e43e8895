// The grammar that ssh_config(5) and sshd_config(5) share, read as OpenSSH 9.2 does: lines, words, patterns.
// Called by ssh_client_config and sshd_config, and by audit rules that edit a line. Pure and total; what
// OpenSSH would refuse becomes a Problem and reading goes on.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meshops::ssh {

/// Columns count from 1 and are bytes; a length is that of the source, quotes included.
struct Word {
  std::string text;
  std::size_t column = 1;
  std::size_t length = 0;
};

struct Line {
  std::size_t number = 1;
  std::size_t column = 1;  // of the keyword
  std::string keyword;     // lower case, old spellings replaced by the one of today
  std::string rest;        // what stands after it, as written, without blanks at the end
  std::size_t rest_column = 1;
  std::vector<Word> args;  // of `rest`; a comment ends them

  /// The first argument; empty if there is none.
  std::string_view value() const { return args.empty() ? std::string_view() : args.front().text; }
  /// All arguments with one blank between.
  std::string values() const;
};

struct Problem {
  std::size_t line = 1;
  std::size_t column = 1;
  std::string what;
};

struct Config {
  std::string file;
  std::vector<Line> lines;
  std::vector<Problem> problems;
};
Config parse_config(std::string_view text, std::string file = {});

/// The next word as OpenSSH's strdelim() takes it: a blank or one "=" ends it, double quotes hold it
/// together. Moves `text` on; false at its end or where a quote does not close.
bool take_word(std::string_view& text, std::string& word);

/// '*' and '?'; upper and lower case differ.
bool match_pattern(std::string_view text, std::string_view pattern);
/// Over "a,!b,c*": 1 matches, 0 not, -1 a negated one matches. `fold`: the patterns are lowered first.
int match_list(std::string_view text, std::string_view patterns, bool fold = false);
bool has_wildcard(std::string_view pattern);

/// One criterion of a Match line: "host a,b", "!user root", "all".
struct Criterion {
  std::string name;  // lower case
  std::string value;
  bool negated = false;
};
/// In order; false beside it where OpenSSH would refuse the line.
std::pair<std::vector<Criterion>, bool> parse_match(std::string_view rest);

/// "yes" and "true" in any case.
bool is_yes(std::string_view value);
bool is_no(std::string_view value);

/// Gives the files that an Include names, in the order they are read. The pointers must stay good.
using Include = std::function<std::vector<const Config*>(std::string_view pattern)>;
/// Deeper than any real one; OpenSSH gives up there, too.
constexpr unsigned kMostNesting = 16;

}  // namespace meshops::ssh
