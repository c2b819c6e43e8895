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

/// Patterns and "|1|salt|hash" (HMAC-SHA1 of the name) as ssh reads them.
bool is_for(const ssh::KnownHost& entry, const std::string& name);

}  // namespace meshops::audit
