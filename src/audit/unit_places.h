// Where unit files lie on a machine, whose they are, and what its symbolic links say of them: enabled,
// masked, linked. Called when units are gathered. Reads through Host only.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/site.h"

namespace meshops::audit {

/// Manager of what every user's manager reads.
constexpr std::string_view kEveryUser = "user:";

/// The directories a manager reads, in its order: 0 an administrator's (/etc, ~/.config), 1 /run and
/// ~/.local/share, 2 /usr/local, 3 a package's.
int unit_rank(const std::filesystem::path& path);
bool is_user_unit(const std::filesystem::path& path);
/// "/home/claw" of "/home/claw/.config/systemd/user/x.service"; empty if it is nobody's alone.
std::string home_of_unit(const std::filesystem::path& path);
/// "system", "user:", "user:/home/claw".
std::string manager_of(const std::filesystem::path& path);

struct UnitLinks {
  using Named = std::pair<std::string, std::string>;  // manager, unit
  std::set<Named>
      enabled;  // pulled in by a .wants, .requires or .upholds directory; of an instance its template, too
  std::set<Named> masked;
  struct Linked {
    std::filesystem::path at, target;
    std::string name;
  };
  std::vector<Linked> linked;  // unit files that lie elsewhere
};
UnitLinks unit_links(const Site& site, const std::vector<Account>& accounts);

/// The file that a path leads to, symbolic links on the way followed inside the site (/lib → usr/lib);
/// nothing if there is none. Gives the Error where it could not be looked.
std::optional<std::filesystem::path> resolve(const Host& host, const std::filesystem::path& path,
                                             Error* not_seen = nullptr);

}  // namespace meshops::audit
