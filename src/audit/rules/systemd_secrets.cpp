// Secrets that a gateway's configuration asks for and its service does not have: SYS-018.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/gateway_seat.h"
#include "audit/gateway_units.h"
#include "audit/rules/systemd_parts.h"
#include "audit/secrets.h"
#include "base/text.h"
#include "formats/json5.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

struct Reference {
  std::string name;  // of the variable
  json5::Position at;
};

bool is_name(std::string_view text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Variables of all kinds stand in a configuration; these hold secrets.
bool is_secret(std::string_view variable, std::string_view key) {
  if (names_secret(variable) || names_secret(key)) return true;
  for (std::string_view end : {"_KEY", "_PASS", "_PAT", "_CREDENTIALS", "_AUTH"})
    if (variable.ends_with(end)) return true;
  return false;
}

class References {
 public:
  std::vector<Reference> of(const json5::Value& root) {
    walk(root, "");
    return std::move(found_);
  }

 private:
  void walk(const json5::Value& value, std::string_view key) {
    if (value.is_object()) {
      // {source: "env", id: "NAME"}: those of files and stores are not the environment's.
      if (value.at("source").as_string() == "env" && value.at("id").as_string()) {
        add(*value.at("id").as_string(), key, value.at("id").position());
        return;
      }
      auto members = value.members();
      for (const auto& member : members) walk(member.value, member.key);
    } else if (value.is_array()) {
      auto items = value.items();
      for (const auto& item : items) walk(item, key);
    } else if (auto text = value.as_string()) {
      in_text(*text, key, value.position());
    }
  }

  void in_text(std::string_view text, std::string_view key, json5::Position at) {
    if (text.starts_with('$') && is_name(text.substr(1)) && names_secret(key))
      return add(std::string(text.substr(1)), key, at);
    for (std::size_t i = 0; (i = text.find("${", i)) != std::string_view::npos; i += 2) {
      if (i > 0 && text[i - 1] == '$') continue;
      auto end = text.find('}', i);
      if (end == std::string_view::npos) return;
      auto name = text.substr(i + 2, end - i - 2);
      if (is_name(name)) add(std::string(name), key, at);
    }
  }

  void add(std::string name, std::string_view key, json5::Position at) {
    bool known = std::ranges::any_of(found_, [&](const Reference& r) { return r.name == name; });
    if (!known && is_name(name) && is_secret(name, key)) found_.push_back({std::move(name), at});
  }

  std::vector<Reference> found_;
};

/// The line that gives the variable; 0: none does.
std::size_t line_that_sets(std::string_view text, std::string_view name) {
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    auto left = trim(line);
    if (left.starts_with('#')) continue;
    for (std::string_view prefix : {"export ", "declare -x ", "set -gx ", "set -x ", "setenv "})
      if (left.starts_with(prefix)) left = trim(left.substr(prefix.size()));
    if (left.starts_with(name) && left.size() > name.size() &&
        (left[name.size()] == '=' || left[name.size()] == ' '))
      return number;
  }
  return 0;
}

constexpr std::array<std::string_view, 9> kProfiles = {".bashrc",     ".profile", ".bash_profile",
                                                       ".bash_login", ".zshrc",   ".zshenv",
                                                       ".zprofile",   ".zlogin",  ".config/fish/config.fish"};
/// What a login shell of sh and bash reads.
constexpr std::array<std::string_view, 3> kLogin = {".profile", ".bash_profile", ".bash_login"};

struct Profile {
  fs::path path;
  bool login = false;
  std::string text;
};

/// Shell profiles: of the unit's user first, then of the machine, then of everybody else.
std::vector<Profile> profiles(const Site& site, const Unit& unit) {
  std::vector<Profile> out;
  auto add = [&](const fs::path& path, bool login) {
    if (auto text = site.host().read(path, 1U << 20)) out.push_back({path, login, std::move(*text)});
  };
  auto add_home = [&](const fs::path& home) {
    for (auto name : kProfiles) add(home / name, std::ranges::find(kLogin, name) != kLogin.end());
  };
  if (site.repo()) {
    for (const auto& file : site.files().all()) {
      auto name = file.path.filename().string();
      if (std::ranges::find(kProfiles, name) != kProfiles.end() || name == "bashrc" || name == "profile" ||
          name == "zshrc")
        add(file.path, std::ranges::find(kLogin, name) != kLogin.end());
    }
    add("/etc/environment", false);
    return out;
  }
  if (!unit.home.empty()) add_home(unit.home);
  add("/etc/profile", true);
  for (const auto* path : {"/etc/environment", "/etc/bash.bashrc", "/etc/zsh/zshenv"}) add(path, false);
  if (auto names = site.host().list("/etc/profile.d"))
    for (const auto& name : *names) add(fs::path("/etc/profile.d") / name, true);
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      if (account.home != unit.home && account.home.has_parent_path() && account.home != "/")
        add_home(account.home);
  return out;
}

/// A shell, a secret store's runner or an engine stands between: what it adds cannot be told, or is told by
/// `login`.
struct Between {
  bool unknown = false, login_shell = false;
  Environment given;
};
Between between(const Site& site, const Unit& unit) {
  Between out;
  constexpr std::array<std::string_view, 11> kRunners = {"op",       "doppler", "infisical", "sops",
                                                         "chamber",  "vault",   "aws-vault", "teller",
                                                         "envchain", "dotenv",  "direnv"};
  auto look = [&](const std::vector<std::vector<std::string>>& commands) {
    for (const auto& argv : commands) {
      if (argv.empty()) continue;
      // ". /etc/x.env", "source x"
      if ((argv[0] == "." || argv[0] == "source") && argv.size() > 1) {
        auto text = site.host().read(argv[1], 1U << 20);
        if (!text) out.unknown = true;
        if (text)
          for (const auto& [name, value] : parse_environment_file(*text)) out.given[name] = value;
      }
      for (const auto& word : argv) {
        auto equals = word.find('=');
        if (equals != std::string::npos && is_name(word.substr(0, equals)))
          out.given[word.substr(0, equals)] = "";
        if (word.find("dotenv") != std::string::npos || word.starts_with("--env-file")) out.unknown = true;
      }
    }
  };
  for (const auto& command : unit.commands()) {
    for (const auto& word : command.argv) {
      auto program = program_name(word);
      out.unknown = out.unknown || is_engine(program) ||
                    std::ranges::find(kRunners, program) != kRunners.end() || word.starts_with("--env-file");
      if (word.size() >= 2 && word.size() < 6 && word[0] == '-' && word[1] != '-' &&
          word.find('l') != std::string::npos && word.ends_with('c'))
        out.login_shell = true;
      if (word == "--login") out.login_shell = true;
    }
    for (std::size_t i = 0; i + 1 < command.argv.size(); ++i)
      if (command.argv[i].starts_with('-') && command.argv[i].size() < 6 && command.argv[i].ends_with('c'))
        look(shell_commands(command.argv[i + 1]));
  }
  for (const auto& script : unit.scripts)
    if (auto text = site.host().read(script, 256U << 10)) look(shell_commands(*text));
  return out;
}

/// In a repo the only configuration there is, beside the only gateway; else the one that the unit reads.
std::optional<fs::path> config_of(const Site& site, const Seat& seat, std::size_t gateways) {
  if (site.host().stat(seat.places.config)) return seat.places.config;
  if (!site.repo() || gateways != 1) return std::nullopt;
  auto configs = site.files().of(FileKind::gateway_config);
  return configs.size() == 1 ? std::optional(configs.front()->path) : std::nullopt;
}

/// What the user's manager gives to all its services.
Environment manager_environment(const Site& site, const Unit& unit) {
  Environment out;
  if (site.repo()) return out;
  std::vector<fs::path> directories = {"/etc/environment.d", "/usr/lib/environment.d"};
  if (!unit.home.empty()) directories.push_back(fs::path(unit.home) / ".config/environment.d");
  if (unit.of_user)
    for (const auto& directory : directories)
      if (auto names = site.host().list(directory))
        for (const auto& name : *names)
          if (auto text = site.host().read(directory / name, 1U << 20))
            out.merge(parse_environment_file(*text));
  for (const auto* file : {"/etc/systemd/system.conf", "/etc/systemd/user.conf"}) {
    if (unit.of_user != std::string_view(file).ends_with("user.conf")) continue;
    if (auto text = site.host().read(file, 1U << 20)) {
      auto conf = systemd::UnitFile::parse(*text);
      for (const auto& value : conf.values("Manager", "DefaultEnvironment"))
        if (auto words = systemd::split_words(value))
          for (const auto& word : *words) out[word.substr(0, word.find('='))] = "";
    }
  }
  return out;
}

/// Names in a .env beside the gateway that it does take: from the working directory no keys of providers.
bool in_working_env(const Environment& env, const std::string& name) {
  return env.contains(name) && !name.ends_with("_API_KEY") && !name.starts_with("OPENCLAW_");
}

void secrets_of(const Site& site, const Unit& unit, std::size_t gateways, Findings& out) {
  auto way = between(site, unit);
  if (way.unknown) return;
  auto seat = gateway_seat(site, unit);
  auto path = config_of(site, seat, gateways);
  if (!path) return;
  auto text = site.host().read(*path, 4U << 20);
  if (!text) return out.skip(site.shown(*path), text.error().text());
  auto document = json5::Document::parse(*text);
  if (!document) return;  // GW-008 says so
  auto references = References().of(document->root());
  if (references.empty()) return;
  auto environment = service_environment(site, unit);
  // What a file holds that is not here cannot be told.
  if (!environment.unseen.empty()) {
    if (!site.repo()) out.skip(unit.name, fmt::format("{} cannot be read", environment.unseen.front()));
    return;
  }
  environment.variables.merge(way.given);
  environment.variables.merge(manager_environment(site, unit));
  for (const auto& file : {seat.places.state_dir / ".env", path->parent_path() / ".env"})
    if (auto env = site.host().read(file, 1U << 20))
      environment.variables.merge(parse_environment_file(*env));
  Environment beside;
  if (auto cwd = unit.file.value("Service", "WorkingDirectory"))
    if (auto env = site.host().read(fs::path(systemd::expand(*cwd, unit.specifiers())) / ".env", 1U << 20))
      beside = parse_environment_file(*env);
  auto block = document->find("env");
  auto vars = block.at("vars").members();
  for (const auto& member : vars) environment.variables[member.key] = "";
  auto own = block.members();
  for (const auto& member : own)
    if (member.value.as_string()) environment.variables[member.key] = "";
  bool shell = way.login_shell || document->find("env", "shellEnv", "enabled").as_bool().value_or(false);
  Environment running;
  if (site.live() && unit.state && unit.state->main_pid > 0) {
    std::vector<std::string> names;
    for (const auto& r : references) names.push_back(r.name);
    running = site.host().process_environment(unit.state->main_pid, names).value_or(Environment());
  }
  std::optional<std::vector<Profile>> shells;
  for (const auto& reference : references) {
    if (environment.has(reference.name) || running.contains(reference.name) ||
        in_working_env(beside, reference.name))
      continue;
    if (!shells) shells = profiles(site, unit);
    std::string where;
    bool by_login = false;
    for (const auto& profile : *shells)
      if (auto line = line_that_sets(profile.text, reference.name)) {
        by_login = by_login || (shell && profile.login);
        if (where.empty()) where = fmt::format("{}:{}", site.shown(profile.path), line);
      }
    if (by_login) continue;
    out.add(site.at(*path, reference.at.line, reference.at.column))
        .found("{} is {}", reference.name,
               where.empty() ? "nowhere in the service's environment"
                             : fmt::format("set in {}, which services do not read", where))
        .wanted("{} in the environment of {}", reference.name, unit.name)
        .message("{} starts without {}: what needs it is dead, though it works when started by hand",
                 unit.name, reference.name)
        .fix(
            "put {0}=… into a file of mode 0600 and add [Service] EnvironmentFile=FILE to {1}, or use "
            "LoadCredential= "
            "with a file reference; {2}/.env of mode 0600 serves, too",
            reference.name, unit.name, seat.places.state_dir.string())
        .about("{} {}", unit.name, reference.name);
  }
}

void secret_not_there(const Site& site, Findings& out) {
  auto gateways = site.facts<Units>().gateways();
  for (const auto* unit : gateways)
    if (unit->kind == GatewayKind::openclaw && !unit->is_template())
      secrets_of(site, *unit, gateways.size(), out);
}

const Rule kRules[] = {
    {.id = "SYS-018",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A service does not get a secret that its configuration asks for",
     .why = "systemd starts a gateway without any shell: what stands in .bashrc or .profile is there when a "
            "person "
            "tries it, and missing after the reboot.",
     .not_when =
         "references to files and stores; the variable comes from the unit, its environment files, the state "
         "directory's .env or the configuration itself",
     .remedy = "A systemd credential, or an EnvironmentFile= of mode 0600.",
     .check = secret_not_there},
};

}  // namespace

std::span<const Rule> systemd_secret_rules() { return kRules; }

}  // namespace meshops::audit
