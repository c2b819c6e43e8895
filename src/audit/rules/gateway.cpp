// The gateway: what keeps it from starting, from answering, and from being the only one of its kind.
#include <algorithm>

#include "audit/gateway_rules.h"

namespace meshops::audit {

std::span<const Rule> gateway_rules() {
  static const auto all = [] {
    std::vector<Rule> rules;
    for (auto part : {gateway_config_rules(), gateway_model_rules(), gateway_process_rules(),
                      gateway_state_rules(), gateway_version_rules()})
      rules.insert(rules.end(), part.begin(), part.end());
    std::ranges::sort(rules, {}, &Rule::id);
    return rules;
  }();
  return all;
}

}  // namespace meshops::audit
