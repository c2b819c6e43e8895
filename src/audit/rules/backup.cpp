// Rules of the domain backup.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> backup_rules() { return {}; }

}  // namespace meshops::audit
