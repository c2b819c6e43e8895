// OpenClaw's files as far as a supervisor reads them: where its state and configuration are, its port, its
// token, its installed version. Called by the OpenClaw adapter; reads through Host, starts nothing, writes
// nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/secret.h"
#include "config/mesh.h"
#include "formats/json5.h"
#include "host/host.h"

namespace meshops::openclaw {

constexpr std::uint16_t kDefaultPort = 18789;

/// Where it keeps things; the order is the gateway's own (src/config/paths.ts, cli/profile.ts of 2026.9.6):
/// what the spec says, OPENCLAW_* variables, --profile, the home of its user.
struct Places {
  std::filesystem::path state_dir;
  std::filesystem::path config;
  std::string profile;  // empty: the default one
};
Places places(const GatewaySpec& spec, const Host& host);

/// The configuration, read once; `note` says in one line what is wrong with it, also when it could be read.
struct Config {
  json5::Value root;  // absent if there is none or it cannot be read
  std::string note;
};
Config read_config(const GatewaySpec& spec, const Places& where, const Host& host);

/// --port, OPENCLAW_GATEWAY_PORT, gateway.port, that of the profile, 18789: the gateway's own order, after
/// spec.port.
std::uint16_t port_of(const GatewaySpec& spec, const Places& where, const Config& config);

/// What it listens with; `bearer` empty and `needed` true: it wants one that nobody can know (a random one
/// per start).
struct Credential {
  Secret bearer;
  bool needed = true;
};
Credential credential(const GatewaySpec& spec, const Places& where, const Config& config, const Host& host);

/// The package of the script that the command starts, from the package.json above it.
struct Package {
  std::filesystem::path directory;
  std::string version;
  std::string node_range;  // engines.node: ">=24.16.0 <25 || >=26.1.0"; empty if it does not say
};
std::optional<Package> installed_package(const GatewaySpec& spec, const Host& host);
/// The words that start the gateway's own tool, out of those that start it: "node --option …/dist/index.js
/// gateway", "…/openclaw.mjs gateway", "/usr/bin/openclaw gateway". Empty: it cannot be told.
std::vector<std::string> tool_of(const std::vector<std::string>& gateway_command);
/// Its version; empty if it cannot be found.
std::string installed_version(const GatewaySpec& spec, const Host& host);

}  // namespace meshops::openclaw
