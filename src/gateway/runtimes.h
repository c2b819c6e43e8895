// The runtimes, one constructor each; make_runtime() picks. Nobody else calls these.
#pragma once

#include "gateway/gateway.h"

namespace meshops {

std::unique_ptr<Runtime> process_runtime(const GatewaySpec& spec, const Adapter& adapter,
                                         const Limits& limits, Machine& machine);
std::unique_ptr<Runtime> systemd_runtime(const GatewaySpec& spec, std::optional<Account> user,
                                         Machine& machine);
std::unique_ptr<Runtime> docker_runtime(const GatewaySpec& spec, Machine& machine);

/// Adds a unit's command, user and OPENCLAW_* variables (never a token) to a description that does not name
/// them.
void add_from_unit(GatewaySpec& spec, const UnitState& unit);

}  // namespace meshops
