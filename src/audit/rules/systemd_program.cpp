// Units whose program cannot run: SYS-016.
#include <fmt/format.h>

#include "audit/rules/systemd_parts.h"
#include "audit/unit_mend.h"
#include "audit/unit_program.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

/// Somebody here wants it to run: written or enabled on this machine, or started right now.
bool matters(const Unit& unit) {
  if (unit.gateway || unit.launches) return true;
  if (unit.state && unit.state->active_state == "failed") return true;
  if (unit.packaged()) return unit.enabled.value_or(false);
  return unit.enabled.value_or(false) || !unit.started_by.empty() ||
         (unit.state && unit.state->active_state != "inactive");
}

/// The assignment of ExecStart= that holds the command.
const systemd::Assignment* assignment_of(const Unit& unit, const systemd::Command& command) {
  for (const auto* a : unit.file.all("Service", "ExecStart"))
    if (auto commands = systemd::parse_commands(a->value, unit.specifiers()))
      for (const auto& c : *commands)
        if (c.path == command.path && c.argv == command.argv) return a;
  return nullptr;
}

void program_missing(const Site& site, Findings& out) {
  if (site.repo()) return;
  for (const auto& unit : site.facts<Units>().services()) {
    if (!matters(unit)) continue;
    // Another root has other files.
    if (unit.file.value("Service", "RootDirectory") || unit.file.value("Service", "RootImage") ||
        unit.file.value("Service", "MountImages") || unit.file.value("Service", "ExtensionImages"))
      continue;
    auto holds = conditions_hold(site, unit);
    if (!holds.value_or(!unit.packaged())) continue;
    for (const auto& command : unit.commands()) {
      bool optional = command.ignores_failure();
      if (optional && unit.type() == "oneshot") continue;
      auto verdict = judge_program(site, unit, command);
      if (!verdict.unseen.empty()) {
        out.skip(unit.name, verdict.unseen);
        continue;
      }
      if (!verdict.fault) continue;
      const auto& fault = *verdict.fault;
      const auto* a = assignment_of(unit, command);
      auto now = fault.now_at && fault.now_at->string() != fault.program
                     ? fmt::format("it is now at {}: write that into ExecStart=", fault.now_at->string())
                     : std::string("install it, or write its present path into ExecStart=");
      if (fault.why.starts_with("is not executable"))
        now = fmt::format("chmod a+x {}", printable(fault.program));
      out.add(a != nullptr ? Where{a->value_at.file, a->value_at.line, a->value_at.column}
                           : unit.at("Service", "ExecStart"))
          .found("{} {}", printable(fault.program), fault.why)
          .wanted("a program that is there and can be executed")
          .message("{} cannot start: systemd gives up on it with 203/EXEC or its like", unit.name)
          .fix("{}; then {} and restart it", now, systemctl_text(manager_of(unit), {"daemon-reload"}))
          .about("{} {}", unit.name, printable(fault.program))
          .severity(optional ? Severity::medium : Severity::critical);
    }
  }
}

const Rule kRules[] = {
    {.id = "SYS-016",
     .severity = Severity::critical,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "A unit names a program that cannot run",
     .why = "After an upgrade of Node.js or a moved home the old path stays in the unit, and the service "
            "fails at its "
            "next start.",
     .not_when =
         "a condition of the unit is not met; units that nobody enabled; paths with specifiers or variables "
         "that cannot be told here",
     .remedy = "Write the program's present path into ExecStart=.",
     .check = program_missing},
};

}  // namespace

std::span<const Rule> systemd_program_rules() { return kRules; }

}  // namespace meshops::audit
