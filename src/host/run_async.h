// A program run to its end without holding up the event loop: the gateways' own tools, the system's, and
// ourselves as a judge. Called by the agent and by the rooms below it; the CLI has run(), which waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/process.h"

namespace meshops {

/// What a tool of the system finds: the same from a shell, a unit or a hook.
Environment tool_environment();

/// As run(): the same limits and errors (`timed_out` and `too_much_output` after the whole session was
/// ended).
boost::asio::awaitable<Result<Output>> run_async(std::vector<std::string> argv, RunOptions options = {});

}  // namespace meshops
