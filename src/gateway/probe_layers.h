// The two lowest layers, which need no words of a product: its process and its port. Called by the adapters'
// probes. Looks only; a foreign holder of the port is named, never touched.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "gateway/gateway.h"

namespace meshops {

/// All layers `unknown`, at now.
Health unprobed();

/// Sets `process`; true if it is ok.
bool probe_process(Health& health, const ProcessView& view, const Host& host);

/// Sets `port`; true if it is ok. `address` becomes where to connect: the loopback address, unless the
/// gateway listens on another one only. `host` of `to` may be a machine far away: then only a connection
/// tells.
boost::asio::awaitable<bool> probe_port(Health& health, Endpoint& to, const GatewaySpec& spec,
                                        const ProcessView& view, const Host& host, Net& net,
                                        Duration timeout);

/// An error as a layer's reason: one line, no hint.
LayerHealth failing_because(const Health& health, std::string reason);
LayerHealth passing(const Health& health, std::optional<Duration> latency);

}  // namespace meshops
