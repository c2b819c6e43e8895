// The files of a machine that hold secrets, by what they are for: gateways' settings and credentials, what
// units hand to gateways, files that mesh.toml names, and wherever the inventory has found one. SEC-012 wants
// their readers noted, the agent's watch notes them. Reads through Host only.
#pragma once

#include <filesystem>
#include <set>

#include "audit/site.h"

namespace meshops::audit {

struct SecretFiles {
  std::set<std::filesystem::path> all;  // regular files that are there
  std::set<std::filesystem::path>
      credentials;  // of those: sources of systemd credentials, each one secret as a whole
  static SecretFiles gather(const Site& site);
};

}  // namespace meshops::audit
