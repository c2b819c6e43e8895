// Rules of the domain security.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> security_rules() { return {}; }

}  // namespace meshops::audit
