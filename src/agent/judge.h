// What a close look means, asked of a child that is gone afterwards
// (docs/decisions/012-judged-in-a-child.md). Called by the Healer. Never reads a log itself.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "diagnose/diagnosis.h"

namespace meshops {

/// meshops.closeup/1, and from when on its log counts, to hypotheses.
using Judge = std::function<boost::asio::awaitable<Result<diagnose::Diagnosis>>(
    std::string closeup, std::optional<WallTime> since)>;

/// This program, also when its file has been replaced since it was started.
constexpr auto kThisProgram = "/proc/self/exe";
/// `PROGRAM diagnose --closeup -`, with the look on its stdin (the disk may be full), within 30 s.
/// `process.timed_out` and the like, or what the child said when it could not read the look.
Judge judge_in_child(std::string program = kThisProgram);

}  // namespace meshops
