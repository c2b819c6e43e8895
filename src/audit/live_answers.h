// What stands behind the questions of Live, wherever they are asked: which tool answers, and how the engine's
// answers are put together. LocalLive asks this machine, CapturedLive what was fetched from a node. Starts
// and reads nothing itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/live.h"

namespace meshops::audit {

/// The tool whose output is the answer; empty: no single tool gives it.
std::vector<std::string> tool_for(Question question);

/// Gives the body of the engine's answer to a GET ("/info").
using AskEngine = std::function<Result<std::string>(const std::string& target)>;
/// The questions that the engine answers.
Result<std::string> ask_engine(Question question, const AskEngine& engine);
/// 200, or an Error that says what the engine has answered.
Status engine_agreed(int status, std::string_view target);

/// One line of Question::reserved_blocks, from what statvfs(3) says.
std::string reserved_line(std::string_view mount_point, std::uint64_t blocks, std::uint64_t kept,
                          std::uint64_t block_bytes);

}  // namespace meshops::audit
