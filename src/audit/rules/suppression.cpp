// Suppressions: what is lived with is looked at again.
#include "audit/allow.h"
#include "audit/rule.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

void expired(const Site& site, Findings& out) {
  for (const auto& allow : site.facts<Allows>().all()) {
    if (!allow.fault.empty() || allow.holds(site.now())) continue;
    out.add(allow.at)
        .found("until={}", allow.until)
        .wanted("a day to come, or no suppression")
        .message("the suppression of {} ended on {} and is not applied any more", join(allow.rules, ", "),
                 allow.until)
        .fix("mend what it covers and delete it, or give it a new day and say why")
        .about("{}", join(allow.rules, ","));
  }
}

void faulty(const Site& site, Findings& out) {
  for (const auto& allow : site.facts<Allows>().all()) {
    if (allow.fault.empty()) continue;
    out.add(allow.at)
        .found("{}", allow.fault)
        .wanted("meshops:allow RULE until=2027-01-31 reason=\"…\"")
        .message("this suppression {}, so it covers nothing", allow.fault)
        .fix("write rule, day and reason, or delete it")
        .about("{}", join(allow.rules, ","));
  }
}

const Rule kRules[] = {
    {.id = "SUP-001",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo | kCloud,
     .fix = Fix::none,
     .title = "A suppression has expired",
     .why = "What was accepted for a while was to be mended by then; without an end nobody would look again.",
     .remedy = "Mend what it covers and delete it, or give it a new day and a reason.",
     .check = expired},
    {.id = "SUP-002",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo | kCloud,
     .fix = Fix::none,
     .title = "A suppression covers nothing",
     .why = "Without a rule, a day and a reason nobody can judge later whether it still holds, so it is not "
            "applied.",
     .remedy = "Write: meshops:allow RULE until=2027-01-31 reason=\"…\"",
     .check = faulty},
};

}  // namespace

std::span<const Rule> suppression_rules() { return kRules; }

}  // namespace meshops::audit
