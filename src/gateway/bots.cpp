#include "gateway/bots.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/openclaw_files.h"

namespace meshops::openclaw {

namespace {

using Pair = std::pair<std::string_view, std::string_view>;
constexpr std::array<Pair, 9> kKeys = {{{"telegram", "botToken"},
                                        {"discord", "token"},
                                        {"slack", "botToken"},
                                        {"slack", "appToken"},
                                        {"mattermost", "botToken"},
                                        {"line", "channelAccessToken"},
                                        {"matrix", "accessToken"},
                                        {"zalo", "botToken"},
                                        {"twitch", "accessToken"}}};
constexpr std::array<Pair, 3> kVariables = {
    {{"telegram", "TELEGRAM_BOT_TOKEN"}, {"discord", "DISCORD_BOT_TOKEN"}, {"slack", "SLACK_BOT_TOKEN"}}};
/// Shorter ones are none, and a reference (${NAME}) is not looked up.
constexpr std::size_t kShortest = 8;

bool off(const json5::Value& value) { return value.at("enabled").as_bool() == false; }

bool add(std::vector<Bot>& out, const std::string& channel, std::string token) {
  token = std::string(trim(token));
  if (token.size() < kShortest || token.find("${") != std::string::npos) return false;
  out.push_back({channel, Secret(std::move(token))});
  return true;
}

}  // namespace

std::span<const Pair> bot_keys() { return kKeys; }
std::span<const Pair> bot_variables() { return kVariables; }

std::vector<Bot> bots_of(const json5::Value& config, const Environment& variables) {
  std::vector<Bot> out;
  for (const auto& channel : config.at("channels").members()) {
    if (off(channel.value)) continue;
    for (const auto& [name, key] : kKeys) {
      if (name != channel.key) continue;
      bool any = add(out, channel.key, channel.value.at(key).as_string().value_or(""));
      for (const auto& account : channel.value.at("accounts").members()) {
        any = any || account.value.at(key);
        if (!off(account.value)) add(out, channel.key, account.value.at(key).as_string().value_or(""));
      }
      if (any || channel.value.at(key)) continue;
      for (const auto& [of, variable] : kVariables)
        if (auto found = variables.find(std::string(variable)); of == channel.key && key != "appToken")
          if (found != variables.end()) add(out, channel.key, found->second);
    }
  }
  return out;
}

}  // namespace meshops::openclaw

namespace meshops {

std::vector<Bot> bots_of(const GatewaySpec& spec, const Host& host) {
  if (spec.kind != GatewayKind::openclaw) return {};
  auto config = openclaw::read_config(spec, openclaw::places(spec, host), host);
  return config.root ? openclaw::bots_of(config.root, spec.environment) : std::vector<Bot>{};
}

}  // namespace meshops
