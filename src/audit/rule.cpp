#include "audit/rule.h"

#include <algorithm>

namespace meshops::audit {

std::string_view text(Fix fix) {
  switch (fix) {
    case Fix::none:
      return "-";
    case Fix::plan:
      return "plan";
    case Fix::automatic:
      return "auto";
  }
  return "-";
}

std::span<const Domain> domains() {
  static const std::vector<Domain> all = {
      {"systemd", "SYS", systemd_rules()},
      {"docker", "DOC", docker_rules()},
      {"linux", "LNX", linux_rules()},
      {"git", "GIT", git_rules()},
      {"gcp", "GCP", gcp_rules()},
      {"ssh", "SSH", ssh_rules()},
      {"network", "NET", network_rules()},
      {"security", "SEC", security_rules()},
      {"cron", "CRON", cron_rules()},
      {"backup", "BKP", backup_rules()},
      {"gateway", "GW", gateway_rules()},
      {"mesh", "MSH", mesh_rules()},
      {"suppression", "SUP", suppression_rules()},
  };
  return all;
}

const Rule* find_rule(std::string_view id) {
  for (const auto& domain : domains())
    if (auto at = std::ranges::find(domain.rules, id, &Rule::id); at != domain.rules.end()) return &*at;
  return nullptr;
}

}  // namespace meshops::audit
