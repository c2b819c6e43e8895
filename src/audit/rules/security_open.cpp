// A gateway that strangers can reach and that asks them nothing.
#include <algorithm>
#include <array>

#include "audit/gateway_configs.h"
#include "audit/gateway_processes.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 4> kAuthVariables = {
    "OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_TOKEN",
    "CLAWDBOT_GATEWAY_PASSWORD"};

bool is_loopback(std::string_view bind) {
  return bind == "loopback" || bind == "localhost" || bind.starts_with("127.") || bind == "::1" ||
         bind == "[::1]";
}

/// Whether a text gives one of the variables a value, also one from elsewhere (${…}).
bool gives_auth(std::string_view text) {
  for (auto name : kAuthVariables)
    for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
      auto line_begin = text.rfind('\n', at);
      line_begin = line_begin == std::string_view::npos ? 0 : line_begin + 1;
      auto before = trim(text.substr(line_begin, at - line_begin));
      if (before.starts_with('#') || before.starts_with("//")) continue;
      auto rest = text.substr(at + name.size(), 200);
      rest = rest.substr(0, rest.find('\n'));
      while (!rest.empty() && (rest[0] == '"' || rest[0] == '\'' || rest[0] == ' ')) rest.remove_prefix(1);
      // A list of Compose may name it alone: the value is the host's.
      if (trim(rest).empty()) {
        if (before == "-") return true;
        continue;
      }
      if (rest[0] != '=' && rest[0] != ':') continue;
      auto value = trim(rest.substr(1));
      if (!value.empty() && value != "\"\"" && value != "''") return true;
    }
  return false;
}

struct Auth {
  bool none = false;     // told to ask nothing
  bool missing = false;  // nothing to ask for
  std::string text;
};
/// What `gateway.auth` of a configuration asks of a caller.
Auth auth_of(const json5::Value& gateway) {
  auto auth = gateway.at("auth");
  auto mode = auth.at("mode").as_string().value_or("");
  if (mode == "none") return {.none = true, .text = "auth.mode is none"};
  if (mode == "trusted-proxy") return {};
  auto given = [&](std::string_view key) {
    auto value = auth.at(key);
    if (!value || value.is_null()) return false;
    auto text = value.as_string();
    return !text || !trim(*text).empty();
  };
  bool token = given("token") || given("tokenFile") || given("tokenRef");
  bool password = given("password") || given("passwordFile") || given("passwordRef");
  if (mode == "token" ? token : mode == "password" ? password : token || password) return {};
  return {.missing = true,
          .text = mode.empty() ? "no gateway.auth" : "auth.mode is " + mode + ", and there is none"};
}

class OpenGateway {
 public:
  OpenGateway(const Site& site, Findings& out) : site_(site), out_(out) {}

  void check() {
    variables();
    for (const auto& config : site_.facts<GatewayConfigs>().all()) configuration(config);
    for (const auto& process : site_.facts<GatewayProcesses>().all())
      if (process.unit.empty() && !process.in_container)
        line_of(process.info.argv, {}, fmt::format("pid {}", process.info.pid));
    for (const auto* unit : site_.facts<Units>().gateways()) {
      const auto commands = unit->commands();
      for (const auto& command : commands) {
        auto argv = command.argv;
        // Through a shell the words stand in one.
        for (const auto& word : command.argv)
          if (word.find(' ') != std::string::npos)
            for (auto part : words(word)) argv.emplace_back(part);
        line_of(argv, unit->at("Service", "ExecStart"), unit->name);
      }
    }
    for (const auto& file : site_.files().all())
      if (file.kind == FileKind::compose || file.kind == FileKind::script ||
          file.kind == FileKind::dockerfile || file.kind == FileKind::crontab ||
          file.kind == FileKind::system_crontab)
        words_of(file.path);
  }

 private:
  /// Whether the token comes from the environment of what starts the gateway.
  void variables() {
    for (const auto& file : site_.files().all()) {
      if (file.kind != FileKind::env_file && file.kind != FileKind::compose && file.kind != FileKind::unit &&
          file.kind != FileKind::unit_drop_in && file.kind != FileKind::script &&
          file.kind != FileKind::dockerfile)
        continue;
      auto name = file.path.filename().string();
      if (name.find("example") != std::string::npos || name.find("sample") != std::string::npos) continue;
      if (auto text = site_.host().read(file.path); text && gives_auth(*text)) supplied_ = true;
    }
    for (const auto* unit : site_.facts<Units>().gateways())
      for (const auto& name : unit->file.values("Service", "EnvironmentFile")) {
        auto path = systemd::expand(name.starts_with('-') ? name.substr(1) : name, unit->specifiers());
        auto text = site_.host().read(path);
        // What is not here may give it: a repo leaves such files to the machine.
        if (text ? gives_auth(*text) : site_.repo() || !text.error().is("file.not_found")) supplied_ = true;
      }
    for (const auto& process : site_.facts<GatewayProcesses>().all()) {
      std::vector<std::string> names(kAuthVariables.begin(), kAuthVariables.end());
      auto environment = site_.host().process_environment(process.info.pid, names);
      // One that may not be looked at may have it.
      if (!environment || !environment->empty()) supplied_ = true;
    }
  }

  void configuration(const GatewayConfig& config) {
    if (!config.unreadable.empty()) return out_.skip(site_.shown(config.path), config.unreadable);
    if (!config.document) return;  // GW-008
    auto gateway = config.root().at("gateway");
    auto auth = auth_of(gateway);
    bool given = supplied_ || std::ranges::any_of(kAuthVariables, [&](auto name) {
                   auto found = config.variables.find(std::string(name));
                   return found != config.variables.end() && !found->second.empty();
                 });
    ++configs_;
    if (!auth.none && !(auth.missing && !given)) {
      asked_ = true;
      return;
    }
    // A client's configuration: the gateway is somewhere else.
    if (gateway.at("mode").as_string() == "remote") return;
    auto bind = gateway.at("bind");
    auto value = bind.as_string().value_or("");
    if (value == "custom" && is_loopback(gateway.at("customBindHost").as_string().value_or("")))
      value.clear();
    if (value == "auto" && !auth.none) value.clear();  // on a machine that is loopback
    if (!value.empty() && !is_loopback(value)) {
      config_binds_ = true;
      add(at(site_, config, bind.position()), fmt::format("gateway.bind is \"{}\", {}", value, auth.text),
          site_.shown(config.path));
      return;
    }
    auto funnel = gateway.find("tailscale", "mode");
    if (funnel.as_string() == "funnel")
      add(at(site_, config, funnel.position()),
          fmt::format("gateway.tailscale.mode is \"funnel\", {}", auth.text), site_.shown(config.path));
  }

  struct Flags {
    std::string bind, auth;
    bool secret = false;
  };
  static Flags flags_of(const std::vector<std::string>& argv) {
    Flags flags;
    for (std::size_t i = 0; i < argv.size(); ++i) {
      auto value = [&](std::string_view option) -> std::optional<std::string> {
        if (argv[i] == option) return i + 1 < argv.size() ? argv[i + 1] : std::string();
        if (argv[i].starts_with(std::string(option) + "=")) return argv[i].substr(option.size() + 1);
        return std::nullopt;
      };
      if (auto v = value("--bind")) flags.bind = *v;
      if (auto v = value("--auth")) flags.auth = *v;
      if (value("--token") || value("--password") || value("--token-file") || value("--password-file"))
        flags.secret = true;
    }
    return flags;
  }
  void line_of(const std::vector<std::string>& argv, const Where& at, const std::string& about) {
    auto flags = flags_of(argv);
    if (flags.bind.find('$') != std::string::npos) {
      // ${OPENCLAW_GATEWAY_BIND:-lan}: its default.
      auto dash = flags.bind.find(":-");
      flags.bind =
          dash == std::string::npos ? "" : flags.bind.substr(dash + 2, flags.bind.find('}') - dash - 2);
    }
    bool beyond = !flags.bind.empty() && !is_loopback(flags.bind);
    bool open = flags.auth == "none";
    // The flag opens it; the configuration, where there is one, decides about the question.
    if (beyond && flags.auth.empty() && !flags.secret) open = configs_ > 0 && !asked_ && !supplied_;
    if (flags.bind == "auto" && flags.auth != "none") return;
    if (flags.bind.empty() && open) beyond = config_binds_;
    if (!beyond || !open) return;
    add(at,
        fmt::format("{}{}", flags.bind.empty() ? "" : "--bind " + printable(flags.bind) + ", ",
                    flags.auth == "none" ? "--auth none" : "no token"),
        about);
  }
  /// Commands of scripts and lists of Compose: words with where they stand.
  void words_of(const fs::path& path) {
    auto text = read_or_skip(site_, path, out_);
    if (!text) return;
    std::vector<std::string> argv;
    Where bind_at;
    bool gateway = false;
    std::size_t number = 0, last = 0;
    auto finish = [&] {
      if (gateway && bind_at.line != 0) line_of(argv, bind_at, site_.shown(path));
      argv.clear();
      bind_at = {};
      gateway = false;
    };
    for (auto line : split(*text, '\n')) {
      ++number;
      auto plain = trim(line);
      if (plain.starts_with('#')) continue;
      // A list of words goes on; anything else ends the command, unless a backslash carries it on.
      bool goes_on = plain.starts_with("- ") || (last + 1 == number && carried_);
      if (!goes_on) finish();
      carried_ = plain.ends_with('\\') || plain.ends_with('[') || plain.ends_with(',');
      last = number;
      for (std::size_t i = 0; i < line.size();) {
        constexpr std::string_view kBetween = " \t\"'[],`\\\r";
        if (kBetween.find(line[i]) != std::string_view::npos) {
          ++i;
          continue;
        }
        auto end = i;
        while (end < line.size() && kBetween.find(line[end]) == std::string_view::npos) ++end;
        auto word = std::string(line.substr(i, end - i));
        if (word == "gateway" || word.find("openclaw") != std::string::npos) gateway = true;
        if (bind_at.line == 0 && (word == "--bind" || word.starts_with("--bind=") || word == "--auth"))
          bind_at = site_.at(path, number, i + 1);
        if (word != "-") argv.push_back(word);
        i = end;
      }
    }
    finish();
  }

  void add(const Where& at, const std::string& found, const std::string& about) {
    out_.add(at)
        .found("{}", found)
        .wanted("bind loopback, or a token that callers must have")
        .message(
            "whoever reaches the port commands your agents, your files and your accounts; newer gateways "
            "refuse to start like this")
        .fix(
            "gateway: {{ bind: \"loopback\" }} (and a tunnel or tailnet to reach it), or auth: {{ mode: "
            "\"token\", token: \"${{OPENCLAW_GATEWAY_TOKEN}}\" }}; openssl rand -hex 32 makes one")
        .about("{}", about);
  }

  const Site& site_;
  Findings& out_;
  bool supplied_ = false, asked_ = false, carried_ = false, config_binds_ = false;
  std::size_t configs_ = 0;
};

void open_gateway(const Site& site, Findings& out) { OpenGateway(site, out).check(); }

const Rule kRules[] = {
    {.id = "SEC-008",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A gateway is open to strangers",
     .why = "Bound beyond loopback and without a token, it takes orders from whoever reaches the port.",
     .not_when = "loopback; a token or password that comes from the environment or a store; a trusted proxy",
     .remedy = "Bind it to loopback, or give it a token.",
     .check = open_gateway},
};

}  // namespace

std::span<const Rule> security_open_rules() { return kRules; }

}  // namespace meshops::audit
