// Rules of the domain cron.
#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> cron_rules() { return {}; }

}  // namespace meshops::audit
