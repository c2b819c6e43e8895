// A close look at one gateway and what is around it: everything that a diagnosis, a healer or an incident
// needs, in one document ("meshops.closeup/1"). Called by the Keeper. Reads only: changes nothing, judges
// nothing, shows no secret.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "gateway/gateway.h"

namespace meshops {

/// What the keeper knows already. Values: the look takes seconds, and the keeper goes on meanwhile.
struct CloseupOf {
  GatewaySpec spec;
  Health health;
  std::optional<RuntimeEvent> last_exit;
  WallTime last_exit_at{};
  std::string state;    // its phase
  std::string summary;  // one line
};

/// gateway, at, state, summary, last_exit, facts (meshops.facts/1), health, unit, process, cgroup, disks,
/// sockets, config, config_issues, starters, recent, log, skipped. At most 2 MiB, within some 20 s: what
/// failed or was too slow is in `skipped` with its reason. `runtime` and `machine` must outlive the event
/// loop's work, as those of a Keeper do.
boost::asio::awaitable<nlohmann::ordered_json> look_closely(CloseupOf what, Runtime& runtime,
                                                            Machine& machine);

/// Of a gateway whose command is known: argv of its own `config validate --json`; empty if it cannot be told.
std::vector<std::string> validate_command(const std::vector<std::string>& gateway_command);
/// What that command printed → config_issues (at most 50): [{"path", "message", "allowed"}]. Pure.
nlohmann::ordered_json config_issues_in(std::string_view output);

}  // namespace meshops
