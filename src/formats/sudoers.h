// Who may do everything as root: the grants of a sudoers(5) file that allow ALL. Called by the audit's rule
// of gateways that may become root. Pure and total on hostile bytes; follows no include.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::sudo {

/// One user specification that allows every command as root.
struct Grant {
  std::vector<std::string> who;  // "claw", "%sudo", "#1000", "ALL"; aliases filled in
  bool password = true;          // false: NOPASSWD
  std::size_t line = 0;
  std::string text;  // as it is written, continued lines joined
};
/// User_Alias definitions: they hold in every file that is read later.
using Aliases = std::map<std::string, std::vector<std::string>>;
/// In the order of the file: of those that name a user the last one counts.
std::vector<Grant> parse_grants(std::string_view text, Aliases& aliases);

}  // namespace meshops::sudo
