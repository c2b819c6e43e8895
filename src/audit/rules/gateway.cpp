// Rules of the domain gateway.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> gateway_rules() { return {}; }

}  // namespace meshops::audit
