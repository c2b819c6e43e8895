// What is asked of a machine that has nothing but a shell: scripts of POSIX sh that only read. What they
// print is described in capture_answer.h. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/capture.h"

namespace meshops::capture {

/// The functions that every later request calls. `mark` is 32 letters and digits.
std::string opening(std::string_view mark);
/// What nearly every rule of an audit wants: fetched at once, before anybody asks.
std::string sweep();
/// The same, unless the machine has this version of meshops: then that one's answer to its own arguments, as
/// the question "meshops".
std::string sweep_or(std::string_view version, const std::vector<std::string>& arguments);
/// What was asked for in vain. Every word is quoted, whatever bytes it holds.
std::string request(const std::vector<Want>& wants);
/// Ends an answer.
std::string closing();
/// How an answer ends, for who reads it.
std::string end_of_answer(std::string_view mark);

/// A word of sh that stands for exactly these bytes. A NUL cannot be: it ends the text.
std::string shell_word(std::string_view text);

}  // namespace meshops::capture
