// systemd: what keeps a gateway from starting, from staying, and from coming back.
#include <fmt/format.h>

#include "audit/rule.h"
#include "audit/units.h"

namespace meshops::audit {

using namespace std::chrono_literals;

namespace {

constexpr Duration kStartFloor = 180s;
/// DefaultTimeoutStartSec=: what a unit without the directive gets.
constexpr Duration kManagerDefault = 90s;

std::string span_text(Duration span) { return span == systemd::kInfinity ? "infinity" : duration_text(span); }

void start_timeout(const Site& site, Findings& out) {
  for (const auto* unit : site.facts<Units>().gateways()) {
    if (unit->type() == "oneshot") continue;
    auto set = unit->file.span("Service", "TimeoutStartSec");
    auto timeout = set.value_or(kManagerDefault);
    if (timeout >= kStartFloor) continue;
    out.add(unit->at("Service", "TimeoutStartSec"))
        .found("{}", set ? span_text(timeout) : "not set: 90s, the manager's default")
        .wanted("at least 180 s")
        .message("{} is killed by systemd when it takes longer than {} to start", unit->name,
                 span_text(timeout))
        .fix("a drop-in with [Service] TimeoutStartSec=300")
        .about("{}", unit->name)
        .mend(set_directive(site, *unit, "Service", "TimeoutStartSec", "300"));
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
};

}  // namespace

std::span<const Rule> systemd_rules() { return kRules; }

}  // namespace meshops::audit
