// Rules of the domain git.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> git_rules() { return {}; }

}  // namespace meshops::audit
