// How far gateways and agents are fenced in: SYS-015.
#include <fmt/format.h>

#include "audit/gateway_units.h"
#include "audit/hardening.h"
#include "audit/rules/systemd_parts.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

constexpr unsigned kExposed = 80;
constexpr std::size_t kShown = 8;

bool is_agent(const Unit& unit) {
  for (const auto& command : unit.commands()) {
    auto argv = without_wrappers(command.argv);
    if (argv.size() > 1 && program_name(argv[0]) == "meshops" && argv[1] == "agent") return true;
  }
  return false;
}

/// An agent signals and reads others' processes, starts programs as other users and mends their files.
bool agent_lives_with(std::string_view line) {
  for (std::string_view taken :
       {"CapabilityBoundingSet=", "NoNewPrivileges=", "PrivateTmp=", "PrivateDevices=", "ProtectProc=",
        "ProtectSystem=", "ProtectControlGroups=", "RestrictSUIDSGID=", "ProtectKernelLogs="})
    if (line.starts_with(taken)) return false;
  return true;
}

void exposed_service(const Site& site, Findings& out) {
  for (const auto& unit : site.facts<Units>().services()) {
    if (!unit.gateway && !is_agent(unit)) continue;
    auto level = exposure(unit.file, unit.of_user);
    if (level < kExposed) continue;
    auto with = unit.file;
    std::string lines;
    std::size_t shown = 0;
    for (const auto& fence : fences(unit.file, unit.of_user)) {
      if (!unit.gateway && !agent_lives_with(fence.line)) continue;
      if (shown++ == kShown) break;
      lines += fmt::format("{}{}", lines.empty() ? "" : ", ", fence.line);
      with.add(fmt::format("[Service]\n{}\n", fence.line));
    }
    auto then = exposure(with, unit.of_user);
    out.add(unit.at("Service", ""))
        .found("exposure {}.{} of 10", level / 10, level % 10)
        .wanted("under 8.0")
        .message("whoever takes over {} has nearly the whole machine: it runs almost without a fence",
                 unit.name)
        .fix("in [Service]: {}; that makes it {}.{}; try it on one node first", lines, then / 10, then % 10)
        .about("{}", unit.name);
  }
}

const Rule kRules[] = {
    {.id = "SYS-015",
     .severity = Severity::low,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A gateway or agent runs without a fence",
     .why = "An agent runs what models tell it to; systemd can take away what it never needs, at no cost.",
     .not_when = "exposure under 8.0, as systemd-analyze security counts it",
     .remedy = "Add the directives that lower it most; not MemoryDenyWriteExecute, which stops Node.js.",
     .check = exposed_service},
};

}  // namespace

std::span<const Rule> systemd_hardening_rules() { return kRules; }

}  // namespace meshops::audit
