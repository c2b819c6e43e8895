// What a gateway keeps: its bots' tokens, its sessions, its databases.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "audit/gateway_configs.h"
#include "audit/gateway_database.h"
#include "audit/gateway_rules.h"
#include "audit/secrets.h"
#include "base/text.h"
#include "gateway/bots.h"
#include "gateway/openclaw_files.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

// ---- GW-007 ----

struct Bot {
  std::string channel;
  std::string token;  // never shown; compared here, in memory, and forgotten
  json5::Value value;
  std::string about;
  bool by_default = false;  // the file names no token: the usual variable gives it
};

bool off(const json5::Value& value) { return value.at("enabled").as_bool() == false; }

/// The token's file, where only that is given.
std::optional<std::string> from_file(const Site& site, const json5::Value& holder) {
  auto path = holder.at("tokenFile").as_string();
  if (!path || site.repo() || !path->starts_with('/')) return std::nullopt;
  auto bytes = site.host().read(*path, 4096);
  if (!bytes || trim(*bytes).empty()) return std::nullopt;
  return std::string(trim(*bytes));
}

std::vector<Bot> bots_of(const Site& site, const GatewayConfig& config) {
  std::vector<Bot> out;
  for (const auto& channel : config.root().at("channels").members()) {
    if (off(channel.value)) continue;
    auto add = [&](const json5::Value& holder, std::string_view key, const std::string& about) {
      auto value = holder.at(key);
      auto token = value ? config.secret(value) : from_file(site, holder);
      if (!value) value = holder.at("tokenFile");
      if (!token || token->size() < 8 || is_placeholder(*token)) return false;
      out.push_back({channel.key, *token, value, about});
      return true;
    };
    for (const auto& [name, key] : openclaw::bot_keys()) {
      if (name != channel.key) continue;
      auto own = fmt::format("{}.{}", channel.key, key);
      bool any = add(channel.value, key, own);
      for (const auto& account : channel.value.at("accounts").members()) {
        any = any || account.value.at(key) || account.value.at("tokenFile");
        if (!off(account.value))
          add(account.value, key, fmt::format("{}.accounts.{}.{}", channel.key, account.key, key));
      }
      // Without a token in the file the default account takes the usual variable.
      if (any || channel.value.at(key) || key == "appToken") continue;
      for (const auto& [of, variable] : openclaw::bot_variables()) {
        auto found = config.variables.find(std::string(variable));
        if (of == channel.key && found != config.variables.end() && found->second.size() >= 8 &&
            !is_placeholder(found->second))
          out.push_back({channel.key, found->second, channel.value, own, true});
      }
    }
  }
  return out;
}

void one_bot_twice(const Site& site, Findings& out) {
  struct First {
    const GatewayConfig* config;
    Where where;
  };
  std::map<std::pair<std::string, std::string>, First> seen;
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    if (!config.unreadable.empty()) {
      out.skip(site.shown(config.path), config.unreadable);
      continue;
    }
    std::set<std::string> told;
    for (const auto& bot : bots_of(site, config)) {
      auto where = at(site, config, bot.by_default ? bot.value.key_position() : bot.value.position());
      auto [it, fresh] = seen.try_emplace({bot.channel, bot.token}, First{&config, where});
      if (fresh || it->second.config == &config || !told.insert(bot.token).second) continue;
      out.add(where)
          .found("the {} token of {}:{}", bot.channel, it->second.where.file, it->second.where.line)
          .wanted("a bot of its own for each gateway")
          .message(
              "two gateways use one {} bot: each kicks the other out every half minute, and messages get "
              "lost",
              bot.channel)
          .fix(
              "make a second bot and put its token here, or set channels.{}.enabled: false in one of the two",
              bot.channel)
          .about("{}", bot.about);
    }
  }
}

// ---- GW-010 ----

/// "10gb", "1.5 G", "512": as OpenClaw reads sizes, every unit of base 1024.
std::optional<std::uint64_t> size_in(std::string_view text) {
  auto word = lower(trim(text));
  double number = 0;
  auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (code != std::errc{} || number < 0) return std::nullopt;
  auto unit = trim(std::string_view(word).substr(static_cast<std::size_t>(end - word.data())));
  if (unit.size() == 2 && unit[1] == 'b') unit = unit.substr(0, 1);
  auto power = unit.empty() ? 0 : std::string_view("bkmgt").find(unit);
  if (unit.size() > 1 || power == std::string_view::npos) return std::nullopt;
  auto bytes = number * static_cast<double>(1ULL << (10 * power));
  if (!(bytes < 9e15)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

/// session.maintenance.maxDiskBytes: "10gb" if it is not set; nothing: the owner has turned the budget off.
std::optional<std::uint64_t> budget_of(const json5::Value& root) {
  constexpr std::uint64_t kDefault = 10ULL << 30;
  auto set = root.find("session", "maintenance", "maxDiskBytes");
  if (set.as_bool() == false) return std::nullopt;
  if (auto number = set.as_number()) {
    if (*number <= 0) return std::nullopt;
    return *number < 9e15 ? static_cast<std::uint64_t>(*number) : kDefault;
  }
  if (auto text = set.as_string()) {
    auto bytes = size_in(*text);
    if (bytes && *bytes == 0) return std::nullopt;
    return bytes.value_or(kDefault);
  }
  return kDefault;
}

struct Weight {
  std::uint64_t bytes = 0;
  std::size_t left = 100'000;  // files that are still looked at
};
void weigh(const Site& site, const fs::path& path, Weight& out, int depth = 0) {
  auto info = site.host().stat(path);
  if (!info || out.left == 0) return;
  --out.left;
  if (info->kind == FileInfo::Kind::regular) out.bytes += info->size;
  if (info->kind != FileInfo::Kind::directory || depth > 4) return;
  if (auto names = site.host().list(path))
    for (const auto& name : *names) weigh(site, path / name, out, depth + 1);
}

std::vector<std::string> cleanup_of(const GatewayConfig& config, const std::string& agent) {
  std::vector<std::string> run;
  auto user = config.spec.user.empty() && config.owner ? config.owner->name : config.spec.user;
  if (!user.empty() && user != "root") run = {"runuser", "-u", user, "--"};
  run.insert(run.end(), {"env", "OPENCLAW_STATE_DIR=" + config.state_dir.string()});
  // As its unit starts it: what "openclaw" is on our PATH may be another installation, or none.
  auto tool = openclaw::tool_of(config.spec.command);
  if (tool.empty()) tool = {"openclaw"};
  run.insert(run.end(), tool.begin(), tool.end());
  run.insert(run.end(), {"sessions", "cleanup", "--agent", agent, "--enforce"});
  return run;
}

void heavy_sessions(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    auto budget = budget_of(config.root());
    if (!budget) continue;
    auto agents = config.state_dir / "agents";
    auto names = site.host().list(agents);
    if (!names) {
      if (names.error().is("file.not_permitted")) out.skip(site.shown(agents), names.error().text());
      continue;
    }
    for (const auto& name : *names) {
      Weight weight;
      weigh(site, agents / name / "sessions", weight);
      for (const auto* end : {"", "-wal"})
        weigh(site, agents / name / "agent" / (std::string("openclaw-agent.sqlite") + end), weight);
      if (weight.bytes <= *budget) continue;
      auto run = cleanup_of(config, name);
      std::optional<Mend> mend;
      // Its own tool archives before it deletes, and joins the running gateway's queue.
      if (site.live()) mend = Mend{.files = {}, .verify = {}, .orders = {{.run = run, .back = {}}}};
      out.add(site.at(agents / name))
          .found("{}", bytes_text(weight.bytes))
          .wanted("at most {}", bytes_text(*budget))
          .message(
              "the sessions of agent {} outgrow their budget: every backup carries them, and the disk fills",
              printable(name))
          .fix("{}", join(run, " "))
          .about("{}", name)
          .mend(std::move(mend));
    }
  }
}

// ---- GW-011 ----

/// openclaw.schemaVersions of the package: {state: 18, agent: 23}.
std::optional<std::int64_t> schema_version(const Site& site, const openclaw::Package& package,
                                           const char* kind) {
  auto bytes = site.host().read(package.directory / "package.json", 1U << 20);
  if (!bytes) return std::nullopt;
  auto document = json5::Document::parse(*bytes);
  if (!document) return std::nullopt;
  return document->find("openclaw", "schemaVersions", kind).as_int();
}

std::string newest_backup(const Site& site, const fs::path& path) {
  auto folder = path.parent_path();
  std::string best;
  WallTime when{};
  if (auto names = site.host().list(folder))
    for (const auto& name : *names) {
      if (!name.starts_with(path.filename().string() + ".") || name.ends_with("-wal") ||
          name.ends_with("-shm"))
        continue;
      auto info = site.host().stat(folder / name);
      if (!info || info->kind != FileInfo::Kind::regular || info->size == 0 || info->modified < when)
        continue;
      if (!user_version_of(site, folder / name)) continue;
      best = (folder / name).string();
      when = info->modified;
    }
  return best;
}

void look_at(const Site& site, const GatewayConfig& config, const fs::path& path, const char* kind,
             Findings& out) {
  auto info = site.host().stat(path);
  if (!info || info->kind != FileInfo::Kind::regular) return;  // never started: no database yet
  auto name = path.filename().string();
  auto backup = newest_backup(site, path);
  auto restore = fmt::format(
      "stop the gateway, put {} in its place (mode 0600), delete {}-wal and {}-shm, start it",
      backup.empty() ? std::string("the newest verified backup (openclaw backup)") : site.shown(backup), name,
      name);
  auto damage = damage_of(site, path);
  if (!damage) {
    out.skip(site.shown(path), damage.error().text());
  } else if (*damage) {
    bool empty = info->size == 0;
    out.add(site.at(path))
        .found("{}", **damage)
        .wanted("a database that passes its check")
        .message("{}",
                 empty ? "the gateway starts as if nothing were wrong, with every pairing, approval and job "
                         "forgotten"
                       : "the gateway does not start with a damaged database (exit code 78), and its doctor "
                         "cannot mend it")
        .fix("{}", restore)
        .about("{}", name);
    return;
  }
  if (!config.package) return;
  auto known = schema_version(site, *config.package, kind);
  auto has = user_version_of(site, path);
  if (!known || !has || static_cast<std::int64_t>(*has) <= *known) return;
  out.add(site.at(path))
      .found("schema {}", *has)
      .wanted("at most {}, which {} knows", *known, config.package->version)
      .message(
          "a newer build wrote this database: the installed {} refuses it and does not start (exit code 78)",
          config.package->version)
      .fix("install the newer build again, or: {}", restore)
      .about("{} schema", name);
}

void databases(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    look_at(site, config, config.state_dir / "state/openclaw.sqlite", "state", out);
    auto agents = config.state_dir / "agents";
    if (auto names = site.host().list(agents))
      for (const auto& name : *names)
        look_at(site, config, agents / name / "agent/openclaw-agent.sqlite", "agent", out);
  }
}

const Rule kRules[] = {
    {.id = "GW-007",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Two gateways use the same bot token",
     .why = "A bot's messages go to one listener: two gateways kick each other out in turn (getUpdates "
            "conflict), "
            "and every health check stays green.",
     .not_when = "the channel is disabled in one of them; placeholders",
     .remedy = "One bot for each gateway.",
     .check = one_bot_twice},
    {.id = "GW-010",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "A gateway's session store is over its budget",
     .why = "Sessions grow for ever where nobody prunes them; the disk fills, and then every turn fails.",
     .not_when = "session.maintenance.maxDiskBytes is false or 0: the owner wants no budget",
     .remedy = "openclaw sessions cleanup --enforce: it archives before it deletes.",
     .check = heavy_sessions},
    {.id = "GW-011",
     .severity = Severity::critical,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "A gateway's database is empty, damaged, or of a newer build",
     .why = "An empty one means a gateway that starts and has forgotten everything; any other damage, one "
            "that does "
            "not start at all.",
     .not_when = "no database yet: never started",
     .remedy = "Restore the database from the newest verified backup, with the gateway stopped.",
     .check = databases},
};

}  // namespace

std::span<const Rule> gateway_state_rules() { return kRules; }

}  // namespace meshops::audit
