// The defaults that depend on the machine and the account: host name, socket, state directory. parse.cpp and
// mesh.cpp call it.
#pragma once

#include <filesystem>
#include <string>

#include "config/mesh.h"

namespace meshops {

/// The host name as a node's name: always one that the parser takes.
std::string default_node_name(const Surroundings& around);
std::filesystem::path default_state_dir(const Surroundings& around);
std::filesystem::path default_socket(const Surroundings& around, const std::filesystem::path& state_dir);
/// $HOME and the XDG directories; empty if unset or not absolute, which the XDG specification says to ignore.
std::filesystem::path directory_from(const Surroundings& around, const std::string& variable);

/// Where a node is that is this machine and has no address of its own.
constexpr const char* kThisMachine = "127.0.0.1";

}  // namespace meshops
