// network: names, ways, and TLS.
#include <algorithm>

#include "audit/network_rules.h"

namespace meshops::audit {

std::span<const Rule> network_rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> out;
    for (auto part : {network_name_rules(), network_path_rules(), network_tls_rules()})
      out.insert(out.end(), part.begin(), part.end());
    std::ranges::sort(out, {}, &Rule::id);
    return out;
  }();
  return all;
}

}  // namespace meshops::audit
