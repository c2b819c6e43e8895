// Faults begin and end: what they do to machines, agents and gateways.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

using Kind = Fault::Kind;
using Act = Decision::Act;

void World::begin(const Fault& f) {
  if (traced_) out_.trace += words(f) + "\n";
  if (active_.empty() && now_ - quiet_since_ > kCalm) calm();
  active_.push_back(f);
  last_change_ = now_;
  auto& m = machines_[f.a];
  switch (f.kind) {
    case Kind::agent_crash:
    case Kind::agent_dies:
    case Kind::agent_forgets:
      if (f.kind == Kind::agent_forgets) m.memory = false, m.forgot_at = now_;
      end_agent(m);
      break;
    case Kind::binary_broken:
      m.broken = true;
      end_agent(m);
      break;
    case Kind::gateway_ill:
    case Kind::gateway_wedged:
    case Kind::gateway_given_up:
      sicken(m, f.kind == Kind::gateway_given_up ? Gateways::given_up : Gateways::ill,
             f.kind == Kind::gateway_ill);
      break;
    case Kind::bad_config:
      for (auto& each : machines_) sicken(each, Gateways::ill, false);
      break;
    case Kind::freeze:
      ++m.frozen;
      break;
    case Kind::power_off:
      power(m, false);
      break;
    case Kind::stall:
      ++m.stalled;
      break;
    case Kind::starve:
      ++m.starved;
      break;
    case Kind::leaves:
      if (++m.left == 1 && m.agent) ++m.membership[m.id];
      end_agent(m);
      break;
    case Kind::own_network:
      ++m.net_down;
      break;
    case Kind::remote_refused:
      ++m.refused;
      break;
    case Kind::slow:
      ++slow_net_;
      break;
    case Kind::loss:
      ++lossy_;
      break;
    case Kind::slow_witness:
      ++m.slow;
      break;
    case Kind::liar:
      ++m.lies;
      break;
    case Kind::pause:
      if (++m.paused == 1) m.paused_since = now_;
      break;
    case Kind::cut:
    case Kind::one_way:
    case Kind::partition:
    case Kind::port_blocked:
      break;
  }
  rewire();
  expect_healed(f);
  expect_told(f);
}

void World::finish(const Fault& f) {
  auto at = std::ranges::find_if(
      active_, [&](const Fault& a) { return a.kind == f.kind && a.at == f.at && a.a == f.a; });
  if (at != active_.end()) active_.erase(at);
  if (active_.empty()) {
    quiet_since_ = now_;
    on_agenda(now_ + kCalm, [this, since = now_] {
      if (active_.empty() && quiet_since_ == since) calm();
    });
  }
  last_change_ = now_;
  auto& m = machines_[f.a];
  switch (f.kind) {
    case Kind::agent_crash:
    case Kind::agent_forgets:
      if (!m.broken && m.up()) begin_agent(m, false);
      break;
    case Kind::gateway_given_up:
      cure(m);  // by a person
      break;
    case Kind::freeze:
      m.frozen = std::max(0, m.frozen - 1);
      m.thawed = now_;
      m.awake_since = m.steady_since = now_;
      break;
    case Kind::power_off:
      if (!m.up()) power(m, true);
      break;
    case Kind::stall:
      --m.stalled;
      m.awake_since = m.steady_since = now_;
      break;
    case Kind::starve:
      --m.starved;
      m.awake_since = m.steady_since = now_;
      break;
    case Kind::leaves:
      --m.left;
      if (m.left == 0 && !m.broken && m.up()) begin_agent(m, false);
      break;
    case Kind::own_network:
      --m.net_down;
      break;
    case Kind::remote_refused:
      --m.refused;
      m.steady_since = now_;
      break;
    case Kind::slow:
      --slow_net_;
      net_clear_since_ = now_;
      break;
    case Kind::loss:
      --lossy_;
      net_clear_since_ = now_;
      break;
    case Kind::slow_witness:
      --m.slow;
      break;
    case Kind::liar:
      --m.lies;
      m.lied_until = now_;
      break;
    case Kind::pause:
      if (--m.paused == 0) m.paused_since = kNever;
      break;
    default:
      break;
  }
  rewire();
  if (traced_) say("", fmt::format("over: {} n{}", text(f.kind), f.a));
}

void World::sicken(Machine& m, Gateways how, bool own_can) {
  m.ill.begin(now_);
  m.gateways = how;
  m.own_can = own_can;
}

void World::cure(Machine& m) {
  m.ill.end(now_);
  m.gateways = Gateways::well;
}

void World::power(Machine& m, bool on) {
  if (!on) {
    m.off = 1;
    m.running.reset();
    m.holder.clear();
    end_agent(m);
  } else {
    m.off = m.frozen = 0;
    cure(m);
    m.awake_since = m.steady_since = now_;
    if (!m.broken) begin_agent(m, false);
  }
  retouch();
  last_change_ = now_;
}

void World::end_agent(Machine& m) {
  if (!m.agent) return;
  m.agent = false;
  ++m.life;
  m.alive.end(now_);
  m.dead.begin(now_);
  m.said = m.gateways;
  m.said_paused = m.paused > 0;
  m.judge.reset();
  if (m.running && m.running->by == m.id) m.running.reset(), m.holder.clear();
}

void World::begin_agent(Machine& m, bool first) {
  if ((m.agent && !first) || m.left > 0) return;
  if (m.membership[m.id] % 2 != 0) ++m.membership[m.id];
  m.dead.end(now_);
  m.alive.begin(now_);
  m.agent = true;
  ++m.life;
  m.agent_since = now_;
  m.last_tick = now_;
  m.poked = false;
  std::vector<std::string> names;
  for (unsigned i = 0; i < n_; ++i) names.push_back(fmt::format("n{}", i));
  Judgement::Setup setup{.self = m.name, .members = names, .limits = limits_, .guards = guards_};
  if (night_.can_reset) setup.resettable = names;
  setup.has_store = night_.has_store;
  setup.remembers = m.memory;
  if (m.memory)
    setup.kept = m.durable;
  else
    m.knows_paused.assign(n_, 0);
  m.heard_paused = m.knows_paused;
  m.heard_at.assign(n_, Instant{});
  m.memory = true;
  m.judge.emplace(setup, local(m));
  if (!first) schedule_tick(m, 200ms);
}

}  // namespace meshops::sim
