#include "gateway/openclaw_files.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::openclaw {

namespace fs = std::filesystem;

namespace {

/// --name value, or --name=value, in a command.
std::optional<std::string> option_of(const std::vector<std::string>& command, std::string_view name) {
  for (std::size_t i = 0; i < command.size(); ++i) {
    std::string_view word = command[i];
    if (word == name && i + 1 < command.size()) return command[i + 1];
    if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
      return std::string(word.substr(name.size() + 1));
  }
  return std::nullopt;
}
bool has_word(const std::vector<std::string>& command, std::string_view word) {
  return std::find(command.begin(), command.end(), word) != command.end();
}

std::string variable(const GatewaySpec& spec, const std::string& name) {
  auto found = spec.environment.find(name);
  return found == spec.environment.end() ? std::string() : std::string(trim(found->second));
}

fs::path home_of(const GatewaySpec& spec, const Host& host) {
  if (auto home = variable(spec, "HOME"); !home.empty()) return home;
  if (!spec.user.empty()) {
    if (auto accounts = host.accounts()) {
      for (const auto& account : *accounts)
        if (account.name == spec.user || std::to_string(account.uid) == spec.user) return account.home;
    }
  }
  if (spec.runtime == RuntimeKind::systemd_system || !host.live())
    return "/root";  // a unit without User= is root's
  return own_account().home;
}

fs::path expand(const std::string& path, const fs::path& home) {
  if (path == "~") return home;
  if (path.starts_with("~/")) return home / path.substr(2);
  return path;
}

/// As cli/profile.ts: a name of letters, digits, - and _; "default" is none.
std::string profile_of(const GatewaySpec& spec) {
  auto name = option_of(spec.command, "--profile").value_or(variable(spec, "OPENCLAW_PROFILE"));
  if (has_word(spec.command, "--dev")) name = "dev";
  if (lower(name) == "default") return {};
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') return {};
  return name;
}

}  // namespace

Places places(const GatewaySpec& spec, const Host& host) {
  Places found;
  found.profile = profile_of(spec);
  found.state_dir = spec.state_dir;
  found.config = spec.config;
  // What stands in a container is not in our file system: only what the spec names is.
  if (spec.runtime == RuntimeKind::docker) {
    if (found.config.empty() && !found.state_dir.empty()) found.config = found.state_dir / "openclaw.json";
    return found;
  }
  auto os_home = home_of(spec, host);
  auto home = os_home;
  if (auto set = variable(spec, "OPENCLAW_HOME"); !set.empty()) home = expand(set, os_home);
  if (found.state_dir.empty()) {
    if (auto set = variable(spec, "OPENCLAW_STATE_DIR"); !set.empty())
      found.state_dir = expand(set, home);
    else
      found.state_dir = home / (found.profile.empty() ? ".openclaw" : ".openclaw-" + found.profile);
  }
  if (found.config.empty()) {
    auto set = variable(spec, "OPENCLAW_CONFIG_PATH");
    found.config = set.empty() ? found.state_dir / "openclaw.json" : expand(set, home);
  }
  return found;
}

Config read_config(const GatewaySpec& spec, const Places& where, const Host& host) {
  Config config;
  if (where.config.empty()) return config;
  const auto name = where.config.filename().string();
  auto bytes = host.read(where.config, 4U << 20);
  if (!bytes) {
    config.note = bytes.error().is(code_name(FileCode::not_found))
                      ? fmt::format("there is no {}", where.config.string())
                      : bytes.error().text();
    return config;
  }
  if (trim(*bytes).empty()) {
    config.note = fmt::format("{} is empty", name);
    return config;
  }
  auto document = json5::Document::parse(*bytes);
  if (!document) {
    config.note = fmt::format("{}: {}", name, document.error().sentence());
    return config;
  }
  config.root = document->root();
  // $include may bring it in, and --allow-unconfigured does without.
  if (config.root.at("$include") || has_word(spec.command, "--allow-unconfigured")) return config;
  auto mode = config.root.find("gateway", "mode");
  if (mode.as_string().value_or("") != "local")
    config.note = mode ? fmt::format("{}: line {}: gateway.mode is not \"local\": the gateway will not start",
                                     name, mode.position().line)
                       : fmt::format("{}: gateway.mode is not set: the gateway will not start", name);
  auto port = config.root.find("gateway", "port");
  if (port && !port.as_int())
    config.note = fmt::format("{}: line {}: gateway.port is {}, not a number", name, port.position().line,
                              json5::kind_text(port.kind()));
  return config;
}

std::uint16_t port_of(const GatewaySpec& spec, const Places& where, const Config& config) {
  if (spec.port) return *spec.port;
  if (auto text = option_of(spec.command, "--port"))
    if (auto port = to_number<std::uint16_t>(*text); port && *port != 0) return *port;
  if (auto port = to_number<std::uint16_t>(variable(spec, "OPENCLAW_GATEWAY_PORT")); port && *port != 0)
    return *port;
  if (where.profile == "dev") return 19001;  // cli/profile.ts sets OPENCLAW_GATEWAY_PORT for it
  if (auto port = config.root.find("gateway", "port").as_int(); port && *port > 0 && *port <= 65535)
    return static_cast<std::uint16_t>(*port);
  if (where.profile.empty()) return kDefaultPort;
  std::uint32_t hash = 2166136261U;  // FNV-1a, as config/paths.ts spreads profiles over 20000–59999
  for (char c : where.profile) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<std::uint16_t>(20000U + hash % 40000U);
}

namespace {

/// Where `${VAR}` in the configuration comes from (facts, section 5): the gateway's environment, $STATE/.env,
/// env.vars.
class Variables {
 public:
  Variables(const GatewaySpec& spec, const Places& where, const Config& config, const Host& host)
      : spec_(spec), own_(own_environment()) {
    if (auto bytes = host.read(where.state_dir / ".env", 1U << 20)) {
      for (auto line : split(*bytes, '\n')) {
        line = trim(line);
        if (line.starts_with("export ")) line = trim(line.substr(7));
        auto equals = line.find('=');
        if (line.starts_with('#') || equals == std::string_view::npos) continue;
        auto value = trim(line.substr(equals + 1));
        if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
          value = value.substr(1, value.size() - 2);
        files_.try_emplace(std::string(trim(line.substr(0, equals))), value);
      }
    }
    for (const auto& member : config.root.find("env", "vars").members())
      if (auto value = member.value.as_string()) files_.try_emplace(member.key, *value);
  }

  std::string get(const std::string& name) const {
    if (auto found = spec_.environment.find(name); found != spec_.environment.end()) return found->second;
    // A child of ours inherits what we have; a unit does not.
    if (spec_.runtime == RuntimeKind::process)
      if (auto found = own_.find(name); found != own_.end()) return found->second;
    auto found = files_.find(name);
    return found == files_.end() ? std::string() : found->second;
  }

  /// Empty if a variable in it is not set.
  std::string fill(const std::string& text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text.compare(i, 3, "$${") == 0) {  // an escape
        out += "${";
        i += 3;
        continue;
      }
      auto close = text.compare(i, 2, "${") == 0 ? text.find('}', i) : std::string::npos;
      if (close == std::string::npos) {
        out += text[i++];
        continue;
      }
      auto value = get(text.substr(i + 2, close - i - 2));
      if (value.empty()) return {};
      out += value;
      i = close + 1;
    }
    return out;
  }

  std::string credential(const json5::Value& value) const {
    if (auto text = value.as_string()) {
      const bool bare =
          text->size() > 1 && (*text)[0] == '$' &&
          text->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", 1) == std::string::npos;
      return bare ? get(text->substr(1)) : fill(*text);
    }
    if (value.at("source").as_string() == "env") return get(value.at("id").as_string().value_or(""));
    return {};  // file, exec and store references are the gateway's own business
  }

 private:
  const GatewaySpec& spec_;
  Environment own_;
  Environment files_;
};

}  // namespace

Credential credential(const GatewaySpec& spec, const Places& where, const Config& config, const Host& host) {
  Variables variables(spec, where, config, host);
  auto auth = config.root.find("gateway", "auth");
  auto mode = auth.at("mode").as_string().value_or("");
  Credential found;
  if (mode == "none") {
    found.needed = false;
    return found;
  }
  const bool password = mode == "password" || (mode.empty() && !auth.at("token") && auth.at("password"));
  auto value = variables.credential(auth.at(password ? "password" : "token"));
  if (value.empty()) value = variables.get(password ? "OPENCLAW_GATEWAY_PASSWORD" : "OPENCLAW_GATEWAY_TOKEN");
  found.bearer = Secret(std::move(value));
  return found;
}

namespace {

std::optional<Package> package_in(const fs::path& directory, const char* name, const Host& host,
                                  bool must_be_openclaw) {
  auto bytes = host.read(directory / name, 1U << 20);
  if (!bytes) return std::nullopt;
  auto json = nlohmann::json::parse(*bytes, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto text_of = [](const nlohmann::json& object, const char* key) {
    auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? printable(found->get<std::string>()).substr(0, 64)
                                                       : std::string();
  };
  if (must_be_openclaw && text_of(json, "name") != "openclaw") return std::nullopt;
  Package package{.directory = directory, .version = text_of(json, "version"), .node_range = {}};
  if (package.version.empty()) return std::nullopt;
  if (auto engines = json.find("engines"); engines != json.end())
    package.node_range = text_of(*engines, "node");
  return package;
}

fs::path followed(fs::path path, const Host& host) {
  for (int i = 0; i < 16; ++i) {
    auto target = host.read_link(path);
    if (!target) break;
    path = (path.parent_path() / *target).lexically_normal();  // an absolute target replaces the whole
  }
  return path;
}

}  // namespace

std::optional<Package> installed_package(const GatewaySpec& spec, const Host& host) {
  std::vector<fs::path> candidates;
  for (std::size_t i = 0; i < spec.command.size() && i < 8; ++i) {
    const auto& word = spec.command[i];
    if (word.empty() || word.starts_with('-')) continue;
    if (word.find('/') != std::string::npos)
      candidates.push_back(word.starts_with('/') ? fs::path(word) : spec.working_dir / word);
    else if (word == "openclaw" || word.ends_with(".mjs") || word.ends_with(".js")) {
      if (!spec.working_dir.empty()) candidates.push_back(spec.working_dir / word);
      auto path = variable(spec, "PATH");
      if (path.empty()) path = "/usr/local/bin:/usr/bin:/bin";
      for (auto directory : split(path, ':'))
        if (directory.starts_with('/')) candidates.push_back(fs::path(directory) / word);
    }
  }
  for (const auto& candidate : candidates) {
    auto script = followed(candidate.lexically_normal(), host);
    auto directory = script.parent_path();
    // openclaw.mjs stands beside package.json, dist/index.js one below, dist/cli/… two.
    for (int up = 0; up < 4 && directory.has_relative_path(); ++up, directory = directory.parent_path()) {
      if (auto package = package_in(directory, "package.json", host, true)) return package;
      if (directory.filename() == "openclaw")
        if (auto package = package_in(directory / "dist", "build-info.json", host, false)) return package;
    }
  }
  return std::nullopt;
}

std::vector<std::string> tool_of(const std::vector<std::string>& gateway_command) {
  for (std::size_t i = 0; i < gateway_command.size(); ++i) {
    const auto& word = gateway_command[i];
    if (word.ends_with(".mjs") || word.ends_with(".js") || fs::path(word).filename() == "openclaw")
      return {gateway_command.begin(), gateway_command.begin() + static_cast<std::ptrdiff_t>(i) + 1};
  }
  return {};
}

std::string installed_version(const GatewaySpec& spec, const Host& host) {
  auto package = installed_package(spec, host);
  return package ? package->version : std::string();
}

}  // namespace meshops::openclaw
