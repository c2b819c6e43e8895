// A pinned OpenClaw of meshops' own, from npm, in its state directory: what `meshops up` runs where no
// gateway is found. Called by the CLI and the process runtime. Never touches an OpenClaw that somebody else
// installed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace meshops {

constexpr std::string_view kOpenclawVersion = "2026.9.6";
/// OpenClaw needs a newer Node than distributions have; the npm package `node` brings one.
constexpr std::string_view kNodeVersion = "26.10.0";

/// argv that starts it, or `not_found` with the command that installs it.
Result<std::vector<std::string>> installed_openclaw_command(const std::filesystem::path& state_dir);

/// npm install into a temporary directory, tried (`node --version`), then renamed into place; at once when it
/// is there. Takes minutes and several hundred MB; needs npm on PATH.
Status install_openclaw(const std::filesystem::path& state_dir);

/// Where that gateway keeps its own state and configuration.
std::filesystem::path own_openclaw_home(const std::filesystem::path& state_dir);
/// Writes a first openclaw.json if there is none: loopback, a random token, and — if `model_url` is not empty
/// — that OpenAI-compatible endpoint as its only provider. Never changes an existing file.
Status write_first_openclaw_config(const std::filesystem::path& state_dir, std::uint16_t port,
                                   const std::string& model_url, const std::string& model);

}  // namespace meshops
