// The parts of the machine's rules, joined by linux_rules(); each in a file of its own.
#pragma once

#include <span>

#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> linux_mode_rules();     // LNX-001
std::span<const Rule> linux_disk_rules();     // LNX-002 LNX-004 LNX-005 LNX-006 LNX-007
std::span<const Rule> linux_machine_rules();  // LNX-003 LNX-008 LNX-011 LNX-012
std::span<const Rule> linux_service_rules();  // LNX-009 LNX-010

/// Whether the machine is a container: its clock and its disks are its host's.
bool in_container(const Site& site);

}  // namespace meshops::audit
