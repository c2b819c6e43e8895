// Linux: the machine beneath the gateway.
#include <algorithm>

#include "audit/linux_rules.h"

namespace meshops::audit {

std::span<const Rule> linux_rules() {
  static const auto all = [] {
    std::vector<Rule> rules;
    for (auto part : {linux_mode_rules(), linux_disk_rules(), linux_machine_rules(), linux_service_rules()})
      rules.insert(rules.end(), part.begin(), part.end());
    std::ranges::sort(rules, {}, &Rule::id);
    return rules;
  }();
  return all;
}

}  // namespace meshops::audit
