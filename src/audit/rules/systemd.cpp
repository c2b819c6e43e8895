// systemd: what keeps a gateway from starting, from staying, and from coming back.
#include <algorithm>

#include "audit/rules/systemd_parts.h"
#include "formats/unit_file.h"

namespace meshops::audit {

std::string span_text(Duration span) { return span == systemd::kInfinity ? "infinity" : duration_text(span); }

std::span<const Rule> systemd_rules() {
  static const auto all = [] {
    std::vector<Rule> rules;
    for (auto part : {systemd_lifecycle_rules(), systemd_limit_rules(), systemd_syntax_rules(),
                      systemd_state_rules(), systemd_clash_rules(), systemd_network_rules(),
                      systemd_program_rules(), systemd_secret_rules(), systemd_hardening_rules()})
      rules.insert(rules.end(), part.begin(), part.end());
    std::ranges::sort(rules, {}, &Rule::id);
    return rules;
  }();
  return all;
}

}  // namespace meshops::audit
