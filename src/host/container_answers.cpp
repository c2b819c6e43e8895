// The engine's answers (API v1.41) as values. Pure: whatever the bytes, an Error or a value.
#include <string.h>  // explicit_bzero

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host/containers.h"

namespace meshops {

namespace {

using nlohmann::json;

// nlohmann's own accessors throw on a wrong type; these give an empty value instead.
const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  auto it = object.find(name);
  return it == object.end() ? nothing : *it;
}
std::string text(const json& value) {
  return value.is_string() ? value.get_ref<const std::string&>() : std::string();
}
std::string text(const json& object, const char* name) { return text(member(object, name)); }
template <class T>
T number(const json& object, const char* name) {
  const auto& value = member(object, name);
  if (value.is_number_unsigned()) {
    auto n = value.get<std::uint64_t>();
    return n <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()) ? static_cast<T>(n) : T{};
  }
  if (value.is_number_integer()) {
    auto n = value.get<std::int64_t>();  // negative here
    if (std::is_signed_v<T> && n >= static_cast<std::int64_t>(std::numeric_limits<T>::min()))
      return static_cast<T>(n);
  }
  return T{};
}
bool flag(const json& object, const char* name) {
  const auto& value = member(object, name);
  return value.is_boolean() && value.get<bool>();
}

/// Names are paths ("/openclaw") for historical reasons; linked containers have longer ones.
std::string plain_name(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

void read_mounts(const json& mounts, ContainerInfo& out) {
  if (!mounts.is_array()) return;
  for (const auto& mount : mounts)
    if (auto inside = text(mount, "Destination"); !inside.empty())
      out.mounts.emplace_back(text(mount, "Source"), inside);
}

Error bad_answer(std::string_view what) {
  return error(EngineCode::bad_answer, "the container engine's answer is not {}", what);
}

}  // namespace

Result<std::vector<ContainerInfo>> parse_container_list(std::string_view bytes) {
  auto answer = json::parse(bytes, nullptr, false);
  if (!answer.is_array()) return fail(bad_answer("a list of containers"));
  std::vector<ContainerInfo> out;
  for (const auto& item : answer) {
    ContainerInfo c;
    c.id = text(item, "Id");
    if (c.id.empty()) return fail(bad_answer("a list of containers: one has no Id"));
    const auto& names = member(item, "Names");
    if (names.is_array())
      for (const auto& name : names)
        if (auto plain = plain_name(text(name)); c.name.empty() || !plain.contains('/')) c.name = plain;
    c.image = text(item, "Image");
    c.state = text(item, "State");
    auto command = text(item, "Command");
    for (auto word : split(command, ' ')) c.command.emplace_back(word);
    // The list tells the exit code only in its sentence: "Exited (137) 3 minutes ago".
    if (auto status = text(item, "Status"); status.starts_with("Exited ("))
      c.exit_code = to_number<int>(std::string_view(status).substr(8, status.find(')') - 8)).value_or(0);
    const auto& ports = member(item, "Ports");
    if (ports.is_array())
      for (const auto& port : ports)
        c.ports.push_back({.host_address = text(port, "IP"),
                           .host_port = number<std::uint16_t>(port, "PublicPort"),
                           .container_port = number<std::uint16_t>(port, "PrivatePort")});
    read_mounts(member(item, "Mounts"), c);
    out.push_back(std::move(c));
  }
  return out;
}

Result<ContainerInfo> parse_container(std::string_view bytes) {
  // Members that may hold secrets are dropped while parsing: only the names of variables stay.
  auto names_only = [in_env = 0](int depth, json::parse_event_t event, json& value) mutable {
    if (event == json::parse_event_t::key) in_env = value == "Env" ? depth : 0;
    if (event == json::parse_event_t::value && in_env != 0 && depth > in_env && value.is_string()) {
      auto& variable = value.get_ref<std::string&>();
      auto end = std::min(variable.find('='), variable.size());
      ::explicit_bzero(variable.data() + end, variable.size() - end);
      variable.resize(end);
    }
    return true;
  };
  auto answer = json::parse(bytes, names_only, false);
  if (!answer.is_object()) return fail(bad_answer("a container"));
  ContainerInfo c;
  c.id = text(answer, "Id");
  if (c.id.empty()) return fail(bad_answer("a container: it has no Id"));
  c.name = plain_name(text(answer, "Name"));
  const auto& state = member(answer, "State");
  c.state = text(state, "Status");
  c.pid = number<pid_t>(state, "Pid");
  c.exit_code = number<int>(state, "ExitCode");
  c.oom_killed = flag(state, "OOMKilled");
  c.started = parse_iso8601(text(state, "StartedAt"));
  c.restarts = number<unsigned>(answer, "RestartCount");

  const auto& config = member(answer, "Config");
  c.image = text(config, "Image");
  if (auto path = text(answer, "Path"); !path.empty()) c.command.push_back(std::move(path));
  if (const auto& args = member(answer, "Args"); args.is_array())
    for (const auto& arg : args) c.command.push_back(text(arg));
  if (const auto& environment = member(config, "Env"); environment.is_array())
    for (const auto& variable : environment) {
      auto name = text(variable);
      c.environment_names.push_back(name.substr(0, name.find('=')));
    }
  const auto& host = member(answer, "HostConfig");
  c.restart_policy = text(member(host, "RestartPolicy"), "Name");

  // {"18789/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18789"}], "9/udp": null}; when it does not run, what
  // is wished for stands in HostConfig.
  const auto* ports = &member(member(answer, "NetworkSettings"), "Ports");
  if (!ports->is_object() || ports->empty()) ports = &member(host, "PortBindings");
  if (ports->is_object())
    for (const auto& [name, bindings] : ports->items()) {
      auto inside = to_number<std::uint16_t>(std::string_view(name).substr(0, name.find('/')));
      if (!inside) continue;
      if (!bindings.is_array() || bindings.empty())
        c.ports.push_back({.host_address = {}, .container_port = *inside});
      if (bindings.is_array())
        for (const auto& binding : bindings)
          c.ports.push_back({.host_address = text(binding, "HostIp"),
                             .host_port = to_number<std::uint16_t>(text(binding, "HostPort")).value_or(0),
                             .container_port = *inside});
    }
  read_mounts(member(answer, "Mounts"), c);
  return c;
}

bool has_ending_signal(std::string_view events) {
  for (auto line : split(events, '\n')) {
    auto event = json::parse(line, nullptr, false);
    if (!event.is_object() || text(event, "Action") != "kill") continue;
    auto signal = text(member(member(event, "Actor"), "Attributes"), "signal");
    // Numbers and, from some engines, names; SIGHUP and the like do not end a container.
    for (const auto* ending : {"2", "3", "9", "15", "SIGINT", "SIGQUIT", "SIGKILL", "SIGTERM"})
      if (signal == ending) return true;
  }
  return false;
}

std::string unframe_log(std::string_view bytes) {
  std::string out;
  auto framed = [](std::string_view at) {
    return at.size() >= 8 && static_cast<unsigned char>(at[0]) <= 2 && at[1] == '\0' && at[2] == '\0' &&
           at[3] == '\0';
  };
  if (!framed(bytes)) return std::string(bytes);
  while (framed(bytes)) {
    std::size_t size = 0;
    for (std::size_t i = 4; i < 8; ++i) size = size << 8 | static_cast<unsigned char>(bytes[i]);
    bytes.remove_prefix(8);
    size = std::min(size, bytes.size());
    out += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return out;
}

}  // namespace meshops
