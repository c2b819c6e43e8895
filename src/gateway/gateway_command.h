// Whether a command line starts an OpenClaw gateway. Asked by discovery, and by the audit of unit files,
// containers and crontabs. Pure.
#pragma once

#include <string>
#include <vector>

namespace meshops {

/// By program and arguments: "node …/openclaw/dist/index.js gateway", "openclaw gateway run --port 18790".
bool is_gateway_command(const std::vector<std::string>& argv);

}  // namespace meshops
