// The parts that the domain network is put together from, one for each file of rules. Called by
// network_rules() only.
#pragma once

#include <span>

#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> network_name_rules();  // zones, resolvers, hosts files
std::span<const Rule> network_path_rules();  // addresses, listeners, what reaches what
std::span<const Rule> network_tls_rules();   // protocol versions and certificates

}  // namespace meshops::audit
