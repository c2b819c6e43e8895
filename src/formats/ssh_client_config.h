// Which lines of ssh_config(5) count for a host: Host and Match blocks, Include, the first value wins, the
// second pass of "Match final". Called by audit rules. Pure: files come from the caller, and Match exec is
// never run: its lines are told as uncertain.
#pragma once

#include <optional>

#include "formats/ssh_config.h"

namespace meshops::ssh {

/// A line that is read for a host.
struct Applied {
  const Config* file = nullptr;
  const Line* line = nullptr;
  const Config* block_file = nullptr;
  const Line* block = nullptr;  // the Host or Match line it stands below; null: above all of them
  bool uncertain = false;       // a Match exec stands before it
};

struct ClientSource {
  const Config* config = nullptr;
  bool user = true;  // ~/.ssh/config, and not the system's file
};
struct ClientQuery {
  std::string host;  // as given on the command line
  std::string local_user = "user";
};
/// For the files in the order ssh reads them. `include` gets the pattern made absolute: "~/.ssh/x" in a
/// user's file, "/etc/ssh/x" in the system's.
std::vector<Applied> applied_lines(const std::vector<ClientSource>& sources, const ClientQuery& query,
                                   const Include& include);
/// All lines of the files, whatever the host: what there is to look at.
std::vector<Applied> every_line(const std::vector<ClientSource>& sources, const Include& include);
/// The one that counts; null: the default.
const Applied* effective(const std::vector<Applied>& lines, std::string_view keyword);
/// Keywords whose lines add up.
bool accumulates(std::string_view keyword);

/// A host name that the pattern matches: '*' and '?' become "x".
std::string sample_of(std::string_view pattern);
/// Host names a block was written for: the patterns of its Host line, or of "Match host" and
/// "originalhost", that are not negated. Nothing: it is for every host, or nobody can say.
std::vector<std::string> names_of(const Line& block);
/// Whether a block is for hosts that nobody named: a wildcard, "Match all", "Match user …".
bool is_open(const Line& block);

}  // namespace meshops::ssh
