// Who judges a close look: a short-lived child, so that neither the memory of the patterns nor a hostile log
// ever lives in the agent. Called by the Healer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace meshops {

/// meshops.closeup/1 and from when on its log counts → meshops.diagnosis/1.
using Judge = std::function<boost::asio::awaitable<Result<std::string>>(std::string closeup,
                                                                        std::optional<WallTime> since)>;
/// This very program, as `meshops diagnose --closeup -`.
Judge judge_in_child();

}  // namespace meshops
