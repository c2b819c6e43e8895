// What bounds a gateway: its restarts and its memory. SYS-007, SYS-013.
#include <fmt/format.h>

#include <algorithm>

#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "base/text.h"

namespace meshops::audit {

using namespace std::chrono_literals;

namespace {

/// DefaultStartLimitIntervalSec=, DefaultStartLimitBurst=, DefaultRestartSec=.
constexpr Duration kInterval = 10s;
constexpr unsigned kBurst = 5;
constexpr Duration kRestart = 100ms;

struct StartLimit {
  Duration interval = kInterval;
  unsigned burst = kBurst;
  const systemd::Assignment* interval_at = nullptr;
  const systemd::Assignment* burst_at = nullptr;
};

/// With the old spellings that still count; the last one wins, wherever it stands.
StartLimit start_limit(const systemd::UnitFile& file) {
  StartLimit limit;
  for (const auto& a : file.assignments()) {
    bool here = a.section == "Unit" || a.section == "Service";
    if (!here || a.value.empty()) continue;
    if (a.key == "StartLimitInterval" || (a.key == "StartLimitIntervalSec" && a.section == "Unit")) {
      if (auto span = systemd::parse_span(a.value)) limit.interval = *span, limit.interval_at = &a;
    } else if (a.key == "StartLimitBurst") {
      if (auto burst = to_number<unsigned>(a.value)) limit.burst = *burst, limit.burst_at = &a;
    }
  }
  return limit;
}

void limit_never_trips(const Site& site, Findings& out) {
  for (const auto& unit : site.facts<Units>().services()) {
    auto limit = start_limit(unit.file);
    auto restart = unit.file.value("Service", "Restart");
    if (restart == "no") continue;
    // Of other services only where somebody wanted a limit and has none: 0 is then meant.
    if (!unit.gateway &&
        (!limit.interval_at || limit.interval == Duration::zero() || !restart || unit.packaged()))
      continue;
    auto delay = unit.file.span("Service", "RestartSec").value_or(kRestart);
    bool off = limit.interval == Duration::zero() || limit.burst == 0;
    if (!off && limit.interval == systemd::kInfinity) continue;
    bool never = off || delay == systemd::kInfinity ||
                 delay >= limit.interval / limit.burst +
                              (limit.interval % limit.burst == Duration::zero() ? 0ns : 1ns);
    if (!never) continue;
    const auto* restart_at = unit.file.last("Service", "RestartSec");
    const auto* place = limit.interval_at != nullptr ? limit.interval_at
                        : restart_at != nullptr      ? restart_at
                                                     : limit.burst_at;
    auto burst = std::max(limit.burst, 5U);
    auto seconds_wanted =
        std::max<std::int64_t>(300, delay == systemd::kInfinity ? 0 : 2 * burst * (delay / 1s + 1));
    auto span_of = [](Duration d, bool set) { return span_text(d) + (set ? "" : " (the default)"); };
    out.add(place != nullptr ? Where{place->at.file, place->at.line, place->at.column} : unit.at("Unit", ""))
        .found("{}", limit.interval == Duration::zero() ? "StartLimitIntervalSec=0: no limit"
                     : limit.burst == 0
                         ? "StartLimitBurst=0: no limit"
                         : fmt::format("RestartSec {} x StartLimitBurst {}{} >= StartLimitIntervalSec {}",
                                       span_of(delay, restart_at != nullptr), limit.burst,
                                       limit.burst_at != nullptr ? "" : " (the default)",
                                       span_of(limit.interval, limit.interval_at != nullptr)))
        .wanted("an interval longer than RestartSec x StartLimitBurst")
        .message("{} can fail and be restarted for ever: nothing parks it and nobody is told", unit.name)
        .fix("in [Unit]: StartLimitIntervalSec={} and StartLimitBurst={}", seconds_wanted, burst)
        .about("{}", unit.name);
  }
}

/// OpenClaw takes 700 MiB at its start and was seen at 2 GB with many agents: what it has used so far may say
/// little, and a limit too low kills a healthy gateway.
constexpr std::uint64_t kLeast = 3ULL << 30;
constexpr std::string_view kUnmeasured = "3G";

bool limits(const systemd::UnitFile& file, std::string_view section) {
  for (const auto* key : {"MemoryMax", "MemoryHigh", "MemoryLimit"})
    if (auto value = file.value(section, key); value && *value != "infinity" && *value != "100%") return true;
  return false;
}

/// In its unit, in the slice it runs in, or given to the engine that runs its container.
bool has_memory_limit(const Unit& unit, const Units& units) {
  if (limits(unit.file, "Service")) return true;
  if (auto slice = unit.file.value("Service", "Slice"))
    if (const auto* found = units.find(*slice, unit.of_user);
        found != nullptr && limits(found->file, "Slice"))
      return true;
  for (const auto& command : unit.commands())
    for (const auto& word : command.argv)
      if (word == "--memory" || word.starts_with("--memory=") || word == "-m") return true;
  return false;
}

/// The most it has used since it started, as the kernel counted; nothing: not known.
std::optional<std::uint64_t> peak(const Site& site, const Unit& unit) {
  if (!site.live() || !unit.state) return std::nullopt;
  std::uint64_t most = unit.state->memory;
  if (!unit.state->control_group.empty())
    if (auto text = site.host().read("/sys/fs/cgroup" + unit.state->control_group + "/memory.peak", 64))
      most = std::max(most, to_number<std::uint64_t>(trim(*text)).value_or(0));
  return most == 0 ? std::nullopt : std::optional(most);
}

void memory_limit(const Site& site, Findings& out) {
  const auto& units = site.facts<Units>();
  for (const auto* unit : units.gateways()) {
    if (has_memory_limit(*unit, units)) continue;
    auto used = peak(site, *unit);
    std::string value(kUnmeasured);
    if (used) {
      constexpr std::uint64_t kStep = 64ULL << 20;
      auto wanted = std::max(kLeast, *used + *used / 2);
      value = fmt::format("{}M", (wanted + kStep - 1) / kStep * (kStep >> 20));
    }
    std::string_view key = "MemoryMax";
    for (std::string_view other : {"MemoryMax", "MemoryHigh"})
      if (unit->file.last("Service", other) != nullptr) {
        key = other;
        break;
      }
    auto set = unit->file.value("Service", key);
    out.add(unit->at("Service", key))
        .found("{}", set ? fmt::format("{}={}", key, printable(set->substr(0, 80)))
                         : "neither MemoryMax nor MemoryHigh is set")
        .wanted("MemoryMax={}{}", value,
                used ? fmt::format(": one and a half times its peak of {}", bytes_text(*used)) : "")
        .message("when {} leaks, the kernel kills something else on the machine, sshd or a database",
                 unit->name)
        .fix("a drop-in with [Service] MemoryMax={}{}", value,
             used ? "" : "; measure its peak first (MemoryPeak in systemctl show)")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "MemoryMax", value));
  }
}

const Rule kRules[] = {
    {.id = "SYS-007",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A start limit can never trip",
     .why = "A service that fails at every start is then restarted for ever and looks alive; a limit would "
            "park it "
            "where somebody sees it.",
     .not_when = "Restart=no; units of packages; other services than gateways without a limit of their own",
     .remedy =
         "Make StartLimitIntervalSec longer than RestartSec x StartLimitBurst, for instance 300 and 10 with "
         "RestartSec=5.",
     .check = limit_never_trips},
    {.id = "SYS-013",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A gateway may take all memory",
     .why =
         "Without a limit of its own a leaking gateway makes the kernel choose a victim, and that is often "
         "something else.",
     .not_when = "its slice or its container has a limit",
     .remedy = "MemoryMax= at one and a half times the peak that was seen.",
     .check = memory_limit},
};

}  // namespace

std::span<const Rule> systemd_limit_rules() { return kRules; }

}  // namespace meshops::audit
