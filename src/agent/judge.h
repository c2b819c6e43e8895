// What a close-up means, asked of a child that is gone afterwards (docs/decisions/012-judged-in-a-child.md).
// Called by who must decide in the agent. Never reads a log itself.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "diagnose/diagnosis.h"

namespace meshops {

/// This program, also when its file has been replaced since it was started.
constexpr auto kThisProgram = "/proc/self/exe";

/// `program diagnose --closeup FILE --format json`, within 20 s. `process.timed_out` and the like, or what
/// the child said when it could not read the file.
boost::asio::awaitable<Result<diagnose::Diagnosis>> judge(std::filesystem::path closeup,
                                                          std::string program = kThisProgram);

}  // namespace meshops
