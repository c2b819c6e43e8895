// Rules of the domain ssh.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> ssh_rules() { return {}; }

}  // namespace meshops::audit
