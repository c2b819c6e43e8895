// Node.js binaries on this machine and whether they fit an "engines" range. Called by the remedies for units.
// Reads files only: a version is told by the path or by the files beside the binary, nothing is run.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "heal/remedy.h"

namespace meshops::heal {

using NodeVersion = std::array<unsigned, 3>;
/// "v26.10.0", "26.1"; nothing if it is none.
std::optional<NodeVersion> parse_node_version(std::string_view text);
/// npm's ranges as far as package.json files of gateways use them: ">=24.16.0 <25 || >=26.1.0", "^22.1.0".
bool fits(const NodeVersion& version, std::string_view range);

/// What the installed gateway asks for, from the package.json beside its script; that of OpenClaw 2026.9 if
/// it cannot be read.
std::string wanted_node(const std::filesystem::path& script, const Host& host);
/// The version of one binary; nothing if its files do not tell it.
std::optional<NodeVersion> version_of_node(const std::filesystem::path& binary, const Host& host);
/// The newest one that fits and that nobody but root and the gateway's own user can replace.
std::optional<std::filesystem::path> find_node(const Patient& patient, const Host& host,
                                               std::string_view range);

}  // namespace meshops::heal
