// Rules of the domain network.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> network_rules() { return {}; }

}  // namespace meshops::audit
