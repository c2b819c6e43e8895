// Whether a line of known_hosts is about a host, hashed names included. Called by the audit and by the walk
// to a peer. Reads no file.
#pragma once

#include <string>

#include "formats/ssh_keys.h"

namespace meshops::ssh {

/// "beta", "[10.0.0.2]:2222": patterns and "|1|salt|hash" (HMAC-SHA1 of the name) as ssh reads them.
bool is_for(const KnownHost& entry, const std::string& name);

}  // namespace meshops::ssh
