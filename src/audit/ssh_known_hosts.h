// Which host keys this machine knows, hashed entries included. Called by the rules of ssh.
#pragma once

#include <string>
#include <vector>

#include "audit/site.h"
#include "formats/ssh_keys.h"

namespace meshops::audit {

struct KnownHosts {
  std::vector<ssh::KnownHost> entries;
  std::vector<Skip> skips;
  static KnownHosts gather(const Site& site);
  /// Those that are for one of these names ("beta", "[10.0.0.2]:2222").
  std::vector<const ssh::KnownHost*> of(const std::vector<std::string>& names) const;
};

}  // namespace meshops::audit
