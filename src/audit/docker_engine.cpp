#include "audit/docker_engine.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::audit {

namespace {

using Json = nlohmann::json;

const Json& member(const Json& json, const char* key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  auto found = json.find(key);
  return found == json.end() ? nothing : *found;
}
std::string string_of(const Json& json) { return json.is_string() ? json.get<std::string>() : ""; }
bool true_of(const Json& json) { return json.is_boolean() && json.get<bool>(); }
std::uint64_t number_of(const Json& json) {
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer()) return json.get<std::int64_t>() < 0 ? 0 : json.get<std::uint64_t>();
  return 0;
}
std::vector<std::string> strings_of(const Json& json) {
  std::vector<std::string> out;
  if (json.is_array())
    for (const auto& item : json)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}
std::map<std::string, std::string> texts_of(const Json& json) {
  std::map<std::string, std::string> out;
  if (json.is_object())
    for (const auto& [key, value] : json.items()) out[key] = string_of(value);
  return out;
}

Container container_of(const Json& json) {
  const auto& config = member(json, "Config");
  const auto& host = member(json, "HostConfig");
  Container c;
  c.id = string_of(member(json, "Id"));
  c.name = string_of(member(json, "Name"));
  if (c.name.starts_with('/')) c.name.erase(0, 1);
  if (c.name.empty()) c.name = c.id.substr(0, 12);
  c.image = string_of(member(config, "Image"));
  c.pid = static_cast<pid_t>(number_of(member(member(json, "State"), "Pid")) & 0x7FFFFFFF);
  c.user = string_of(member(config, "User"));
  for (const auto& entry : strings_of(member(config, "Env"))) {
    auto equals = entry.find('=');
    c.environment.emplace_back(entry.substr(0, equals),
                               equals == std::string::npos ? "" : entry.substr(equals + 1));
  }
  c.labels = texts_of(member(config, "Labels"));
  c.privileged = true_of(member(host, "Privileged"));
  c.cap_add = strings_of(member(host, "CapAdd"));
  c.cap_drop = strings_of(member(host, "CapDrop"));
  c.memory = number_of(member(host, "Memory"));
  c.restart_policy = string_of(member(member(host, "RestartPolicy"), "Name"));
  c.auto_remove = true_of(member(host, "AutoRemove"));
  auto test = strings_of(member(member(config, "Healthcheck"), "Test"));
  c.healthcheck = !test.empty() || member(member(json, "State"), "Health").is_object();
  c.log_driver = string_of(member(member(host, "LogConfig"), "Type"));
  c.log_options = texts_of(member(member(host, "LogConfig"), "Config"));
  c.network_mode = string_of(member(host, "NetworkMode"));
  c.userns_mode = string_of(member(host, "UsernsMode"));
  const auto& mounts = member(json, "Mounts");
  if (mounts.is_array())
    for (const auto& m : mounts)
      c.mounts.push_back({.source = string_of(member(m, "Source")),
                          .target = string_of(member(m, "Destination")),
                          .writable = !member(m, "RW").is_boolean() || true_of(member(m, "RW"))});
  if (c.mounts.empty())
    for (const auto& bind : strings_of(member(host, "Binds"))) {
      auto parts = split(bind, ':');
      if (parts.size() > 1)
        c.mounts.push_back({.source = std::string(parts[0]),
                            .target = std::string(parts[1]),
                            .writable = parts.size() < 3 || parts[2].find("ro") == std::string_view::npos});
    }
  const auto* ports = &member(member(json, "NetworkSettings"), "Ports");
  if (!ports->is_object() || ports->empty()) ports = &member(host, "PortBindings");
  if (ports->is_object())
    for (const auto& [key, bindings] : ports->items()) {
      auto slash = key.find('/');
      auto port = to_number<std::uint16_t>(std::string_view(key).substr(0, slash));
      if (!port || (slash != std::string::npos && key.substr(slash + 1) != "tcp")) continue;
      if (!bindings.is_array() || bindings.empty()) continue;
      auto address = string_of(member(bindings[0], "HostIp"));
      auto host_port = to_number<std::uint16_t>(string_of(member(bindings[0], "HostPort")));
      c.published.push_back({.host_address = address, .host = host_port.value_or(0), .container = *port});
    }
  const auto& devices = member(host, "Devices");
  if (devices.is_array())
    for (const auto& d : devices) c.devices.push_back(string_of(member(d, "PathOnHost")));
  return c;
}

}  // namespace

std::string Container::text() const {
  return fmt::format("container {} ({})", printable(name), printable(image));
}

bool Container::configured_as_root() const {
  auto who = user.substr(0, user.find(':'));
  return who.empty() || who == "root" || who == "0";
}

DockerEngine DockerEngine::gather(const Site& site) {
  DockerEngine out;
  if (site.running() == nullptr) return out;
  auto answer = site.running()->ask(Question::containers);
  if (!answer) {
    // No engine on this machine is nothing to tell.
    if (!answer.error().is("audit.not_here"))
      out.trouble_ = Skip{"", "the containers", answer.error().text()};
  } else {
    auto json = Json::parse(*answer, nullptr, false);
    if (!json.is_array())
      out.trouble_ = Skip{"", "the containers", "the engine's answer is no JSON array"};
    else
      for (const auto& item : json) out.containers_.push_back(container_of(item));
  }
  if (auto info = site.running()->ask(Question::engine_info)) {
    auto json = Json::parse(*info, nullptr, false);
    if (json.is_object()) {
      if (member(json, "SecurityOptions").is_array()) {
        out.maps_users_ = false;
        for (const auto& option : strings_of(member(json, "SecurityOptions")))
          if (option.find("name=userns") != std::string::npos ||
              option.find("name=rootless") != std::string::npos)
            out.maps_users_ = true;
      }
      if (auto root = string_of(member(json, "DockerRootDir")); root.starts_with('/')) out.root_ = root;
    }
  }
  return out;
}

}  // namespace meshops::audit
