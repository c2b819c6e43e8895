#include "audit/secret_list.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "audit/gateway_processes.h"
#include "audit/secret_files.h"
#include "audit/secrets.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kLargestCredential = 1U << 20;

/// Variables that gateways and their plugins take secrets from; beside them those that files here name.
constexpr std::array<std::string_view, 24> kVariables = {
    "ANTHROPIC_API_KEY",  "ANTHROPIC_OAUTH_TOKEN", "OPENAI_API_KEY",
    "OPENROUTER_API_KEY", "GEMINI_API_KEY",        "GOOGLE_API_KEY",
    "GROQ_API_KEY",       "MISTRAL_API_KEY",       "XAI_API_KEY",
    "DEEPSEEK_API_KEY",   "ZAI_API_KEY",           "MOONSHOT_API_KEY",
    "ELEVENLABS_API_KEY", "BRAVE_API_KEY",         "PERPLEXITY_API_KEY",
    "TELEGRAM_BOT_TOKEN", "DISCORD_BOT_TOKEN",     "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",    "GITHUB_TOKEN",          "OPENCLAW_GATEWAY_TOKEN",
    "GH_TOKEN",           "AWS_SECRET_ACCESS_KEY", "OPENCLAW_GATEWAY_PASSWORD"};

class Lister {
 public:
  Lister(const Site& site, std::string_view key) : site_(site), key_(key) {
    if (auto all = site.host().accounts()) accounts_ = std::move(*all);
  }

  SecretList gather() {
    list_.key = secret_fingerprint(key_, "which key this is").substr(0, 8);
    const auto& files = site_.facts<SecretFiles>();
    list_.files = files.all;
    of_files(files);
    if (site_.live()) of_processes();
    unseen();
    same_elsewhere();
    return std::move(list_);
  }

 private:
  std::string owner(uid_t uid) const {
    auto found = std::ranges::find(accounts_, uid, &Account::uid);
    return found == accounts_.end() ? std::to_string(uid) : found->name;
  }

  void of_files(const SecretFiles& files) {
    auto inventory = SecretInventory::gather_with(site_, key_);
    auto found = inventory.secrets();
    list_.skips = inventory.skips();
    auto look = [&](const fs::path& path) { find_secrets_in(site_, path, key_, found, list_.skips); };
    for (const auto& path : files.all)
      if (!files.credentials.contains(path)) look(path);
    for (const auto* unit : site_.facts<Units>().gateways()) {
      look(unit->path);
      for (const auto& path : unit->drop_ins) look(path);
    }
    auto place = [](const KnownSecret& s) { return std::tie(s.at.file, s.at.line, s.at.column); };
    std::ranges::sort(found, {}, place);
    auto twice = std::ranges::unique(found, {}, place);
    found.erase(twice.begin(), twice.end());
    for (auto& secret : found) {
      names_.insert(secret.name);
      ListedSecret one{.at = secret.at,
                       .name = std::move(secret.name),
                       .kind = std::move(secret.kind),
                       .fingerprint = std::move(secret.fingerprint),
                       .environment = std::move(secret.environment),
                       .since = secret.since,
                       .since_is_told = secret.since_is_told};
      own(one, secret.file);
      list_.secrets.push_back(std::move(one));
    }
    for (const auto& path : files.credentials) of_credential(path);
  }

  void own(ListedSecret& secret, const fs::path& file) const {
    auto info = site_.host().stat(file);
    if (!info) return;
    secret.owner = owner(info->uid);
    secret.mode = info->mode;
    if (!secret.since && !site_.repo()) secret.since = info->modified;
  }

  /// The whole file is the secret, whatever it looks like.
  void of_credential(const fs::path& path) {
    auto text = site_.host().read(path, kLargestCredential);
    if (!text) {
      list_.skips.push_back({"", site_.shown(path), text.error().text()});
      return;
    }
    auto value = trim(*text);
    if (value.empty()) return;
    ListedSecret one{.holder = ListedSecret::Holder::credential,
                     .at = site_.at(path, 1, 1),
                     .name = path.filename().string(),
                     .kind = "systemd credential",
                     .fingerprint = secret_fingerprint(key_, value),
                     .environment = environment_of(path)};
    if (auto hits = find_secrets(value); hits.size() == 1 && hits[0].length == value.size())
      one.kind = hits[0].kind;
    own(one, path);
    list_.secrets.push_back(std::move(one));
  }

  void of_processes() {
    const auto& processes = site_.facts<GatewayProcesses>();
    for (const auto& skip : processes.skips()) list_.skips.push_back(skip);
    std::vector<std::string> names(kVariables.begin(), kVariables.end());
    names.insert(names.end(), names_.begin(), names_.end());
    for (const auto& process : processes.all()) {
      auto environment = site_.host().process_environment(process.info.pid, names);
      if (!environment) {
        list_.skips.push_back(
            {"", fmt::format("the environment of process {}", process.info.pid), environment.error().text()});
        continue;
      }
      for (const auto& [name, value] : *environment) {
        auto kind = secret_kind(name, value);
        if (!kind) continue;
        list_.secrets.push_back({.holder = ListedSecret::Holder::process,
                                 .pid = process.info.pid,
                                 .program = process.info.comm,
                                 .name = name,
                                 .kind = std::string(*kind),
                                 .fingerprint = secret_fingerprint(key_, value),
                                 .owner = owner(process.info.uid)});
      }
    }
  }

  /// Homes that we may not look into hold what we do not know of.
  void unseen() {
    if (site_.repo()) return;
    for (const auto& account : accounts_) {
      if (!account.home.has_parent_path() || account.home == "/") continue;
      auto names = site_.host().list(account.home);
      if (!names && names.error().is(code_name(FileCode::not_permitted)))
        list_.skips.push_back({"", site_.shown(account.home), names.error().text()});
    }
    std::ranges::sort(list_.skips, {}, [](const Skip& s) { return std::tie(s.what, s.reason); });
    auto twice =
        std::ranges::unique(list_.skips, {}, [](const Skip& s) { return std::tie(s.what, s.reason); });
    list_.skips.erase(twice.begin(), twice.end());
  }

  void same_elsewhere() {
    std::map<std::string, std::vector<std::string>> places;
    for (const auto& secret : list_.secrets) places[secret.fingerprint].push_back(secret.place());
    for (auto& secret : list_.secrets)
      for (const auto& place : places[secret.fingerprint])
        if (place != secret.place() && std::ranges::find(secret.also, place) == secret.also.end())
          secret.also.push_back(place);
  }

  const Site& site_;
  std::string_view key_;
  std::vector<Account> accounts_;
  std::set<std::string> names_;
  SecretList list_;
};

}  // namespace

std::string ListedSecret::place() const {
  if (holder == Holder::process) return fmt::format("the environment of {} (pid {})", program, pid);
  return at.line == 0 || holder == Holder::credential ? at.file : fmt::format("{}:{}", at.file, at.line);
}

std::string_view text(ListedSecret::Holder holder) {
  constexpr std::array<std::string_view, 3> kWords = {"file", "credential", "process"};
  return kWords[static_cast<std::size_t>(holder)];
}

SecretList SecretList::gather(const Site& site, std::string_view key) { return Lister(site, key).gather(); }

std::string to_json(const SecretList& list, const std::string& node, WallTime now) {
  auto or_null = [](bool there, Json value) { return there ? std::move(value) : Json(nullptr); };
  Json json = {{"schema", "meshops.secrets/1"},
               {"generated_at", iso8601(now)},
               {"node", node},
               {"key", list.key},
               {"secrets", Json::array()},
               {"files", Json::array()},
               {"skipped", Json::array()}};
  for (const auto& s : list.secrets) {
    bool of_process = s.holder == ListedSecret::Holder::process;
    json["secrets"].push_back({{"holder", text(s.holder)},
                               {"file", or_null(!of_process, s.at.file)},
                               {"line", or_null(!of_process, s.at.line)},
                               {"pid", or_null(of_process, s.pid)},
                               {"program", or_null(of_process, s.program)},
                               {"name", s.name},
                               {"kind", s.kind},
                               {"fingerprint", s.fingerprint},
                               {"environment", s.environment},
                               {"owner", s.owner},
                               {"mode", s.mode ? Json(fmt::format("{:04o}", *s.mode)) : Json(nullptr)},
                               {"since", s.since ? Json(iso8601(*s.since)) : Json(nullptr)},
                               {"since_is_told", s.since_is_told},
                               {"also", s.also}});
  }
  for (const auto& file : list.files) json["files"].push_back(file.string());
  for (const auto& skip : list.skips)
    json["skipped"].push_back({{"what", skip.what}, {"reason", skip.reason}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string for_people(const SecretList& list, WallTime now) {
  std::string out;
  for (const auto& s : list.secrets) {
    auto what = s.name.empty() ? s.kind : fmt::format("{}, {}", s.name, s.kind);
    out += fmt::format("{}  {}\n    {}", printable(s.place()), printable(what), s.fingerprint);
    if (!s.owner.empty()) out += "  " + printable(s.owner);
    if (s.mode) out += fmt::format(" {:04o}", *s.mode);
    if (s.since && *s.since <= now)
      out += fmt::format("  {}{} ago", s.since_is_told ? "rotated " : "changed ", about(now - *s.since));
    if (!s.environment.empty()) out += "  " + s.environment;
    out += '\n';
    if (!s.also.empty()) out += fmt::format("    the same in {}\n", printable(join(s.also, ", ")));
  }
  if (list.secrets.empty()) out += "no secret was found\n";
  for (const auto& skip : list.skips)
    out += fmt::format("not looked at: {}: {}\n", printable(skip.what), printable(skip.reason));
  return out + fmt::format("{} {}; fingerprints compare with those of key {}\n", list.secrets.size(),
                           list.secrets.size() == 1 ? "secret" : "secrets", list.key);
}

}  // namespace meshops::audit
