#include "mesh/limits.h"

#include <fmt/format.h>

#include <variant>

namespace meshops::mesh {

MeshLimits MeshLimits::of(Profile profile) {
  MeshLimits limits{.profile = profile};
  if (profile != Profile::cautious) return limits;
  limits.per_hour = 1;
  limits.suspect_after *= 2;
  limits.sight_fresh *= 2;
  limits.grace_agent *= 2;
  limits.grace_gateways *= 2;
  limits.grace_unreachable *= 2;
  limits.takeover *= 2;
  return limits;
}

namespace {
struct Row {
  std::string_view name;
  std::variant<unsigned MeshLimits::*, Duration MeshLimits::*> number;
  std::string_view meaning;
};
constexpr Row kTable[] = {
    {"watchers", &MeshLimits::watchers, "nodes that send a node heartbeats"},
    {"heartbeat", &MeshLimits::heartbeat, "from each of them, this often"},
    {"suspect_after", &MeshLimits::suspect_after, "no answer for this long is a suspicion"},
    {"agent_stale", &MeshLimits::agent_stale,
     "an answer whose agent last spoke longer ago is a suspicion, too"},
    {"agent_gone", &MeshLimits::agent_gone,
     "the same, where that agent's process has ended: none has followed"},
    {"ask_every", &MeshLimits::ask_every, "witnesses are asked and the patient is probed, this often"},
    {"panel", &MeshLimits::panel, "witnesses at most, the patient's watchers first"},
    {"lookers", &MeshLimits::lookers, "of them look at it over SSH; who comes behind them only listens"},
    {"sight_fresh", &MeshLimits::sight_fresh, "an answer counts until its question is this old"},
    {"stall", &MeshLimits::stall, "a node whose own ticks were further apart knows nothing any more"},
    {"settle", &MeshLimits::settle, "and looks for this long before it believes itself again"},
    {"grace_agent", &MeshLimits::grace_agent, "a dead agent's service manager goes first"},
    {"grace_gateways", &MeshLimits::grace_gateways,
     "an agent goes first with its own gateways, if it does not say that it heals them"},
    {"own_heal_cap", &MeshLimits::own_heal_cap, "the same, if it does"},
    {"grace_unreachable", &MeshLimits::grace_unreachable, "a node that nobody reaches may just be rebooting"},
    {"takeover", &MeshLimits::takeover, "after this, the next in the order of healers takes over"},
    {"lease_wait", &MeshLimits::lease_wait, "an answer about the lease is awaited this long"},
    {"lease_term", &MeshLimits::lease_term, "a lease ends, unless it is renewed (at a third of this)"},
    {"heal_bound", &MeshLimits::heal_bound, "one treatment lasts no longer; a claim is remembered this long"},
    {"per_hour", &MeshLimits::per_hour, "treatments of one patient by its siblings, in an hour"},
    {"first_pause", &MeshLimits::first_pause, "after a treatment, doubling with each one in the hour"},
    {"longest_pause", &MeshLimits::longest_pause, "up to this"},
    {"reset_pause", &MeshLimits::reset_pause, "at least this, after a reset through the provider"},
    {"share", &MeshLimits::share,
     "one node in so many, at least one, is under treatment at once; more in trouble are a storm"},
    {"storm_pause", &MeshLimits::storm_pause, "in a storm, between one treatment anywhere and the next"},
    {"storm_cooldown", &MeshLimits::storm_cooldown, "a storm ends this long after the last sign of it"},
    {"storm_tell", &MeshLimits::storm_tell, "a storm that lasts this long is told to people"},
    {"tell_next", &MeshLimits::tell_next,
     "who would tell people first has this long; then the next one does, if it sees the same and nobody has "
     "told"},
};

std::string shown(const MeshLimits& limits, const Row& row) {
  if (const auto* count = std::get_if<unsigned MeshLimits::*>(&row.number))
    return std::to_string(limits.*(*count));
  auto duration = limits.*std::get<Duration MeshLimits::*>(row.number);
  bool whole = duration % std::chrono::seconds(1) == Duration::zero();
  return whole ? about(duration) : fmt::format("{:.1f} s", milliseconds(duration) / 1000);
}
}  // namespace

std::string limits_markdown() {
  auto normal = MeshLimits::of(Profile::normal);
  auto cautious = MeshLimits::of(Profile::cautious);
  std::string out = "| limit | normal | cautious | |\n|---|---|---|---|\n";
  for (const auto& row : kTable)
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.name, shown(normal, row), shown(cautious, row),
                       row.meaning);
  return out;
}

}  // namespace meshops::mesh
