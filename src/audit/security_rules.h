// The parts of the rules of security, joined by security_rules(); each in a file of its own.
#pragma once

#include <span>

#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> security_firewall_rules();  // SEC-001 SEC-002
std::span<const Rule> security_ban_rules();       // SEC-003 SEC-004 SEC-005
std::span<const Rule> security_gateway_rules();   // SEC-006 SEC-007
std::span<const Rule> security_open_rules();      // SEC-008
std::span<const Rule> security_exposed_rules();   // SEC-009
std::span<const Rule> security_secret_rules();    // SEC-010 SEC-011 SEC-012
std::span<const Rule> security_upgrade_rules();   // SEC-013

}  // namespace meshops::audit
