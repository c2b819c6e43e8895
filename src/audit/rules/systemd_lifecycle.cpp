// How a gateway's unit starts it, keeps it and stops it: SYS-001 to SYS-004, SYS-017.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "base/text.h"

namespace meshops::audit {

using namespace std::chrono_literals;

namespace {

constexpr Duration kStartFloor = 180s;
/// DefaultTimeoutStartSec= and DefaultTimeoutStopSec=: what a unit without the directive gets.
constexpr Duration kManagerDefault = 90s;
/// OpenClaw drains turns for up to 315 s, and takes 15 s for itself.
constexpr Duration kDrain = 330s;
constexpr Duration kSlowestRestart = 60s;
constexpr Duration kFastestRestart = 1s;

std::string value_or_unset(const Unit& unit, std::string_view key, std::string_view by_default) {
  auto value = unit.file.value("Service", key);
  return value ? fmt::format("{}={}", key, printable(value->substr(0, 80)))
               : fmt::format("{} is not set: {}", key, by_default);
}

/// Where the start or stop timeout that counts was given: TimeoutSec= gives both.
Where timeout_at(const Unit& unit, std::string_view key) {
  const auto* own = unit.file.last("Service", key);
  const auto* both = unit.file.last("Service", "TimeoutSec");
  bool by_both = both != nullptr && (own == nullptr || both > own);
  return unit.at("Service", by_both ? "TimeoutSec" : key);
}

void start_timeout(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    auto set = unit->file.span("Service", "TimeoutStartSec");
    auto timeout = set.value_or(kManagerDefault);
    if (timeout >= kStartFloor) continue;
    out.add(timeout_at(*unit, "TimeoutStartSec"))
        .found("{}", set ? span_text(timeout) : "not set: 90s, the manager's default")
        .wanted("at least 180 s")
        .message("{} is killed by systemd when it takes longer than {} to start", unit->name,
                 span_text(timeout))
        .fix("a drop-in with [Service] TimeoutStartSec=300")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "TimeoutStartSec", "300"));
  }
}

void restart_always(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    // A template's instances are kept by whoever starts them; a timer starts its service again by itself.
    if (unit->is_template() || unit->started_on_demand()) continue;
    auto restart = unit->file.value("Service", "Restart");
    if (restart == "always") continue;
    auto what = !restart || *restart == "no" ? "stays down whenever it ends, however it ends"
                                             : "stays down after it has ended by itself without an error";
    out.add(unit->at("Service", "Restart"))
        .found("{}", value_or_unset(*unit, "Restart", "no"))
        .wanted("Restart=always")
        .message("{} {}, until somebody notices", unit->name, what)
        .fix("a drop-in with [Service] Restart=always")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "Restart", "always"));
  }
}

void restart_delay(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    auto delay = unit->file.span("Service", "RestartSec");
    if (delay && *delay >= kFastestRestart && *delay <= kSlowestRestart) continue;
    bool slow = delay && *delay > kSlowestRestart;
    out.add(unit->at("Service", "RestartSec"))
        .found("{}", delay ? fmt::format("RestartSec={}", span_text(*delay))
                           : value_or_unset(*unit, "RestartSec", "100 ms"))
        .wanted("1 to 60 s; 5 s is the house value")
        .message("{} {}", unit->name,
                 slow ? fmt::format("is down for {} after every crash", span_text(*delay))
                      : "is started again at once while it fails: it hammers the machine until the start "
                        "limit parks it")
        .fix("a drop-in with [Service] RestartSec=5")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "RestartSec", "5"));
  }
}

/// Nothing: it could not be read.
struct MachineSize {
  std::optional<std::uint64_t> memory;
  std::optional<std::size_t> processors;
  static MachineSize gather(const Site& site) {
    MachineSize size;
    if (!site.live()) return size;
    if (auto info = site.host().read("/proc/meminfo", 64U << 10))
      for (auto line : split(*info, '\n'))
        if (line.starts_with("MemTotal:"))
          if (auto parts = words(line); parts.size() > 1)
            if (auto kib = to_number<std::uint64_t>(parts[1])) size.memory = *kib * 1024;
    if (auto info = site.host().read("/proc/cpuinfo", 4U << 20)) {
      std::size_t count = 0;
      for (auto line : split(*info, '\n'))
        if (line.starts_with("processor")) ++count;
      if (count > 0) size.processors = count;
    }
    return size;
  }
};

/// A "4 GiB" machine shows what its firmware and kernel left over.
constexpr std::uint64_t kSmallMemory = 3900ULL << 20;
constexpr std::size_t kFewProcessors = 3;

bool pings(const Site& site, const Unit& unit) {
  auto speaks = [](std::string_view text) {
    return text.find("WATCHDOG=1") != std::string_view::npos ||
           text.find("systemd-notify") != std::string_view::npos ||
           text.find("sdnotify") != std::string_view::npos ||
           text.find("sd-notify") != std::string_view::npos;
  };
  for (const auto& command : unit.commands())
    for (const auto& word : command.argv)
      if (speaks(word)) return true;
  return std::ranges::any_of(unit.scripts,
                             [&](const auto& path) { return speaks(site.host().read(path).value_or("")); });
}

void watchdog(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    auto span = unit->file.span("Service", "WatchdogSec");
    if (!span || *span == Duration::zero() || *span == systemd::kInfinity) continue;
    auto type = unit->type();
    auto access = unit->file.value("Service", "NotifyAccess");
    bool notifies = type == "notify" || type == "notify-reload" || (access && *access != "none");
    std::string why;
    if (notifies && pings(site, *unit)) continue;
    if (!notifies) {
      why = fmt::format("Type={} tells systemd nothing", type);
    } else {
      const auto& size = site.facts<MachineSize>();
      if (site.live() && (!size.memory || !size.processors)) {
        out.skip(unit->name, "the size of this machine cannot be read (/proc/meminfo, /proc/cpuinfo)");
        continue;
      }
      bool small = (size.memory && *size.memory < kSmallMemory) ||
                   (size.processors && *size.processors < kFewProcessors);
      if (!small) continue;
      why = fmt::format("this machine is small ({}, {} CPUs)", bytes_text(*size.memory), *size.processors);
    }
    out.add(unit->at("Service", "WatchdogSec"))
        .found("WatchdogSec={}, and {}", span_text(*span), why)
        .wanted("WatchdogSec=0")
        .message("{} is killed while it warms up or works hard: nothing pings the watchdog within {}",
                 unit->name, span_text(*span))
        .fix("a drop-in with [Service] WatchdogSec=0; meshops probes the gateway instead")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "WatchdogSec", "0"));
  }
}

void stop_drain(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    if (unit->kind != GatewayKind::openclaw) continue;
    bool mixed = unit->file.value("Service", "KillMode") == "mixed";
    auto set = unit->file.span("Service", "TimeoutStopSec");
    auto timeout = set.value_or(kManagerDefault);
    bool in_time = timeout >= kDrain;
    if (mixed && in_time) continue;
    std::vector<Setting> settings;
    if (!mixed) settings.push_back({"Service", "KillMode", "mixed"});
    if (!in_time) settings.push_back({"Service", "TimeoutStopSec", "330"});
    std::vector<std::string> found, fix;
    if (!mixed) found.push_back(value_or_unset(*unit, "KillMode", "control-group"));
    if (!in_time)
      found.push_back(set ? fmt::format("TimeoutStopSec={}", span_text(timeout))
                          : "TimeoutStopSec is not set: 90s, the manager's default");
    for (const auto& s : settings) fix.push_back(fmt::format("{}={}", s.key, s.value));
    auto what = !mixed ? "systemd signals every process of it at once, so running turns die"
                       : fmt::format("it is killed {} after the order, while it may drain turns for 315 s",
                                     span_text(timeout));
    out.add(mixed ? timeout_at(*unit, "TimeoutStopSec") : unit->at("Service", "KillMode"))
        .found("{}", join(found, "; "))
        .wanted("KillMode=mixed and TimeoutStopSec of at least 330 s")
        .message("turns of {} are cut on every stop: {}", unit->name, what)
        .fix("a drop-in with [Service] {}", join(fix, " "))
        .about("{}", unit->name)
        .mend(set_directives(site, *unit, settings));
  }
}

const Rule kRules[] = {
    {.id = "SYS-001",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway may be killed while it starts",
     .why = "A gateway on a small VM needs minutes to warm up; systemd's 30 to 90 s kill it half-way, every "
            "time.",
     .not_when = "Type=oneshot; not a gateway",
     .remedy = "Give it at least 180 s: TimeoutStartSec=300.",
     .check = start_timeout},
    {.id = "SYS-002",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway is not always started again",
     .why = "A gateway ends itself cleanly after an update or a changed configuration; Restart=on-failure "
            "leaves "
            "it dead then.",
     .not_when = "template units, and units that a timer, socket or path starts",
     .remedy = "Restart=always.",
     .check = restart_always},
    {.id = "SYS-003",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway is restarted too fast or too slowly",
     .why =
         "Without RestartSec a failing gateway is started ten times a second until the start limit parks it; "
         "over a minute is an outage each time.",
     .not_when = "from 1 s to 60 s",
     .remedy = "RestartSec=5.",
     .check = restart_delay},
    {.id = "SYS-004",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A watchdog kills the gateway while it warms up",
     .why = "WatchdogSec expects pings that the gateway does not send, or not while a small machine is busy "
            "starting it.",
     .not_when =
         "Type=notify with a process known to ping; Type=notify on a machine of 4 GiB and 3 CPUs or more",
     .remedy = "WatchdogSec=0, and probe it from outside.",
     .check = watchdog},
    {.id = "SYS-017",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Turns are cut on every stop of the gateway",
     .why =
         "OpenClaw lets running turns finish for up to 315 s after SIGTERM; a shorter TimeoutStopSec, or a "
         "signal to every process of the unit, cuts them.",
     .not_when = "gateways of other kinds",
     .remedy = "KillMode=mixed and TimeoutStopSec=330.",
     .check = stop_drain},
};

}  // namespace

std::span<const Rule> systemd_lifecycle_rules() { return kRules; }

}  // namespace meshops::audit
