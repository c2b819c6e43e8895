// The bots that a gateway speaks as: tokens that may be used from one place at a time, because the second one
// takes the first one's messages. Read from OpenClaw's configuration; asked by the agent, which compares them
// across the mesh, and by the audit's rule. Resolves no references to other files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/process.h"
#include "base/secret.h"
#include "config/mesh.h"
#include "formats/json5.h"
#include "host/host.h"

namespace meshops {

struct Bot {
  std::string channel;  // "telegram"
  Secret token;
};

/// Of a gateway as its files are now; none where they cannot be read, or where it is no OpenClaw.
std::vector<Bot> bots_of(const GatewaySpec& spec, const Host& host);

namespace openclaw {

/// Channel and key.
std::span<const std::pair<std::string_view, std::string_view>> bot_keys();
/// Where the configuration names none, the channel's default account takes this variable.
std::span<const std::pair<std::string_view, std::string_view>> bot_variables();

/// Those that are switched on and whose token stands there, or in `variables`, as text.
std::vector<Bot> bots_of(const json5::Value& config, const Environment& variables);

}  // namespace openclaw
}  // namespace meshops
