// A rule is data and one function. The catalogue below is all there are; documentation, `meshops explain`,
// SARIF and the catalogue's test come from it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"

namespace meshops::audit {

/// Whether a rule's mend is applied by --fix (`automatic`: every one of its findings that carries a Mend), is
/// printed as commands, or there is only advice.
enum class Fix { none, plan, automatic };
std::string_view text(Fix fix);  // "-", "plan", "auto"

/// Where a rule can look, as bits.
enum : unsigned { kLive = 1, kRoot = 2, kRepo = 4, kCloud = 8 };

struct Rule {
  std::string_view id;  // "SYS-001": final
  Severity severity;
  unsigned reads;  // of kLive, kRoot, kRepo, kCloud
  Fix fix;
  std::string_view title;     // what is wrong, for a heading
  std::string_view why;       // one or two sentences a tired person understands
  std::string_view not_when;  // where it keeps silent; empty: nowhere
  std::string_view remedy;    // what to do
  /// Pure but for what Site reads; takes as long as it needs within the domain's time.
  void (*check)(const Site&, Findings&);
};

struct Domain {
  std::string_view name;    // "systemd"
  std::string_view prefix;  // "SYS"
  std::span<const Rule> rules;
};
/// In the order of the reports.
std::span<const Domain> domains();
/// Null if there is none.
const Rule* find_rule(std::string_view id);

// One per file of rules/.
std::span<const Rule> systemd_rules();
std::span<const Rule> docker_rules();
std::span<const Rule> linux_rules();
std::span<const Rule> git_rules();
std::span<const Rule> gcp_rules();
std::span<const Rule> ssh_rules();
std::span<const Rule> network_rules();
std::span<const Rule> security_rules();
std::span<const Rule> cron_rules();
std::span<const Rule> backup_rules();
std::span<const Rule> gateway_rules();
std::span<const Rule> mesh_rules();
std::span<const Rule> suppression_rules();

}  // namespace meshops::audit
