// Secrets: how old they are, where they are used twice, who watches over them.
#include <algorithm>
#include <map>
#include <set>

#include "audit/secret_files.h"
#include "audit/secret_inventory.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "base/text.h"
#include "store/watch_record.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

long days(Duration span) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::hours>(span).count() / 24);
}

void old_secrets(const Site& site, Findings& out) {
  const auto mesh = mesh_of(site);
  const auto& inventory = site.facts<SecretInventory>();
  for (const auto& skip : inventory.skips()) out.skip(skip.what, skip.reason);
  for (const auto& secret : inventory.secrets()) {
    if (!secret.since) continue;
    // The gateway and people rewrite their configuration for other reasons: only a date beside it counts
    // there.
    bool settings =
        secret.file.extension() == ".json" && secret.file.parent_path().filename() != "credentials";
    if (settings && !secret.since_is_told) continue;
    bool waived = std::ranges::any_of(mesh.audit.old_secrets, [&](const std::string& name) {
      return name == secret.name || name == site.shown(secret.file) || name == "*";
    });
    auto age = std::chrono::duration_cast<Duration>(site.now() - *secret.since);
    if (waived || age <= mesh.audit.secret_age) continue;
    auto name = secret.name.empty() ? secret.kind : secret.name;
    out.add(secret.at)
        .found("{} is {} days old{}", name, days(age),
               secret.since_is_told ? "" : " (its file was last changed then)")
        .wanted("at most {} days", days(mesh.audit.secret_age))
        .message("whoever has seen it since then, in a log, a backup or a chat, can still use it")
        .fix(
            "make a new {} at its provider, put it in, try it, revoke the old one; a comment "
            "rotated=YYYY-MM-DD beside it tells its age; or waive it: [audit] old_secrets = [\"{}\"]",
            secret.kind, name)
        .about("{}", name);
  }
}

void shared_secrets(const Site& site, Findings& out) {
  const auto& inventory = site.facts<SecretInventory>();
  for (const auto& skip : inventory.skips()) out.skip(skip.what, skip.reason);
  // The gateway whose directory names no environment is the one that people talk to.
  const auto& homes = site.facts<GatewayHomes>().all;
  auto environment = [&](const KnownSecret& secret) {
    if (!secret.environment.empty()) return secret.environment;
    bool of_gateway = std::ranges::any_of(homes, [&](const GatewayHome& home) {
      return secret.file.string().starts_with(home.directory.string() + "/");
    });
    return std::string(of_gateway ? "the main gateway" : "");
  };
  std::map<std::string, const KnownSecret*> first;
  std::set<std::string> told;
  for (const auto& secret : inventory.secrets()) {
    auto mine = environment(secret);
    if (mine.empty()) continue;
    auto [it, fresh] = first.try_emplace(secret.fingerprint, &secret);
    if (fresh || environment(*it->second) == mine) continue;
    if (!told.insert(secret.fingerprint + mine).second) continue;
    auto name = secret.name.empty() ? secret.kind : secret.name;
    out.add(secret.at)
        .found("{} is the same as in {}:{} ({})", name, it->second->at.file, it->second->at.line,
               environment(*it->second))
        .wanted("one of its own for {}", mine)
        .message(
            "who breaks into the weaker of the two has the other one as well, and neither can be rotated "
            "alone")
        .fix("make a second {} for {} and put it in here", secret.kind, mine)
        .about("{} {}", name, mine);
  }
}

/// Whether a rule of auditd tells of reading that file.
bool watches(std::string_view rules, const fs::path& file) {
  for (auto line : split(rules, '\n')) {
    auto word = words(line);
    if (word.empty() || word[0].starts_with('#')) continue;
    std::string path;
    bool directory = false, reads = true;
    for (std::size_t i = 0; i < word.size(); ++i) {
      auto next = i + 1 < word.size() ? word[i + 1] : std::string_view();
      if (word[i] == "-w") path = std::string(next), directory = true;
      if (word[i] == "-p") reads = next.find('r') != std::string_view::npos;
      if (word[i] == "-F" && next.starts_with("path=")) path = std::string(next.substr(5));
      if (word[i] == "-F" && next.starts_with("dir=")) path = std::string(next.substr(4)), directory = true;
      if (word[i] == "-F" && next.starts_with("perm=")) reads = next.find('r') != std::string_view::npos;
    }
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.empty() || !reads) continue;
    if (file == path || (directory && file.string().starts_with(path + "/"))) return true;
  }
  return false;
}

/// What the agent says of its watch. A machine's own agent keeps it here, whoever audits.
constexpr std::string_view kAgentState = "/var/lib/meshops";

struct AgentWatch {
  std::set<fs::path> files;
  std::string trouble;     // why it does not watch, in a sentence
  std::string unreadable;  // the record that could not be read
  bool covers(const fs::path& file) const { return files.contains(file); }
};
AgentWatch agent_watch(const Site& site, Findings& out) {
  AgentWatch watch;
  std::set<fs::path> places = {kAgentState};
  if (!site.mesh().state_dir.empty()) places.insert(site.mesh().state_dir);
  for (const auto& place : places) {
    auto file = place / store::WatchRecord::kFile;
    auto text = site.host().read(file);
    if (!text && text.error().is(code_name(FileCode::not_found))) continue;
    auto record = text ? store::parse_watch_record(*text) : std::nullopt;
    if (!record) {
      watch.unreadable = site.shown(file);
      out.skip(watch.unreadable, text ? "it is no record of the agent's watch" : text.error().text());
      continue;
    }
    if (!record->trouble.empty()) {
      watch.trouble = record->trouble;
      continue;
    }
    auto agent = site.live() ? site.host().process(record->pid) : Result<ProcessInfo>(ProcessInfo());
    if (site.live() && (!agent || agent->start_ticks != record->start_ticks)) {
      watch.trouble = "the agent that watched does not run any more";
      continue;
    }
    watch.files.merge(record->files);
  }
  return watch;
}

/// Rules of auditd in force; nothing if it could not be told, which has been reported.
std::optional<std::string> auditd_rules(const Site& site, Findings& out) {
  std::string rules;
  auto add = [&](const fs::path& path) {
    if (auto text = read_or_skip(site, path, out)) rules += *text + "\n";
  };
  add("/etc/audit/audit.rules");
  auto names = site.host().list("/etc/audit/rules.d").value_or(std::vector<std::string>());
  for (const auto& name : names)
    if (name.ends_with(".rules")) add(fs::path("/etc/audit/rules.d") / name);
  if (!site.live()) return rules;
  auto units = site.running()->units(std::nullopt);
  if (!units) {
    out.skip("auditd.service", units.error().text());
    return std::nullopt;
  }
  bool runs = std::ranges::any_of(
      *units, [](const UnitState& u) { return u.name == "auditd.service" && u.active_state == "active"; });
  return runs ? rules : std::string();
}

void unwatched_secrets(const Site& site, Findings& out) {
  const auto& files = site.facts<SecretFiles>().all;
  if (files.empty()) return;
  auto agent = agent_watch(site, out);
  auto rules = auditd_rules(site, out);
  // One finding for each directory: they are watched together.
  std::map<fs::path, std::vector<fs::path>> bare;
  for (const auto& file : files)
    if (!agent.covers(file) && !(rules && watches(*rules, file))) bare[file.parent_path()].push_back(file);
  // What may well watch them could not be asked.
  if (!rules || !agent.unreadable.empty()) return;
  for (const auto& [directory, list] : bare) {
    out.add(site.at(list.front()))
        .found("nobody notes who reads {}{}",
               list.size() == 1 ? site.shown(list.front())
                                : fmt::format("{} files in {}", list.size(), site.shown(directory)),
               agent.trouble.empty() ? "" : ": " + agent.trouble)
        .wanted("the agent's secret_watch or auditd tells of it")
        .message("after a break-in nobody can say whether these secrets were read, by whom and when")
        .fix(
            "run the agent as root, with [audit] secret_watch on as it is by default: systemctl enable --now "
            "meshops-agent; meshops secrets access tells who it was. Or auditd: the line -w {0} -p rwa -k "
            "secrets in "
            "/etc/audit/rules.d/secrets.rules; augenrules --load; ausearch -k secrets",
            site.shown(directory))
        .about("{}", site.shown(directory));
  }
}

const Rule kRules[] = {
    {.id = "SEC-010",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A secret is older than its limit",
     .why = "Keys leak into logs, backups and chats over time; only rotation ends what leaked.",
     .not_when = "waived in mesh.toml: [audit] old_secrets",
     .remedy = "Rotate it.",
     .check = old_secrets},
    {.id = "SEC-011",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Two environments share a secret",
     .why = "Whoever breaks into staging has production as well, and neither can be rotated alone.",
     .not_when = "",
     .remedy = "A secret of its own for each environment.",
     .check = shared_secrets},
    {.id = "SEC-012",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "Nobody notes who reads the secrets",
     .why = "After a break-in the first question is what was read; without an audit trail every secret must "
            "be rotated.",
     .not_when = "the agent's secret_watch or rules of auditd cover them",
     .remedy = "The agent with secret_watch, or auditd with a rule for each directory that holds secrets.",
     .check = unwatched_secrets},
};

}  // namespace

std::span<const Rule> security_secret_rules() { return kRules; }

}  // namespace meshops::audit
