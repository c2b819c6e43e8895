// A child process run to its end inside the event loop: what base/process.h's run() does, without stopping
// the loop. Called by the close look (a gateway's own tools) and for the judging child. Never a shell.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/process.h"

namespace meshops {

/// As run(): `timed_out` and `too_much_output` end the child's whole session, SIGTERM first, SIGKILL two
/// seconds later. When the coroutine itself goes, the child is killed at once.
boost::asio::awaitable<Result<Output>> run_async(std::vector<std::string> argv, RunOptions options);

}  // namespace meshops
