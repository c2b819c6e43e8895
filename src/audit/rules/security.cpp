// Security: what strangers can reach, what they can read, and whether anybody would notice.
#include <algorithm>

#include "audit/security_rules.h"

namespace meshops::audit {

std::span<const Rule> security_rules() {
  static const auto all = [] {
    std::vector<Rule> rules;
    for (auto part :
         {security_firewall_rules(), security_ban_rules(), security_gateway_rules(), security_open_rules(),
          security_exposed_rules(), security_secret_rules(), security_upgrade_rules()})
      rules.insert(rules.end(), part.begin(), part.end());
    std::ranges::sort(rules, {}, &Rule::id);
    return rules;
  }();
  return all;
}

}  // namespace meshops::audit
