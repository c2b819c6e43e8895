// MSH-003: several hands that restart one gateway.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "audit/runs.h"
#include "base/text.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool speaks_of_gateway(std::string_view name) {
  auto small = lower(name);
  return contains(small, "openclaw") || contains(small, "clawdbot") || contains(small, "moltbot");
}

/// Something that restarts a gateway.
struct Hand {
  std::string what;    // "cron: systemctl restart"
  std::string target;  // a unit's stem; empty: whichever gateway there is
  Where at;
};

std::string stem(std::string_view unit) {
  return std::string(unit.ends_with(".service") ? unit.substr(0, unit.size() - 8) : unit);
}

class Search {
 public:
  explicit Search(const Site& site) : site_(site) {
    // A loop around a gateway is a watchdog, though its command line speaks of one.
    for (const auto& run : site.facts<Runs>().all())
      if (run->unit != nullptr && std::ranges::any_of(run->script.commands, [](const shell::Command& c) {
            return c.loop != shell::kNoLoop;
          }))
        loops_.insert(run->unit);
    for (const auto* unit : site.facts<Units>().gateways())
      if (!unit->is_template() && !loops_.contains(unit)) units_[stem(unit->name)] = unit;
  }

  std::vector<Hand> hands() {
    const auto& runs = site_.facts<Runs>();
    for (const auto& run : runs.all()) {
      if (run->kind == Run::Kind::script && !run->started_by.empty()) continue;  // told by its starter
      if (run->unit != nullptr &&
          ((run->unit->gateway && !loops_.contains(run->unit)) || !run->key.starts_with("ExecStart")))
        continue;
      from(*run, runs);
    }
    tools();
    return std::move(hands_);
  }
  const std::map<std::string, const Unit*>& units() const { return units_; }

 private:
  /// What the command restarts; nothing: no gateway.
  std::optional<std::string> restarts(const shell::Command& command) const {
    auto argv = argv_of(command);
    if (argv.empty()) return std::nullopt;
    auto program = base_name(argv[0]);
    auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
    bool again =
        has("restart") || has("start") || has("try-restart") || has("reload-or-restart") || has("up");
    if (program == "systemctl" || program == "service" || program == "rc-service") {
      if (!again) return std::nullopt;
      for (std::size_t i = 1; i < argv.size(); ++i) {
        auto name = stem(argv[i]);
        if (units_.contains(name) || (speaks_of_gateway(name) && !argv[i].starts_with('-'))) return name;
      }
      return std::nullopt;
    }
    if (program == "openclaw" || program == "clawdbot" || program == "moltbot")
      return (has("gateway") || has("daemon")) && (has("restart") || has("start"))
                 ? std::optional<std::string>("")
             : starts_gateway(argv) ? std::optional<std::string>("")
                                    : std::nullopt;
    constexpr std::array<std::string_view, 8> kTools = {
        "docker", "podman", "docker-compose", "pm2", "supervisorctl", "monit", "kubectl", "forever"};
    if (std::ranges::find(kTools, program) != kTools.end()) {
      if (!again) return std::nullopt;
      return std::ranges::any_of(argv, speaks_of_gateway) ? std::optional<std::string>("") : std::nullopt;
    }
    if (program == "pkill" || program == "killall")
      return std::ranges::any_of(argv, speaks_of_gateway) ? std::optional<std::string>("") : std::nullopt;
    if (starts_gateway(argv)) return "";
    return std::nullopt;
  }

  /// It looks first whether the gateway is well.
  static bool looks(const shell::Script& script) {
    return std::ranges::any_of(script.commands, [](const shell::Command& command) {
      auto argv = argv_of(command);
      if (argv.empty()) return false;
      auto program = base_name(argv[0]);
      auto has = [&](std::string_view word) { return std::ranges::find(argv, word) != argv.end(); };
      if (program == "pgrep" || program == "pidof" || program == "curl" || program == "wget" ||
          program == "nc" || program == "ss" || program == "ps" || program == "lsof" || program == "netstat")
        return true;
      if (program == "systemctl") return has("is-active") || has("is-failed") || has("status");
      if (program == "openclaw") return has("health") || has("status") || has("probe");
      if (program == "docker") return has("inspect") || has("ps");
      if (program == "journalctl" || program == "tail") return true;
      return false;
    });
  }

  static bool often(const Run& run) {
    constexpr int kHour = 60;
    return run.job != nullptr && !run.job->schedule.reboot && run.job->schedule.shortest_gap() <= kHour;
  }

  bool timer_often(const Run& run) const {
    if (run.unit == nullptr) return false;
    for (const auto& other : site_.facts<Units>().others()) {
      if (std::ranges::find(run.unit->started_by, other.name) == run.unit->started_by.end()) continue;
      if (other.file.value("Timer", "OnUnitActiveSec") || other.file.value("Timer", "OnUnitInactiveSec"))
        return true;
      auto calendar = other.file.value("Timer", "OnCalendar").value_or("");
      if (contains(calendar, "*:") || calendar == "minutely" || calendar == "hourly") return true;
    }
    return false;
  }

  static bool named_watchdog(const fs::path& path) {
    auto name = lower(path.filename().string());
    for (std::string_view word :
         {"watchdog", "monitor", "keepalive", "keep-alive", "keep_alive", "health", "heal", "guard", "watch",
          "supervis", "autorestart", "auto-restart", "ensure", "revive"})
      if (contains(name, word)) return true;
    return false;
  }

  void from(const Run& run, const Runs& runs) {
    std::vector<const Run*> texts{&run};
    for (const auto* script : runs.scripts_of(run)) texts.push_back(script);
    std::optional<std::string> target;
    bool checks = false, loops = false;
    for (const auto* text : texts) {
      for (const auto& command : text->script.commands) {
        if (command.substituted) continue;
        auto here = restarts(command);
        if (!here) continue;
        if (!target) target = here;
        loops = loops || command.loop != shell::kNoLoop;
      }
      checks = checks || looks(text->script);
    }
    if (!target) return;
    // A deployment restarts as well; a watchdog comes by itself, again and again.
    bool watchdog = run.kind == Run::Kind::script ? named_watchdog(run.path) && (checks || loops)
                    : run.kind == Run::Kind::job
                        ? loops || often(run) || (checks && !run.job->schedule.reboot)
                        : loops || (!run.unit->started_by.empty() && (checks || timer_often(run)));
    if (!watchdog) return;
    auto at = run.job != nullptr    ? site_.at(run.path, run.job->line, run.job->column)
              : run.unit != nullptr ? Where{run.unit_at.file, run.unit_at.line, run.unit_at.column}
                                    : site_.at(run.path);
    auto kind = run.job != nullptr    ? std::string("a cron job")
                : run.unit != nullptr ? run.unit->name
                                      : "a script";
    hands_.push_back({kind, *target, at});
  }

  // --- tools that supervise by a file of their own ---

  void tools() {
    std::set<fs::path> looked;
    auto look = [&](const fs::path& path) {
      if (looked.insert(path).second) tool(path);
    };
    if (site_.repo()) {
      for (const auto& file : site_.files().all())
        if (file.kind == FileKind::other || file.kind == FileKind::compose) look(file.path);
      return;
    }
    for (const auto* file :
         {"/etc/monit/monitrc", "/etc/supervisor/supervisord.conf", "/etc/supervisord.conf"})
      look(file);
    for (const auto* directory : {"/etc/monit/conf.d", "/etc/monit/conf-enabled", "/etc/supervisor/conf.d"})
      if (auto names = site_.host().list(directory))
        for (const auto& name : *names) look(fs::path(directory) / name);
    for (const auto& file : site_.files().all())
      if (file.kind == FileKind::compose) look(file.path);
  }

  void tool(const fs::path& path) {
    constexpr std::size_t kLimit = 256U << 10;
    auto name = path.filename().string();
    auto whole = path.string();
    bool monit = name == "monitrc" || name.ends_with(".monit") || contains(whole, "monit/");
    bool supervisor =
        contains(name, "supervisor") || contains(whole, "supervisor/") || name.ends_with(".ini");
    bool pm2 = name.starts_with("ecosystem.config.") || name.starts_with("pm2.");
    bool compose = name.ends_with(".yml") || name.ends_with(".yaml");
    if (!monit && !supervisor && !pm2 && !compose) return;
    auto text = site_.host().read(path, kLimit);
    if (!text || !speaks_of_gateway(*text)) return;
    std::size_t number = 0, section = 0;
    std::string block;
    for (auto line : split(*text, '\n')) {
      ++number;
      auto word = trim(line);
      if (word.starts_with('#') || word.starts_with(';') || word.starts_with("//")) continue;
      if (monit) {
        if (word.starts_with("check ")) section = number, block.clear();
        block += " " + std::string(word);
        if (section != 0 && speaks_of_gateway(block) && contains(block, "start")) {
          hands_.push_back({"monit", "", site_.at(path, section)});
          return;
        }
      } else if (supervisor) {
        if (word.starts_with("[program:")) section = number, block.clear();
        block += " " + std::string(word);
        if (section != 0 && speaks_of_gateway(block)) {
          hands_.push_back({"supervisord", "", site_.at(path, section)});
          return;
        }
      } else if (pm2) {
        if (speaks_of_gateway(word)) {
          hands_.push_back({"pm2", "", site_.at(path, number)});
          return;
        }
      } else if (word.starts_with("image:") && (contains(word, "watchtower") || contains(word, "autoheal"))) {
        hands_.push_back(
            {contains(word, "autoheal") ? "autoheal" : "watchtower", "", site_.at(path, number)});
        return;
      }
    }
  }

  const Site& site_;
  std::map<std::string, const Unit*> units_;
  std::set<const Unit*> loops_;
  std::vector<Hand> hands_;
};

bool restarts_itself(const Unit& unit) {
  auto restart = unit.file.value("Service", "Restart").value_or("no");
  return restart != "no";
}

}  // namespace

void watchdogs(const Site& site, Findings& out) {
  Search search(site);
  auto hands = search.hands();
  if (hands.empty()) return;
  std::set<std::string> targets;
  for (const auto& [name, unit] : search.units()) targets.insert(name);
  for (const auto& hand : hands)
    if (!hand.target.empty()) targets.insert(hand.target);
  if (targets.empty()) targets.insert("");
  // meshops itself is one more hand where it is told to mind the gateway.
  std::optional<Where> meshops;
  for (const auto& file : site.facts<MeshFiles>().files())
    if (!file.mesh.gateways.empty() && file.mesh.limits.profile != Profile::observe_only && !meshops)
      meshops = site.at(file.path, file.line_of("gateway", 0));
  for (const auto& target : targets) {
    std::vector<std::string> list;
    std::vector<const Hand*> mine;
    for (const auto& hand : hands)
      if (hand.target == target || hand.target.empty()) mine.push_back(&hand);
    if (mine.empty()) continue;
    auto place = [](const Where& at) {
      return at.line > 0 ? fmt::format("{}:{}", at.file, at.line) : at.file;
    };
    auto unit = search.units().find(target);
    std::size_t own = 0;
    if (unit != search.units().end() && restarts_itself(*unit->second)) {
      ++own;
      list.push_back(fmt::format("systemd ({})", place(unit->second->at("Service", "Restart"))));
    }
    if (meshops) {
      ++own;
      list.push_back(fmt::format("meshops ({})", place(*meshops)));
    }
    for (const auto* hand : mine) list.push_back(fmt::format("{} ({})", hand->what, place(hand->at)));
    if (own + mine.size() < 2) continue;
    auto name = target.empty() ? "the gateway" : target;
    out.add(own > 0 ? mine[0]->at : mine[1]->at)
        .found("{} is restarted by {}", name, join(list, ", "))
        .wanted("one hand")
        .message(
            "each of them sees the restart of the other as an outage, and restarts what was just warming up")
        .fix("keep {}; disable: {}",
             meshops   ? "meshops"
             : own > 0 ? "the unit with Restart=always"
                       : list[0],
             join(std::vector<std::string>(list.begin() + (own > 0 ? static_cast<std::ptrdiff_t>(own) : 1),
                                           list.end()),
                  ", "))
        .about("{}", name);
  }
}

}  // namespace meshops::audit::mesh_rules_parts
