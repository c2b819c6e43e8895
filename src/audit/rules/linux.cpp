// Rules of the domain linux.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> linux_rules() { return {}; }

}  // namespace meshops::audit
