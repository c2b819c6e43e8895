// The port and the state directory that a gateway takes: two gateways cannot have the same. Asked by rules;
// reads unit files, environment files and the gateway's configuration through Host.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/units.h"
#include "gateway/openclaw_files.h"

namespace meshops::audit {

/// What a service's process finds in its environment, as far as the site shows it.
struct ServiceEnvironment {
  Environment variables;            // those whose value is not known have an empty one
  std::vector<std::string> unseen;  // sources that are not here: it may have more
  bool has(const std::string& name) const { return variables.contains(name); }
};
ServiceEnvironment service_environment(const Site& site, const Unit& unit);
/// NAME=value lines as EnvironmentFile= and .env have them.
Environment parse_environment_file(std::string_view text);

struct Seat {
  GatewaySpec spec;  // as the gateway's own code would see the unit
  openclaw::Places places;
  std::optional<std::uint16_t> port;  // nothing: it cannot be told
};
Seat gateway_seat(const Site& site, const Unit& unit);
bool seats_clash(const Seat& a, const Seat& b);

}  // namespace meshops::audit
