// Rules of the domain gcp.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> gcp_rules() { return {}; }

}  // namespace meshops::audit
