#include "audit/gateway_seat.h"

#include <algorithm>

#include "audit/gateway_units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

std::string unquoted(std::string_view value) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '\\' && quote != '\'' && i + 1 < value.size()) {
      out += value[++i];
    } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote != 0 ? '\0' : c;
    } else {
      out += c;
    }
  }
  return out;
}

/// In a repo the file of that name, wherever it lies: only its place on the machine is known.
std::optional<std::string> read_named(const Site& site, const fs::path& path, FileKind kind) {
  if (auto text = site.host().read(path, 1U << 20)) return std::move(*text);
  if (!site.repo()) return std::nullopt;
  std::optional<std::string> found;
  for (const auto* file : site.files().of(kind))
    if (file->path.filename() == path.filename() && !found)
      if (auto text = site.host().read(file->path, 1U << 20)) found = std::move(*text);
  return found;
}

}  // namespace

Environment parse_environment_file(std::string_view text) {
  Environment out;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (line.starts_with("export ")) line = trim(line.substr(7));
    auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    auto name = trim(line.substr(0, equals));
    if (name.find_first_of(" \t\"'") != std::string_view::npos) continue;
    out[std::string(name)] = unquoted(trim(line.substr(equals + 1)));
  }
  return out;
}

ServiceEnvironment service_environment(const Site& site, const Unit& unit) {
  ServiceEnvironment out;
  auto specifiers = unit.specifiers();
  for (const auto& word : unit.list("Service", "PassEnvironment")) out.variables[word] = "";
  for (const auto& [name, value] : unit.file.environment(specifiers)) out.variables[name] = value;
  // What files say wins over Environment=.
  for (const auto& value : unit.file.values("Service", "EnvironmentFile")) {
    auto path = systemd::expand(value, specifiers);
    bool optional = path.starts_with('-');
    if (optional) path.erase(0, 1);
    auto text = read_named(site, path, FileKind::env_file);
    if (text) {
      for (const auto& [name, set] : parse_environment_file(*text)) out.variables[name] = set;
      continue;
    }
    auto there = site.repo() || path.find_first_of("*?[%") != std::string::npos ||
                 !site.host().read(path).error().is("file.not_found");
    if (there) out.unseen.push_back(path);
  }
  for (const auto* key :
       {"LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"})
    for (const auto& value : unit.file.values("Service", key)) {
      auto id = value.substr(0, value.find(':'));
      out.variables.try_emplace(id, "");
    }
  for (const auto& command : unit.commands()) {
    // "env NAME=value node …"
    for (const auto& word : command.argv) {
      auto equals = word.find('=');
      if (equals == std::string::npos || equals == 0 || word.starts_with('-')) continue;
      auto name = word.substr(0, equals);
      if (std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }))
        out.variables[name] = word.substr(equals + 1);
    }
  }
  for (const auto& name : unit.list("Service", "UnsetEnvironment")) out.variables.erase(name);
  return out;
}

Seat gateway_seat(const Site& site, const Unit& unit) {
  Seat seat;
  auto& spec = seat.spec;
  spec.name = unit.name;
  spec.unit = unit.name;
  spec.runtime = unit.of_user ? RuntimeKind::systemd_user : RuntimeKind::systemd_system;
  spec.user = unit.user();
  auto environment = service_environment(site, unit);
  spec.environment = environment.variables;
  for (const auto& command : unit.commands()) {
    spec.command = command.argv;
    for (std::size_t i = 0; i + 1 < command.argv.size(); ++i)
      if (command.argv[i].size() < 6 && command.argv[i].starts_with('-') && command.argv[i].ends_with('c'))
        for (const auto& inner : shell_commands(command.argv[i + 1]))
          if (command_starts_gateway(inner)) spec.command = inner;
    if (command_starts_gateway(command.argv)) break;
  }
  // Of a wrapper the command that it runs counts.
  for (const auto& script : unit.scripts)
    if (auto text = site.host().read(script, 256U << 10)) {
      for (const auto& inner : shell_commands(*text)) {
        if (command_starts_gateway(inner)) spec.command = inner;
        for (const auto& word : inner)
          if (auto equals = word.find('='); equals != std::string::npos && word.starts_with("OPENCLAW_"))
            spec.environment.try_emplace(word.substr(0, equals), word.substr(equals + 1));
      }
    }
  if (!spec.environment.contains("HOME") || spec.environment["HOME"].empty())
    spec.environment["HOME"] = unit.home.empty() ? "/~" : unit.home;
  for (const auto& known : site.mesh().gateways)
    if (known.unit == unit.name) {
      spec.state_dir = known.state_dir;
      spec.config = known.config;
      spec.port = known.port;
    }
  seat.places = openclaw::places(spec, site.host());
  auto config = openclaw::read_config(spec, seat.places, site.host());
  auto text = spec.environment.find("OPENCLAW_GATEWAY_PORT");
  bool open = std::ranges::any_of(spec.command, [](const auto& w) {
    return w.find('$') != std::string::npos || w.find('%') != std::string::npos;
  });
  open = open || (text != spec.environment.end() && !to_number<std::uint16_t>(trim(text->second)));
  if (!open && environment.unseen.empty()) seat.port = openclaw::port_of(spec, seat.places, config);
  return seat;
}

bool seats_clash(const Seat& a, const Seat& b) {
  return (a.port && b.port && *a.port == *b.port) || a.places.state_dir == b.places.state_dir;
}

}  // namespace meshops::audit
