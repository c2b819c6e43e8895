// The gateway's configuration: what it will not start with, and what it does behind its owner's back.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/gateway_configs.h"
#include "audit/gateway_rules.h"
#include "audit/openclaw_schema.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

/// Says once for each configuration that could not be read why; false: nothing can be judged.
bool readable(const Site& site, const GatewayConfig& config, Findings& out) {
  if (config.unreadable.empty()) return config.document.has_value();
  out.skip(site.shown(config.path), config.unreadable);
  return false;
}

// ---- GW-001 ----

/// The root's keys out of the installed package's schema, each package read once.
std::vector<std::string> installed_keys(const Site& site, const openclaw::Package& package) {
  constexpr std::size_t kMostCode = 2U << 20;
  auto names = site.host().list(package.directory / "dist");
  if (!names) return {};
  for (const auto& name : *names) {
    if (!name.starts_with("zod-schema-") || !(name.ends_with(".mjs") || name.ends_with(".js"))) continue;
    if (auto code = site.host().read(package.directory / "dist" / name, kMostCode))
      if (auto keys = schema::root_keys_in(*code); !keys.empty()) return keys;
  }
  return {};
}

/// What was meant by a key, where the gateway's own doctor would move it and nothing is lost.
std::optional<Result<std::string>> moved(const GatewayConfig& config, const json5::Path& path) {
  auto value = config.root().find(path);
  if (path == json5::Path{"media"} && !config.root().at("attachments")) {
    auto known = schema::known_keys("attachments");
    auto members = value.members();
    bool same = value.is_object() && !members.empty() && std::ranges::all_of(members, [&](const auto& m) {
                  return std::ranges::find(known, m.key) != known.end();
                });
    if (same) return json5::rename_key(config.text, path, "attachments");
  }
  // A variable that stands directly in env, as older releases had it: it may be a key that a provider needs.
  if (path.size() == 2 && path[0] == json5::Step("env") && value.as_string()) {
    auto set = json5::set(config.text, {"env", "vars", path[1]}, value.source());
    if (!set) return set;
    return json5::erase(*set, path);
  }
  return std::nullopt;
}

void unknown_keys(const Site& site, Findings& out) {
  std::map<fs::path, std::vector<std::string>> packages;
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!readable(site, config, out)) continue;
    std::vector<std::string> installed;
    if (config.package) {
      auto [it, fresh] = packages.try_emplace(config.package->directory);
      if (fresh) it->second = installed_keys(site, *config.package);
      installed = it->second;
    }
    auto judged = schema::judge(config.root(), config.version(), installed);
    for (const auto& [path, known] : judged.unknown) {
      auto words = json5::path_text(path);
      std::string last =
          std::holds_alternative<std::string>(path.back()) ? std::get<std::string>(path.back()) : "";
      std::vector<std::string_view> candidates(known.begin(), known.end());
      auto near = nearest(last, candidates);

      auto instead = moved(config, path);
      std::string why;
      auto mend = rewrite(site, config, instead ? *instead : json5::erase(config.text, path), &why);
      std::string fix = instead ? fmt::format("move {} to where {} has it", words, judged.by)
                                : fmt::format("take {} out; everything else stays", words);
      if (near && !instead) fix += fmt::format(" (if \"{}\" was meant, rename it)", *near);
      if (!mend) fix = fmt::format("openclaw config unset {} (by hand it would not stay: {})", words, why);
      auto key_at = config.root().find(path).key_position();
      out.add(at(site, config, key_at))
          .found("{}", printable(words))
          .wanted("a key that {} knows{}", judged.by, near ? fmt::format(", like {}", *near) : "")
          .message(
              "the gateway refuses its whole configuration because of {} and does not start (exit code 78)",
              quote(words))
          .fix("{}", fix)
          .about("{}", words)
          .mend(std::move(mend));
    }
  }
}

// ---- GW-002 ----

constexpr std::array<std::string_view, 11> kApis = {
    "openai-completions", "openai-responses",        "openai-chatgpt-responses",
    "anthropic-messages", "google-generative-ai",    "google-vertex",
    "github-copilot",     "bedrock-converse-stream", "ollama",
    "pi-messages",        "azure-openai-responses"};
/// What people write for them.
constexpr std::pair<std::string_view, std::string_view> kMeant[] = {
    {"google", "google-generative-ai"},
    {"gemini", "google-generative-ai"},
    {"google-gemini", "google-generative-ai"},
    {"google-ai", "google-generative-ai"},
    {"google-ai-studio", "google-generative-ai"},
    {"google-genai", "google-generative-ai"},
    {"generative-ai", "google-generative-ai"},
    {"vertex", "google-vertex"},
    {"vertex-ai", "google-vertex"},
    {"google-vertex-ai", "google-vertex"},
    {"anthropic", "anthropic-messages"},
    {"claude", "anthropic-messages"},
    {"messages", "anthropic-messages"},
    {"openai", "openai-completions"},
    {"openai-compatible", "openai-completions"},
    {"openai-chat", "openai-completions"},
    {"openai-chat-completions", "openai-completions"},
    {"chat-completions", "openai-completions"},
    {"completions", "openai-completions"},
    {"openrouter", "openai-completions"},
    {"responses", "openai-responses"},
    {"openai-codex-responses", "openai-chatgpt-responses"},
    {"bedrock", "bedrock-converse-stream"},
    {"aws-bedrock", "bedrock-converse-stream"},
    {"amazon-bedrock", "bedrock-converse-stream"},
    {"copilot", "github-copilot"},
    {"azure", "azure-openai-responses"},
    {"azure-openai", "azure-openai-responses"},
};

std::optional<std::string_view> meant_api(std::string_view found) {
  auto word = lower(trim(found));
  std::ranges::replace(word, '_', '-');
  for (auto api : kApis)
    if (word == api) return api;
  for (const auto& [name, api] : kMeant)
    if (word == name) return api;
  return nearest(word, kApis);
}

void check_api(const Site& site, const GatewayConfig& config, const json5::Path& path, Findings& out) {
  auto value = config.root().find(path);
  if (!value || value.is_null()) return;
  auto text = value.as_string();
  if (text && (std::ranges::find(kApis, *text) != kApis.end() || text->find("${") != text->npos)) return;
  auto meant = text ? meant_api(*text) : std::nullopt;
  std::optional<Mend> mend;
  if (meant) mend = rewrite(site, config, json5::set(config.text, path, json5::json_string(*meant)));
  std::string list;
  for (auto api : kApis) list += (list.empty() ? "" : ", ") + std::string(api);
  out.add(at(site, config, value.position()))
      .found("{}", text ? fmt::format("api: \"{}\"", printable(*text))
                        : std::string(json5::kind_text(value.kind())))
      .wanted("{}", meant ? std::string(*meant) : "one of " + list)
      .message(
          "no release knows this api, so the gateway refuses its configuration and does not start (exit code "
          "78)")
      .fix("{}", meant ? fmt::format("api: \"{}\"", *meant) : "one of " + list)
      .about("{}", json5::path_text(path))
      .mend(std::move(mend));
}

void provider_api(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!readable(site, config, out)) continue;
    for (const auto& provider : config.root().find("models", "providers").members()) {
      json5::Path path = {"models", "providers", provider.key};
      auto own = path;
      own.emplace_back("api");
      check_api(site, config, own, out);
      auto models = provider.value.at("models");
      for (std::size_t i = 0; i < (models.is_array() ? models.size() : 0); ++i) {
        auto of_model = path;
        of_model.emplace_back("models");
        of_model.emplace_back(i);
        of_model.emplace_back("api");
        check_api(site, config, of_model, out);
      }
    }
  }
}

// ---- GW-008 ----

/// A copy beside it that a gateway was ready with, or that was there before its last write.
struct GoodCopy {
  fs::path path;
  std::string bytes;
};
std::optional<GoodCopy> good_copy(const Site& site, const GatewayConfig& config) {
  for (const auto* end : {".last-good", ".bak", ".bak.1", ".bak.2"}) {
    fs::path path = config.path.string() + end;
    auto bytes = site.host().read(path, 4U << 20);
    if (!bytes) continue;
    auto document = json5::Document::parse(*bytes);
    if (document && document->find("gateway", "mode").as_string() == "local") return GoodCopy{path, *bytes};
  }
  return std::nullopt;
}

bool does_without_mode(const Site& site, const GatewayConfig& config) {
  if (config.root().at("$include")) return true;
  auto word = [](const std::vector<std::string>& argv) {
    return std::ranges::find(argv, "--allow-unconfigured") != argv.end();
  };
  if (!config.spec.command.empty()) return word(config.spec.command);
  return std::ranges::any_of(site.facts<Units>().gateways(), [&](const Unit* unit) {
    return std::ranges::any_of(unit->commands(), [&](const auto& command) { return word(command.argv); });
  });
}

void start_text(const Site& site, const GatewayConfig& config, Where where, std::string found,
                std::string wanted, std::string message, std::string about, Findings& out) {
  auto copy = good_copy(site, config);
  std::optional<Mend> mend;
  if (copy) mend = Mend{.files = {{.path = config.path, .bytes = copy->bytes}}};
  out.add(std::move(where))
      .found("{}", found)
      .wanted("{}", wanted)
      .message("{}", message)
      .fix("{}", copy ? fmt::format("cp {} {}", site.shown(copy->path), site.shown(config.path))
                      : "restore it from a backup; there is no good copy beside it")
      .about("{}", about)
      .mend(std::move(mend));
}

void does_not_start(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!config.unreadable.empty()) {
      out.skip(site.shown(config.path), config.unreadable);
      continue;
    }
    if (config.blank()) {
      start_text(
          site, config, site.at(config.path, 1, 1), "an empty file", "a configuration with gateway.mode",
          "the gateway does not start with an empty configuration, and calls that a missing gateway.mode",
          "empty", out);
      continue;
    }
    if (!config.document) {
      // What is wrong may quote the text; only its first character is shown, and a key has more.
      start_text(site, config, at(site, config, config.problem.at), printable(config.problem.what), "JSON5",
                 "the gateway cannot read its configuration and does not start; its log speaks of a missing "
                 "gateway.mode instead",
                 "syntax", out);
      continue;
    }
    auto root = config.root();
    if (!root.is_object()) {
      start_text(site, config, at(site, config, root.position()), std::string(json5::kind_text(root.kind())),
                 "an object", "the gateway takes only an object as its configuration and does not start",
                 "root", out);
      continue;
    }
    if (does_without_mode(site, config)) continue;
    auto mode = root.find("gateway", "mode");
    auto text = mode.as_string();
    if (text == "local") continue;
    if (text == "remote") {
      // Right for a machine that only talks to a gateway elsewhere.
      if (config.spec.command.empty()) continue;
      out.add(at(site, config, mode.position()))
          .found("gateway.mode: \"remote\"")
          .wanted("\"local\"")
          .message("{} starts a gateway with a configuration of a mere client: it ends with exit code 78",
                   config.spec.name)
          .fix("openclaw config set gateway.mode local, or disable the unit if the gateway is elsewhere")
          .about("gateway.mode");
      continue;
    }
    auto gateway = root.at("gateway");
    auto place = mode ? mode.position() : gateway ? gateway.key_position() : root.position();
    if (mode) {
      out.add(at(site, config, place))
          .found("gateway.mode is {}", text ? quote(*text) : std::string(json5::kind_text(mode.kind())))
          .wanted("\"local\"")
          .message("the gateway knows only local and remote, and does not start (exit code 78)")
          .fix("gateway.mode: \"local\"")
          .about("gateway.mode");
      continue;
    }
    // What is there otherwise stays: one word is missing. Where nothing else is there, the file was lost.
    std::optional<Mend> mend;
    bool lost = root.size() == 0 || (root.size() == 1 && root.at("meta"));
    if (auto copy = lost ? good_copy(site, config) : std::nullopt)
      mend = Mend{.files = {{.path = config.path, .bytes = copy->bytes}}};
    else if (!lost && !gateway.at("remote") && (!gateway || gateway.is_object()))
      mend = rewrite(site, config, json5::set(config.text, {"gateway", "mode"}, "\"local\""));
    out.add(at(site, config, place))
        .found("no gateway.mode")
        .wanted("gateway.mode: \"local\"")
        .message(
            "the gateway takes a configuration without it for a damaged one and does not start (exit code "
            "78)")
        .fix("{}", lost ? "restore the last good copy" : "gateway: { mode: \"local\" }")
        .about("gateway.mode")
        .mend(std::move(mend));
  }
}

// ---- GW-013 ----

/// Where it logs to, as a path that can be compared; nothing where that depends on what is not known here.
std::optional<std::string> log_file(const GatewayConfig& config) {
  auto text = config.root().find("logging", "file").as_string();
  if (!text || text->empty() || text->find("${") != text->npos) return std::nullopt;
  fs::path path = *text;
  if (text->starts_with("~/")) {
    if (config.owner) path = config.owner->home / text->substr(2);
  } else if (path.is_relative()) {
    return std::nullopt;
  }
  return path.lexically_normal().string();
}

std::string file_word(std::string_view name) {
  std::string out;
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') out += c;
  return out;
}

void shared_log(const Site& site, Findings& out) {
  std::map<std::string, const GatewayConfig*> writers;
  std::set<std::string> used;
  const auto& configs = site.facts<GatewayConfigs>().all();
  for (const auto& config : configs)
    if (auto file = log_file(config)) used.insert(*file);
  for (const auto& config : configs) {
    if (!readable(site, config, out)) continue;
    auto file = log_file(config);
    if (!file) continue;
    auto [it, first] = writers.try_emplace(*file, &config);
    if (first) continue;
    auto value = config.root().find("logging", "file");
    auto written = fs::path(*value.as_string());
    auto word = file_word(config.name());
    std::string other;
    for (int n = 2; n < 100; ++n) {
      auto suffix = word.empty() || n > 2 ? std::to_string(n) : word;
      auto name = fmt::format("{}-{}{}", written.stem().string(), suffix, written.extension().string());
      other = (written.parent_path() / name).string();
      if (!used.contains((fs::path(*file).parent_path() / name).string())) break;
    }
    used.insert((fs::path(*file).parent_path() / fs::path(other).filename()).string());
    out.add(at(site, config, value.position()))
        .found("{}", printable(written.string()))
        .wanted("a file of its own")
        .message("{} writes the same log, and no line there says which gateway it is of",
                 site.shown(it->second->path))
        .fix("logging.file: \"{}\"", printable(other))
        .about("{}", *file)
        .mend(rewrite(site, config, json5::set(config.text, {"logging", "file"}, json5::json_string(other))));
  }
}

// ---- GW-014 ----

bool updates_by_command(const std::vector<std::string>& argv) {
  auto text = " " + join(argv, " ") + " ";
  if (text.find(" update") != text.npos && text.find("openclaw") != text.npos &&
      text.find("--dry-run") == text.npos && text.find("update status") == text.npos) {
    if (text.find("npm") == text.npos) return true;
  }
  bool installs = text.find("npm i ") != text.npos || text.find("npm install ") != text.npos ||
                  text.find("npm update ") != text.npos || text.find("pnpm add ") != text.npos;
  auto at = text.find(" openclaw");
  if (!installs || at == text.npos) return false;
  auto tag = text.substr(at + 9, 2);
  // openclaw@2026.9.6 stays what it is; openclaw and openclaw@latest do not.
  return !(tag.size() == 2 && tag[0] == '@' && tag[1] >= '0' && tag[1] <= '9');
}

void updates_itself(const Site& site, Findings& out) {
  const auto& pin = site.mesh().audit.gateway_version;
  if (pin.empty()) return;
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!readable(site, config, out)) continue;
    auto update = config.root().at("update");
    auto enabled = update.find("auto", "enabled");
    if (enabled.as_bool() != true || update.at("checkOnStart").as_bool() == false) continue;
    // This channel is installed by hand only.
    if (update.at("channel").as_string() == "extended-stable") continue;
    if (auto off = config.variables.find("OPENCLAW_NO_AUTO_UPDATE");
        off != config.variables.end() && off->second == "1")
      continue;
    out.add(at(site, config, enabled.position()))
        .found("update.auto.enabled: true")
        .wanted("false, the mesh is pinned to {}", printable(pin))
        .message(
            "the gateway installs new versions by itself, at an hour nobody chose, and leaves the version "
            "that "
            "the mesh agreed on")
        .fix("update.auto.enabled: false")
        .about("update.auto.enabled")
        .mend(rewrite(site, config, json5::set(config.text, {"update", "auto", "enabled"}, "false")));
  }
  for (const auto* unit : site.facts<Units>().gateways())
    for (const auto* line : unit->file.all("Service", "ExecStartPre")) {
      auto commands = systemd::parse_commands(line->value, {.unit = unit->name});
      if (!commands) continue;
      for (const auto& command : *commands) {
        if (!updates_by_command(command.argv)) continue;
        out.add({line->at.file, line->at.line, line->at.column})
            .found("ExecStartPre={}", printable(line->value))
            .wanted("no update at start, the mesh is pinned to {}", printable(pin))
            .message("every start of {} may bring another version, also the start after a crash", unit->name)
            .fix("take the line out; update all nodes together: npm install -g openclaw@{}", printable(pin))
            .about("{} ExecStartPre", unit->name);
      }
    }
}

const Rule kRules[] = {
    {.id = "GW-001",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "The gateway's configuration has a key that its version does not accept",
     .why = "One unknown key and the gateway refuses the whole file: it ends with exit code 78, and systemd "
            "leaves "
            "it down.",
     .not_when = "accepted by that version's schema (wizard, talk, env and logging are today)",
     .remedy =
         "Take the key out and keep the rest, meta above all: without it the gateway puts its old file back.",
     .check = unknown_keys},
    {.id = "GW-002",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A model provider speaks an API that no release knows",
     .why = "A wrong `api` makes the gateway refuse its configuration, and its own doctor cannot mend that.",
     .not_when = "",
     .remedy = "Write one of the schema's names; for Gemini it is google-generative-ai.",
     .check = provider_api},
    {.id = "GW-008",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "The gateway cannot start with its configuration",
     .why = "A file that does not parse, is empty or lacks gateway.mode ends every start with exit code 78, "
            "and the "
            "log names another cause.",
     .not_when = "$include brings it in, or the unit starts it with --allow-unconfigured",
     .remedy = "Put the last good copy back (openclaw.json.last-good), or write what is missing.",
     .check = does_not_start},
    {.id = "GW-013",
     .severity = Severity::low,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Several gateways write the same log file",
     .why = "Their lines are mixed and carry no process number: nobody can tell which gateway failed.",
     .not_when = "",
     .remedy = "Give each its own logging.file.",
     .check = shared_log},
    {.id = "GW-014",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "The gateway updates itself on a mesh that pins its version",
     .why = "An unattended update can bring down one node at night, and a newer database schema has no way "
            "back.",
     .not_when = "audit.gateway_version is not set: not pinned",
     .remedy = "Turn update.auto off and update all nodes together.",
     .check = updates_itself},
};

}  // namespace

std::span<const Rule> gateway_config_rules() { return kRules; }

}  // namespace meshops::audit
