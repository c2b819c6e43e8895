// One conversation with the port at the end of a way: TCP, then TLS, HTTP or the first words of SSH, within
// limits. Called by the edge of the walk. Sends no credentials; closes before anybody logs in.
#pragma once

#include <string>

#include "mesh/path_probe.h"

namespace meshops::path {

TalkSeen talk(const Target& target, const std::string& address, const EdgeSettings& settings);

}  // namespace meshops::path
