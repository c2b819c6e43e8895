// Vultr: its API key reads a machine's state and presses the button. The pure part stands here for the tests;
// called by provider_of(). Source: vultr.com/api (v2): instances, reboot, start.
#pragma once

#include "mesh/provider.h"

namespace meshops::mesh {

std::unique_ptr<Provider> vultr_provider(ProviderSetup setup, Net& net, const Clock& clock);

namespace vultr {
/// `status` is the contract's (active, pending, suspended, resizing), `power_status` the machine's (running,
/// stopped), `server_status` what Vultr does with it (none, locked, installingbooting, isomounting, ok).
Result<ProviderState> parse_instance(std::string_view body);
}  // namespace vultr

}  // namespace meshops::mesh
