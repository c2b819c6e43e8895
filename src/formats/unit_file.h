// systemd unit files and their drop-ins, read as systemd reads them (systemd.syntax(7), conf-parser.c), with
// positions. Called by host (what a unit would run) and by audit rules. Pure and total: whatever systemd
// would ignore with a warning becomes a Problem, and reading goes on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace meshops::systemd {

MESHOPS_ERROR_CODES(UnitCode, "unit", unbalanced_quote, no_command);

/// Both count from 1; a column is one byte.
struct Place {
  std::string file;
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const Place&) const = default;
};

struct Problem {
  Place at;
  std::string what;
};

/// One assignment. The value has its continuation lines joined by blanks and no blanks at its ends.
struct Assignment {
  std::string section, key, value;
  Place at, value_at;
};

/// A [section] header as it stands in a file; one section may have several.
struct Header {
  std::string section;
  Place at;
};

/// What "%i" and friends stand for. Those that are empty stay in the text as they are, like unknown ones.
struct Specifiers {
  std::string unit;                             // %n whole; %N %p %P %i %I %j %J %f come from it
  std::string user, uid;                        // %u %U
  std::string group, gid;                       // %g %G
  std::string home;                             // %h
  std::string runtime_dir;                      // %t: /run, or $XDG_RUNTIME_DIR
  std::string state_dir;                        // %S: /var/lib, or $XDG_STATE_HOME
  std::string cache_dir, logs_dir, config_dir;  // %C %L %E
  std::string host;                             // %H; %l is its first label
  std::string machine_id, boot_id;              // %m %b
};
std::string expand(std::string_view text, const Specifiers& specifiers);

/// A unit file and the drop-ins that were added, in order.
class UnitFile {
 public:
  UnitFile() = default;
  static UnitFile parse(std::string_view text, const std::string& file = {});
  /// Reads a drop-in over what is there: it is as if its text stood at the end.
  void add(std::string_view text, const std::string& file = {});

  const std::vector<Assignment>& assignments() const { return assignments_; }
  const std::vector<Problem>& problems() const { return problems_; }
  bool has_section(std::string_view section) const;
  /// Every header, in the order of the text.
  const std::vector<Header>& headers() const { return headers_; }
  /// Where the section first begins; null if it never does.
  const Place* header(std::string_view section) const;

  /// All assignments of a key that count: an empty one takes back those before it.
  std::vector<const Assignment*> all(std::string_view section, std::string_view key) const;
  std::vector<std::string> values(std::string_view section, std::string_view key) const;
  /// The last one that counts; null if there is none or it was taken back.
  const Assignment* last(std::string_view section, std::string_view key) const;
  std::optional<std::string> value(std::string_view section, std::string_view key) const;

  /// The last one as a time span; nothing if absent or not a span. TimeoutSec= counts for TimeoutStartSec=
  /// and TimeoutStopSec=, and their 0 means infinity, as in systemd.
  std::optional<Duration> span(std::string_view section, std::string_view key) const;
  std::optional<bool> boolean(std::string_view section, std::string_view key) const;
  /// Environment= of the section put together; words that are no assignment are left out, as systemd does.
  std::map<std::string, std::string> environment(const Specifiers& specifiers = {},
                                                 std::string_view section = "Service") const;

 private:
  void line(std::string_view joined, const std::vector<struct Piece>& pieces, const std::string& file);

  std::vector<Assignment> assignments_;
  std::vector<Problem> problems_;
  std::vector<Header> headers_;
  std::string section_;
};

/// "infinity".
constexpr Duration kInfinity = Duration::max();
/// systemd.time(7): "5min 20s", "1.5h", "90" (seconds), "infinity"; us ms s min h d w M y and their long
/// names.
std::optional<Duration> parse_span(std::string_view text);
/// 1 yes y true t on, 0 no n false f off, in any case.
std::optional<bool> parse_boolean(std::string_view text);

/// Words as systemd splits them: quotes are taken off, C escapes decoded; unknown escapes stay as they are.
Result<std::vector<std::string>> split_words(std::string_view text);

/// One command of ExecStart= and its like.
struct Command {
  std::string prefixes;  // of "@-:+!|", in the order of the text
  std::string path;
  std::vector<std::string> argv;  // with argv[0]: the path, or the word after it with '@'
  bool ignores_failure() const { return prefixes.find('-') != std::string::npos; }
};
/// The commands of one line (separated by a ';' word). $VARIABLES are not replaced: that happens when systemd
/// runs it.
Result<std::vector<Command>> parse_commands(std::string_view value, const Specifiers& specifiers = {});

}  // namespace meshops::systemd
