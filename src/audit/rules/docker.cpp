// Rules of the domain docker.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> docker_rules() { return {}; }

}  // namespace meshops::audit
