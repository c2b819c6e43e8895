// What this machine finds out about the ways to the other nodes and about its resolvers, by trying: the
// answers to Question::peers and Question::resolvers. Called by LocalLive. Changes nothing; each try has a
// limit.
#pragma once

#include <string>

#include "base/result.h"
#include "config/mesh.h"

namespace meshops::audit {

/// JSON, shaped as live.h says. Tried side by side, in at most ten seconds.
Result<std::string> ask_peers(const Mesh& mesh);
Result<std::string> ask_resolvers(const Mesh& mesh);

}  // namespace meshops::audit
