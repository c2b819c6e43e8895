#include "audit/network_peers.h"

#include <arpa/inet.h>

#include <array>
#include <nlohmann/json.hpp>

namespace meshops::audit {

namespace {

using Json = nlohmann::json;

std::optional<Json> answer_of(const Site& site, Question question, std::string& error) {
  if (site.running() == nullptr) {
    error = "not a running machine";
    return std::nullopt;
  }
  auto answer = site.running()->ask(question);
  if (!answer) {
    error = answer.error().text();
    return std::nullopt;
  }
  auto json = Json::parse(*answer, nullptr, false);
  if (json.is_discarded()) {
    error = "the answer cannot be read";
    return std::nullopt;
  }
  return json;
}

std::optional<bool> bool_of(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}
std::string string_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::vector<std::string> strings_of(const Json& json, const char* key) {
  std::vector<std::string> out;
  auto found = json.find(key);
  if (found != json.end() && found->is_array())
    for (const auto& item : *found)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

}  // namespace

PeerAnswers PeerAnswers::gather(const Site& site) {
  PeerAnswers out;
  auto json = answer_of(site, Question::peers, out.error);
  if (!json || !json->is_array()) return out;
  for (const auto& item : *json) {
    if (!item.is_object()) continue;
    out.all.push_back({.node = string_of(item, "node"),
                       .self = bool_of(item, "self").value_or(false),
                       .ssh = bool_of(item, "ssh"),
                       .tcp = bool_of(item, "tcp"),
                       .icmp = bool_of(item, "icmp"),
                       .host_keys = strings_of(item, "host_keys"),
                       .seen_by = strings_of(item, "seen_by")});
  }
  return out;
}

ResolverAnswers ResolverAnswers::gather(const Site& site) {
  ResolverAnswers out;
  auto json = answer_of(site, Question::resolvers, out.error);
  if (!json || !json->is_object()) return out;
  if (auto servers = json->find("servers"); servers != json->end() && servers->is_array())
    for (const auto& item : *servers)
      if (item.is_object())
        if (auto answers = bool_of(item, "answers")) out.servers[string_of(item, "address")] = *answers;
  if (auto names = json->find("names"); names != json->end() && names->is_array())
    for (const auto& item : *names) {
      if (!item.is_object()) continue;
      Name name{.name = string_of(item, "name"), .layers = {}};
      if (auto layers = item.find("layers"); layers != item.end() && layers->is_array())
        for (const auto& layer : *layers)
          if (layer.is_object())
            name.layers.push_back({string_of(layer, "layer"), strings_of(layer, "addresses")});
      out.names.push_back(std::move(name));
    }
  return out;
}

AddressKind kind_of_address(std::string_view given) {
  const std::string word(given.substr(0, given.find('%')));
  std::array<unsigned char, 16> b{};
  if (inet_pton(AF_INET, word.c_str(), b.data()) == 1) {
    if (b[0] == 0) return AddressKind::unspecified;
    if (b[0] == 10) return AddressKind::ten;
    if (b[0] == 127) return AddressKind::loopback;
    if (b[0] == 100 && (b[1] & 0xc0) == 64) return AddressKind::carrier;
    if (b[0] == 169 && b[1] == 254) return AddressKind::link_local;
    if (b[0] == 172 && (b[1] & 0xf0) == 16) return AddressKind::one_seven_two;
    if (b[0] == 192 && b[1] == 168) return AddressKind::one_nine_two;
    return AddressKind::open;
  }
  if (inet_pton(AF_INET6, word.c_str(), b.data()) == 1) {
    bool zeros = true;
    for (std::size_t i = 0; i < 15; ++i) zeros = zeros && b[i] == 0;
    if (zeros && b[15] == 0) return AddressKind::unspecified;
    if (zeros && b[15] == 1) return AddressKind::loopback;
    if ((b[0] & 0xfe) == 0xfc) return AddressKind::unique_local;
    if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return AddressKind::link_local;
    return AddressKind::open;
  }
  return AddressKind::name;
}

std::string_view text(AddressKind kind) {
  switch (kind) {
    case AddressKind::name:
      return "a name";
    case AddressKind::open:
      return "a public address";
    case AddressKind::ten:
    case AddressKind::one_seven_two:
    case AddressKind::one_nine_two:
    case AddressKind::unique_local:
      return "a private address";
    case AddressKind::carrier:
      return "a carrier-grade address (100.64.0.0/10)";
    case AddressKind::link_local:
      return "a link-local address";
    case AddressKind::loopback:
      return "a loopback address";
    case AddressKind::unspecified:
      return "no address at all";
  }
  return "";
}

}  // namespace meshops::audit
