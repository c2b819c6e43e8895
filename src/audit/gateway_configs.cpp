#include "audit/gateway_configs.h"

#include <algorithm>
#include <set>

#include "audit/gateway_seat.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/utf8.h"
#include "gateway/gateway.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostConfig = 4U << 20;  // as the gateway room reads it
constexpr std::size_t kMostEnv = 1U << 20;
constexpr std::string_view kNameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/// Names of ${NAME} in a text; $${NAME} is an escape.
std::vector<std::string> references_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "$${") {
      i += 2;
      continue;
    }
    if (text.substr(i, 2) != "${") continue;
    auto close = text.find('}', i);
    if (close == std::string_view::npos) break;
    auto name = text.substr(i + 2, close - i - 2);
    // Anything else stays as it is written.
    if (!name.empty() && name.find_first_not_of(kNameLetters) == std::string_view::npos &&
        (name[0] < '0' || name[0] > '9'))
      out.emplace_back(name);
    i = close;
  }
  return out;
}

bool is_bare_reference(std::string_view text) {
  return text.size() > 1 && text[0] == '$' && text.find_first_not_of(kNameLetters, 1) == text.npos;
}

}  // namespace

bool GatewayConfig::blank() const { return trim(text).empty(); }

std::string GatewayConfig::full_model(const std::string& reference) const {
  if (reference.find('/') != reference.npos) return reference;
  for (const auto& member : root().find("agents", "defaults", "models").members())
    if (member.value.at("alias").as_string() == reference) return member.key;
  return reference;
}

std::vector<std::string> variables_in(const json5::Value& value) {
  if (auto text = value.as_string()) {
    if (is_bare_reference(*text)) return {text->substr(1)};
    return references_in(*text);
  }
  if (value.at("source").as_string() == "env")
    if (auto id = value.at("id").as_string()) return {*id};
  return {};
}

std::optional<std::string> GatewayConfig::secret(const json5::Value& value) const {
  auto known = [this](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
  auto names = variables_in(value);
  auto written = value.as_string();
  if (!written) return names.empty() ? std::nullopt : known(names[0]);
  if (names.empty()) return written->empty() ? std::nullopt : written;
  if (is_bare_reference(*written)) return known(names[0]);
  std::string out = *written;
  for (const auto& name : names) {
    auto value_of = known(name);
    if (!value_of) return std::nullopt;
    auto mark = "${" + name + "}";
    if (auto where = out.find(mark); where != std::string::npos) out.replace(where, mark.size(), *value_of);
  }
  return out;
}

class ConfigGatherer {
 public:
  ConfigGatherer(const Site& site, GatewayConfigs& out) : site_(site), out_(out) {
    if (!site.repo())
      if (auto accounts = site.host().accounts()) accounts_ = *accounts;
  }

  void gather() {
    if (!site_.repo()) {
      for (const auto* unit : site_.facts<Units>().gateways())
        if (!unit->is_template()) of_unit(*unit);
      for (const auto& spec : site_.mesh().gateways_of(site_.mesh().node))
        if (spec.kind == GatewayKind::openclaw && spec.enabled) of_spec(spec);
    }
    for (const auto* file : site_.files().of(FileKind::gateway_config)) add(file->path, {});
    everything_set();
    for (auto& [path, config] : found_) {
      finish(config);
      out_.all_.push_back(std::move(config));
    }
  }

 private:
  void of_unit(const Unit& unit) {
    auto commands = unit.commands();
    if (commands.empty() || (unit.of_user && !unit.owner)) return;
    GatewaySpec spec;
    spec.name = unit.name;
    spec.unit = unit.name;
    spec.runtime = unit.of_user ? RuntimeKind::systemd_user : RuntimeKind::systemd_system;
    for (const auto& known : site_.mesh().gateways_of(site_.mesh().node))
      if (known.unit == spec.unit && known.runtime == spec.runtime) spec.name = known.name;
    spec.user = unit.of_user ? unit.owner->name : unit.file.value("Service", "User").value_or("");
    spec.working_dir = unit.file.value("Service", "WorkingDirectory").value_or("");
    for (const auto& command : commands)
      if (starts_gateway(command.argv)) {
        spec.command = command.argv;
        spec.command[0] = command.path;
      }
    spec.environment = unit_environment(unit, spec.user);
    of_spec(spec);
  }
  void of_spec(const GatewaySpec& spec) {
    auto where = openclaw::places(spec, site_.host());
    if (where.config.empty() || !site_.host().stat(where.config)) return;
    auto& config = add(where.config, spec);
    config.state_dir = where.state_dir;
  }

  std::string home_of(const std::string& user) const {
    for (const auto& account : accounts_)
      if (account.name == user || (user.empty() && account.uid == 0)) return account.home;
    return {};
  }

  Environment unit_environment(const Unit& unit, const std::string& user) const {
    systemd::Specifiers specifiers{.unit = unit.name, .user = user, .home = home_of(user)};
    auto environment = unit.file.environment(specifiers);
    for (auto line : unit.file.values("Service", "EnvironmentFile")) {
      if (line.starts_with('-')) line.erase(0, 1);
      auto path = systemd::expand(line, specifiers);
      if (auto bytes = site_.host().read(path, kMostEnv))
        for (auto& [name, value] : parse_environment_file(*bytes)) environment.insert_or_assign(name, value);
    }
    return {environment.begin(), environment.end()};
  }

  GatewayConfig& add(const fs::path& path, const GatewaySpec& spec) {
    auto& config = found_[path.lexically_normal().string()];
    if (config.path.empty()) {
      config.path = path.lexically_normal();
      config.state_dir = config.path.parent_path();
      config.spec = spec;
      for (const auto& account : accounts_)
        if (account.home.has_relative_path() && config.path.string().starts_with(account.home.string() + "/"))
          config.owner = account;
    }
    return config;
  }

  /// Names that anything in the site gives a value.
  void everything_set() {
    for (const auto* file : site_.files().of(FileKind::env_file)) {
      auto name = file->path.filename().string();
      // An example shows names, and no gateway reads it.
      bool example = name.find("example") != name.npos || name.find("sample") != name.npos ||
                     name.find("template") != name.npos;
      if (example) continue;
      out_.shows_environment_ = true;
      if (auto bytes = site_.host().read(file->path, kMostEnv))
        for (const auto& [variable, value] : parse_environment_file(*bytes))
          if (!value.empty()) out_.set_[variable] = true;
    }
    for (const auto* unit : site_.facts<Units>().gateways()) {
      out_.shows_environment_ = true;
      auto user =
          unit->of_user && unit->owner ? unit->owner->name : unit->file.value("Service", "User").value_or("");
      for (const auto& [variable, value] : unit_environment(*unit, user))
        if (!value.empty()) out_.set_[variable] = true;
      // Handed over at start: from another unit's file, the manager, or a credential.
      for (const auto& line : unit->file.values("Service", "PassEnvironment"))
        for (auto word : words(line)) out_.set_[std::string(word)] = true;
    }
    if (!site_.repo()) out_.shows_environment_ = true;
  }

  void finish(GatewayConfig& config) {
    auto bytes = site_.host().read(config.path, kMostConfig);
    if (!bytes) {
      config.unreadable = bytes.error().text();
      return;
    }
    config.text = std::move(*bytes);
    auto document = json5::Document::parse(config.text, &config.problem);
    if (document) config.document = std::move(*document);
    auto root = config.root();
    config.stamped = printable(root.find("meta", "lastTouchedVersion").as_string().value_or(""));
    if (!site_.repo()) config.package = package_of(config);

    auto give = [&config](const std::string& name, const std::string& value) {
      config.variables.try_emplace(name, value);
    };
    // The gateway's own order: its environment, .env beside it, env.vars.
    for (const auto& [name, value] : config.spec.environment) give(name, value);
    of_process(config);
    for (auto folder = config.path.parent_path();; folder = folder.parent_path()) {
      if (auto env = site_.host().read(folder / ".env", kMostEnv))
        for (const auto& [name, value] : parse_environment_file(*env)) give(name, value);
      // In a repo one .env at its top serves all below it.
      if (!site_.repo() || !folder.has_relative_path()) break;
    }
    for (const auto& vars : {root.find("env", "vars"), root.at("env")})
      for (const auto& member : vars.members())
        if (auto value = member.value.as_string()) {
          give(member.key, *value);
          if (!value->empty()) out_.set_[member.key] = true;
        }
  }

  /// What its process has of the variables that the text names; only root and its owner see that.
  void of_process(GatewayConfig& config) {
    if (!site_.live()) return;
    auto names = references_in(config.text);
    for (std::string_view usual : {"TELEGRAM_BOT_TOKEN", "DISCORD_BOT_TOKEN", "SLACK_BOT_TOKEN"})
      names.emplace_back(usual);
    collect_sources(config.root(), names);
    if (!processes_) {
      processes_.emplace();
      if (auto all = site_.host().processes())
        std::ranges::copy_if(*all, std::back_inserter(*processes_), is_gateway_process);
    }
    for (const auto& process : *processes_) {
      bool its_own = config.spec.unit.empty() ? config.owner && config.owner->uid == process.uid
                                              : process.cgroup.ends_with("/" + config.spec.unit);
      if (!its_own) continue;
      if (auto environment = site_.host().process_environment(process.pid, names))
        for (const auto& [name, value] : *environment) {
          config.variables.try_emplace(name, value);
          if (!value.empty()) out_.set_[name] = true;
        }
    }
  }
  /// "$NAME" and {source: "env"} anywhere in it.
  static void collect_sources(const json5::Value& value, std::vector<std::string>& names) {
    for (const auto& name : variables_in(value)) names.push_back(name);
    for (const auto& member : value.members()) collect_sources(member.value, names);
    for (const auto& item : value.items()) collect_sources(item, names);
  }

  std::optional<openclaw::Package> package_of(const GatewayConfig& config) {
    if (!config.spec.command.empty())
      if (auto package = openclaw::installed_package(config.spec, site_.host())) return package;
    std::vector<fs::path> places = {"/usr/lib/node_modules/openclaw", "/usr/local/lib/node_modules/openclaw",
                                    "/opt/openclaw/node_modules/openclaw", "/opt/openclaw"};
    if (config.owner)
      for (const auto* below : {".npm-global/lib/node_modules/openclaw", ".local/lib/node_modules/openclaw"})
        places.insert(places.begin(), config.owner->home / below);
    for (const auto& place : places) {
      GatewaySpec spec;
      spec.command = {(place / "openclaw.mjs").string(), "gateway"};
      if (auto package = openclaw::installed_package(spec, site_.host())) return package;
    }
    return std::nullopt;
  }

  const Site& site_;
  GatewayConfigs& out_;
  std::vector<Account> accounts_;
  std::map<std::string, GatewayConfig> found_;
  std::optional<std::vector<ProcessInfo>> processes_;
};

GatewayConfigs GatewayConfigs::gather(const Site& site) {
  GatewayConfigs out;
  ConfigGatherer(site, out).gather();
  return out;
}

Where at(const Site& site, const GatewayConfig& config, json5::Position position) {
  std::string_view text = config.text;
  std::size_t at = 0;
  for (std::size_t line = 1; line < position.line && at < text.size(); ++at)
    if (text[at] == '\n' || (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] != '\n'))) ++line;
  auto start = at;
  // The parser counts a byte that is no UTF-8 as a character of its own.
  for (std::size_t column = 1; column < position.column && at < text.size(); ++column)
    at += code_point(text, at).length;
  return site.at(config.path, position.line, at - start + 1);
}

std::optional<Mend> rewrite(const Site& site, const GatewayConfig& config, Result<std::string> text,
                            std::string* why) {
  auto refused = [why](std::string reason) -> std::optional<Mend> {
    if (why != nullptr) *why = std::move(reason);
    return std::nullopt;
  };
  if (!text) return refused(text.error().text());
  auto after = json5::Document::parse(*text);
  if (!after) return refused(after.error().text());
  constexpr std::size_t kSmall = 512;  // below it the gateway does not compare sizes
  if (!site.repo() && !after->root().at("$include"))
    for (const auto* end : {".last-good", ".bak"}) {
      auto accepted = site.host().read(config.path.string() + end, kMostConfig);
      if (!accepted) continue;
      auto before = json5::Document::parse(*accepted);
      if (before && before->root().at("meta") && !after->root().at("meta"))
        return refused("the file would lack meta, and the gateway would put its old one back at start");
      if (accepted->size() >= kSmall && text->size() < accepted->size() / 2)
        return refused(
            "the file would shrink below half of what the gateway last accepted, and it would put "
            "that back at start");
      break;
    }
  return Mend{.files = {{.path = config.path, .bytes = std::move(*text)}}};
}

}  // namespace meshops::audit
