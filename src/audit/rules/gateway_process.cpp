// Gateways that run: one for each state and port, its own port for each, and the build that is installed.
#include <algorithm>
#include <map>

#include "audit/gateway_processes.h"
#include "audit/gateway_rules.h"
#include "audit/units.h"
#include "base/text.h"
#include "gateway/gateway.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

std::string since_text(const Site& site, const ProcessInfo& process) {
  auto start = start_of(site, process);
  return start ? fmt::format(" since {}", iso8601(*start)) : std::string();
}

// ---- GW-005 ----

using Group = std::vector<const GatewayProcess*>;

void tell_group(const Site& site, const Group& group, const std::string& what, Findings& out) {
  std::string found;
  Group supervised, loose;
  for (const auto* p : group) {
    found += fmt::format("{}pid {} of {}{}", found.empty() ? "" : ", ", p->info.pid, p->starter,
                         since_text(site, p->info));
    (p->unit.empty() ? loose : supervised).push_back(p);
  }
  // Only where it is certain which one stays: the one that comes back by itself.
  std::optional<Mend> mend;
  std::string fix =
      "stop all but one: a unit with systemctl disable --now UNIT, a process with kill -TERM PID";
  if (supervised.size() == 1 && !loose.empty()) {
    mend.emplace();
    fix.clear();
    for (const auto* p : loose) {
      mend->orders.push_back({.run = {"kill", "-TERM", std::to_string(p->info.pid)}, .back = {}});
      fix += fmt::format("{}kill -TERM {}", fix.empty() ? "" : "; ", p->info.pid);
    }
    fix += fmt::format(" (keep {})", supervised[0]->unit);
  }
  out.add({})
      .found("{}", found)
      .wanted("one gateway for {}", what)
      .message("{} gateways share {}: they take each other's locks, port and messages away", group.size(),
               what)
      .fix("{}", fix)
      .about("{}", what)
      .mend(std::move(mend));
}

void several_processes(const Site& site, Findings& out) {
  const auto& processes = site.facts<GatewayProcesses>();
  for (const auto& skip : processes.skips()) out.skip(skip.what, skip.reason);
  std::map<std::string, Group> by_state, by_port;
  for (const auto& p : processes.all()) {
    if (p.in_container) continue;
    if (!p.state_dir.empty()) by_state[p.state_dir.string()].push_back(&p);
    if (p.port != 0) by_port[std::to_string(p.port)].push_back(&p);
  }
  std::vector<Group> told;
  for (const auto& [state, group] : by_state)
    if (group.size() > 1) {
      tell_group(site, group, state, out);
      told.push_back(group);
    }
  for (const auto& [port, group] : by_port) {
    bool known = std::ranges::any_of(told, [&](const Group& other) {
      return std::ranges::all_of(group,
                                 [&](const auto* p) { return std::ranges::find(other, p) != other.end(); });
    });
    if (group.size() > 1 && !known) tell_group(site, group, "port " + port, out);
  }
}

// ---- GW-006 ----

bool expected_to_run(const Site& site, const GatewayConfig& config) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    if (unit->name != config.spec.unit) continue;
    if (unit->state) {
      const auto& state = unit->state->active_state;
      return state == "active" || state == "activating" || state == "failed" ||
             unit->state->unit_file_state.starts_with("enabled");
    }
    return unit->enabled.value_or(true);
  }
  return !config.spec.name.empty();
}

bool runs_a_gateway(const Site& site, std::string_view unit) {
  const auto gateways = site.facts<Units>().gateways();
  return std::ranges::any_of(gateways, [&](const Unit* gateway) { return gateway->name == unit; });
}

void port_taken(const Site& site, Findings& out) {
  for (const auto& config : site.facts<GatewayConfigs>().all()) {
    const auto& spec = config.spec;
    if (spec.name.empty() || spec.runtime == RuntimeKind::docker || !expected_to_run(site, config)) continue;
    openclaw::Config read;
    read.root = config.root();
    auto port = openclaw::port_of(spec, openclaw::places(spec, site.host()), read);
    auto listeners = site.host().listeners_on(port);
    if (!listeners) {
      out.skip(fmt::format("port {}", port), listeners.error().text());
      continue;
    }
    std::vector<pid_t> told;
    for (const auto& l : *listeners) {
      if (l.pids.empty()) {
        out.skip(fmt::format("port {}", port), "who listens there is not shown to us");
        break;
      }
      for (auto pid : l.pids) {
        if (std::ranges::find(told, pid) != told.end()) continue;
        told.push_back(pid);
        auto holder = site.host().process_details(pid);
        if (!holder) continue;
        auto unit = unit_of_cgroup(holder->cgroup);
        // Without a unit it is started by meshops itself, whose child it is.
        if (spec.unit.empty() ? is_gateway_process(*holder) : unit == spec.unit) continue;
        // Two units that want the same port: SYS-012 says which to keep.
        if (is_gateway_process(*holder) && runs_a_gateway(site, unit)) continue;
        const bool stale = is_gateway_process(*holder);
        auto who = unit.empty() ? std::string("no unit") : unit;
        out.add({})
            .found("port {}: {}{} (pid {}, {}){}", port, stale ? "another gateway, " : "",
                   printable(holder->comm), pid, who, since_text(site, *holder))
            .wanted("port {} for {}", port, spec.name)
            .message(
                "{} cannot listen on its port {} while {} holds it, and ends after ten seconds of trying",
                spec.name, port, printable(holder->comm))
            .fix("{}",
                 !unit.empty() ? fmt::format("systemctl disable --now {}, or another gateway.port", unit)
                 : stale       ? fmt::format("kill -TERM {}; {}", pid,
                                       spec.unit.empty() ? fmt::format("meshops restart {}", spec.name)
                                                               : fmt::format("systemctl restart {}", spec.unit))
                               : fmt::format("stop process {}, or choose another gateway.port", pid))
            .about("port {}", port);
        break;
      }
    }
  }
}

// ---- GW-015 ----

bool exists(const Site& site, const fs::path& path) { return site.host().stat(path).has_value(); }

std::string text_in(const Site& site, const fs::path& file, const char* key) {
  auto bytes = site.host().read(file, 1U << 20);
  if (!bytes) return {};
  auto document = json5::Document::parse(*bytes);
  return document ? printable(document->find(key).as_string().value_or("")) : std::string();
}

void incomplete(const Site& site, const openclaw::Package& package, Findings& out) {
  const auto& at = package.directory;
  std::vector<std::string> lacks;
  bool entry = false;
  for (const auto* name : {"dist/index.js", "dist/entry.js", "dist/index.mjs", "dist/entry.mjs"})
    entry = entry || exists(site, at / name);
  if (!entry) lacks.emplace_back("dist/index.js");
  if (!exists(site, at / "openclaw.mjs") && !exists(site, at / "dist/index.js"))
    lacks.emplace_back("openclaw.mjs");
  auto built = text_in(site, at / "dist/build-info.json", "version");
  const bool mixed = !built.empty() && built != package.version;
  const bool pending = exists(site, at / ".openclaw-lifecycle-pending");
  if (lacks.empty() && !mixed && !pending) return;
  out.add(site.at(at / "package.json"))
      .found("{}", !lacks.empty() ? fmt::format("no {}", join(lacks, ", no "))
                   : mixed        ? fmt::format("package.json of {}, dist of {}", package.version, built)
                                  : "its installation has not ended (.openclaw-lifecycle-pending)")
      .wanted("the whole package of {}", package.version)
      .message(
          "the installation of OpenClaw is in pieces: the gateway that runs may go on, the next start will "
          "fail")
      .fix("npm install -g openclaw@{}, then restart the gateway", package.version)
      .about("{} incomplete", at.string());
}

void changed_beneath(const Site& site, const GatewayProcess& process, Findings& out) {
  if (process.config == nullptr || process.in_container) return;
  auto start = start_of(site, process.info);
  if (!start || !process.config->package) return;
  const auto& package = *process.config->package;
  for (const auto* name :
       {"restart-sentinel.json", "gateway-restart-intent.json", "gateway-supervisor-restart-handoff.json"})
    if (!process.state_dir.empty() && exists(site, process.state_dir / name))
      return;  // pending, and announced
  std::string what;
  fs::path file;
  for (const auto* name : {"dist/build-info.json", "package.json"}) {
    auto info = site.host().stat(package.directory / name);
    // A start takes its time to read them all.
    if (!info || info->modified <= *start + 60s) continue;
    file = package.directory / name;
    what = fmt::format("installed {} at {}, running since {}", package.version, iso8601(info->modified),
                       iso8601(*start));
    break;
  }
  if (what.empty() && process.info.exe.ends_with(" (deleted)")) {
    auto exe = process.info.exe.substr(0, process.info.exe.size() - 10);
    file = exe;
    what = fmt::format("{} was replaced while it runs", printable(exe));
  }
  if (what.empty()) return;
  out.add(site.at(file))
      .found("{}", what)
      .wanted("a process that started after its files were written")
      .message(
          "pid {} runs an older build over files of a newer one: modules that it loads later do not fit it",
          process.info.pid)
      .fix("{}", process.unit.empty() ? fmt::format("restart the gateway (pid {})", process.info.pid)
                                      : fmt::format("systemctl restart {}", process.unit))
      .about("{} running", package.directory.string());
}

void installed_and_running(const Site& site, Findings& out) {
  std::map<fs::path, openclaw::Package> packages;
  for (const auto& config : site.facts<GatewayConfigs>().all())
    if (config.package) packages.emplace(config.package->directory, *config.package);
  for (const auto& [directory, package] : packages) incomplete(site, package, out);
  if (!site.live()) return;
  const auto& processes = site.facts<GatewayProcesses>();
  for (const auto& skip : processes.skips()) out.skip(skip.what, skip.reason);
  for (const auto& process : processes.all()) changed_beneath(site, process, out);
}

const Rule kRules[] = {
    {.id = "GW-005",
     .severity = Severity::critical,
     .reads = kLive,
     .fix = Fix::automatic,
     .title = "Several gateways run for one state directory or port",
     .why = "They fight over locks, port and bot: each works for a while, neither for long.",
     .not_when = "",
     .remedy = "Keep the one that systemd keeps, and end the others.",
     .check = several_processes},
    {.id = "GW-006",
     .severity = Severity::critical,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "Something else holds the gateway's port",
     .why = "The gateway tries for ten seconds, calls the holder \"another gateway instance\" whatever it "
            "is, and "
            "ends.",
     .not_when = "",
     .remedy = "Move or stop the holder, or give the gateway another port.",
     .check = port_taken},
    {.id = "GW-015",
     .severity = Severity::high,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "The installed gateway is not the one that runs, or is incomplete",
     .why = "Files that were replaced under a running gateway break it when it loads the next module; a half "
            "installation breaks its next start.",
     .not_when = "a restart is pending and announced",
     .remedy = "Restart it, or install the version again.",
     .check = installed_and_running},
};

}  // namespace

std::span<const Rule> gateway_process_rules() { return kRules; }

}  // namespace meshops::audit
