// The parts of the gateway's rules, joined by gateway_rules(); each in a file of its own.
#pragma once

#include <span>

#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> gateway_config_rules();   // GW-001 GW-002 GW-008 GW-013 GW-014
std::span<const Rule> gateway_model_rules();    // GW-003 GW-004 GW-012
std::span<const Rule> gateway_process_rules();  // GW-005 GW-006 GW-015
std::span<const Rule> gateway_state_rules();    // GW-007 GW-010 GW-011
std::span<const Rule> gateway_version_rules();  // GW-009

}  // namespace meshops::audit
