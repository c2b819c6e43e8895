#include "mesh/found.h"

#include <algorithm>
#include <array>

namespace meshops::mesh {

namespace {

constexpr std::string_view kTold = "told";
/// Supervision's phases in which a gateway is well, or on a way that nobody disturbs.
constexpr std::array<std::string_view, 7> kWell = {"ready",   "starting", "draining",   "stopping",
                                                   "stopped", "unseen",   "standing_by"};

bool is_at_it(const ProbeReport::Gateway& gateway) {
  return !gateway.healing.empty() && gateway.healing != "well" && gateway.healing != kTold;
}

}  // namespace

bool is_ill(const ProbeReport::Gateway& gateway) {
  if (!gateway.wanted) return false;
  // Without an agent there is no phase, only whether it answers; with one, it cannot be watched: unknown.
  if (gateway.state == "unwatched") return gateway.healing.empty() && !gateway.ready;
  return std::ranges::find(kWell, gateway.state) == kWell.end();
}

Gateways taken_together(const std::vector<ProbeReport::Gateway>& gateways) {
  auto out = Gateways::well;
  for (const auto& gateway : gateways) {
    if (!is_ill(gateway)) continue;
    if (gateway.healing != kTold) return Gateways::ill;
    out = Gateways::given_up;
  }
  return out;
}

Found found_in(const ProbeReport& report) {
  return {.agent_runs = report.agent == AgentState::up || report.agent == AgentState::stopped,
          .gateways = taken_together(report.gateways),
          .heals_itself = !report.own_treatment.empty() || std::ranges::any_of(report.gateways, is_at_it),
          .paused = report.paused};
}

Probe probe_of(const Result<RemoteAnswer>& answer) {
  if (!answer) return {.ssh = answer.error().is(code_name(RemoteCode::no_answer)), .found = {}};
  if (answer->good) {
    auto report = parse_probe_report(answer->result);
    // What the script beside a meshops that does not run has to say is little: it is unusable.
    if (!report) return {.ssh = true, .found = {}};
    if (report->by_fallback) return {.ssh = true, .found = {}, .paused = report->paused};
    return {.ssh = true, .found = found_in(*report)};
  }
  // Its mesh.toml cannot be read, or something it needs is broken: meshops is there and does not work.
  if (answer->code == code_name(RemoteCode::cannot) || answer->code == code_name(RemoteCode::not_kept))
    return {.ssh = true, .found = {}};
  return {.ssh = true, .found = Found{.agent_runs = true}};
}

}  // namespace meshops::mesh
