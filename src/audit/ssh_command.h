// Command lines that start ssh, found in shell text: what they forward, and who can reach it. Called by the
// rules of ssh. Pure; a variable is taken as it stands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit {

/// A forwarding that other machines can reach.
struct OpenForward {
  std::string what;        // "-L 0.0.0.0:8080:localhost:80"
  std::size_t column = 1;  // in the text
};
/// In shell text of one logical line.
std::vector<OpenForward> open_forwards(std::string_view line);
/// In words of one command, from anywhere in them.
std::vector<OpenForward> open_forwards(const std::vector<std::string>& argv);

/// Whether the listening end of a forwarding ("[bind:]port", "bind:port:host:port") is open to other
/// machines. `fields`: how many parts there are without a bind address.
bool listens_everywhere(std::string_view specification, std::size_t fields);

}  // namespace meshops::audit
