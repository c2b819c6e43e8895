// Rules of the domain mesh.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> mesh_rules() { return {}; }

}  // namespace meshops::audit
