// The parts of the systemd domain: each file of rules hands its own to systemd.cpp, which puts them in order.
#pragma once

#include <span>
#include <string>

#include "audit/rule.h"
#include "audit/units.h"

namespace meshops::audit {

std::span<const Rule> systemd_lifecycle_rules();
std::span<const Rule> systemd_limit_rules();
std::span<const Rule> systemd_syntax_rules();
std::span<const Rule> systemd_state_rules();
std::span<const Rule> systemd_clash_rules();
std::span<const Rule> systemd_network_rules();
std::span<const Rule> systemd_program_rules();
std::span<const Rule> systemd_secret_rules();
std::span<const Rule> systemd_hardening_rules();

/// "1m30s", "infinity".
std::string span_text(Duration span);

}  // namespace meshops::audit
