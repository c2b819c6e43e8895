// The runtimes, one constructor each; make_runtime() picks. Nobody else calls these.
#pragma once

#include "gateway/gateway.h"

namespace meshops {

std::unique_ptr<Runtime> process_runtime(const GatewaySpec& spec, const Adapter& adapter,
                                         const Limits& limits, Machine& machine);
std::unique_ptr<Runtime> systemd_runtime(const GatewaySpec& spec, std::optional<Account> user,
                                         Machine& machine);
std::unique_ptr<Runtime> docker_runtime(const GatewaySpec& spec, Machine& machine);

}  // namespace meshops
