// What is checked at each order: the promises of docs/mesh-healing.md against what is true in this world.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

using Kind = Fault::Kind;
using Act = Decision::Act;

namespace {
/// Two clocks may run apart by 0.4 %.
Duration nearly(Duration limit) { return limit - limit / 200 - 50ms; }
}  // namespace

void World::judge_order(Machine& m, Machine& p, const Decision& d) {
  auto who = fmt::format("{} orders {} of {}", m.name, mesh::text(d.order), p.name);
  bool reset = d.order == Order::reset;
  if (limits_.profile == Profile::observe_only) broke("observe-only orders nothing", who);
  if (m.membership[p.id] % 2 != 0) broke("who has left is left alone", who);
  check_eyes(m, d, who);
  check_pause(m, p, who);
  check_patient(m, p, d, who);
  if (reset) {
    check_reset(m, p, who);
  } else {
    auto granted = m.grants.find(d.ticket);
    if (granted == m.grants.end() || granted->second != d.fence || d.fence == 0)
      broke("nobody treats without the lease", who);
  }
  check_budget(p, reset, who);
  acts_[p.id].push_back({now_, now_, d.ticket, m.id});
  note_speed(p);
  check_storm(p, m, who);
}

unsigned World::members_for(const Machine& m) const {
  return n_ -
         static_cast<unsigned>(std::ranges::count_if(m.membership, [](unsigned v) { return v % 2 != 0; }));
}

/// Whoever orders trusts his own eyes, and sees most of the mesh.
void World::check_eyes(const Machine& m, const Decision& d, const std::string& who) {
  if (m.paused > 0) broke("a paused node heals nobody", who);
  if (m.net_down > 0) broke("a node without network judges nobody", who);
  unsigned in_touch = 1;
  for (const auto& peer : machines_)
    if (peer.id != m.id && touched_lately(m.id, peer.id, limits_.sight_fresh + 100ms)) ++in_touch;
  bool by_outside = n_ == 2 && d.order == Order::reset && night_.outside;
  if (2 * in_touch <= members_for(m) && !by_outside) broke("no heal by a minority", who);
  if (now_ - m.agent_since < nearly(limits_.settle)) broke("who has just begun judges nobody", who);
}

/// Neither against what the healer knows, by itself or by one who answers it, nor against what it must see.
void World::check_pause(const Machine& m, const Machine& p, const std::string& who) {
  if (p.paused == 0) return;
  bool sees = now_ - p.paused_since > sight(m, p) && touched_for(m.id, p.id, sight(m, p));
  if (sees) broke("a paused node is not touched", who + " (it sees that)");
  if (m.knows_paused[p.id] != 0) broke("a paused node is not touched", who + " (it has heard that)");
  for (const auto& w : machines_) {
    bool answers = w.id != p.id && w.id != m.id && w.agent && w.lies == 0 && w.slow == 0 && w.left == 0 &&
                   now_ - w.agent_since > 10s && now_ - clear_since(m, w) > 10s;
    if (answers && w.knows_paused[p.id] != 0)
      broke("a paused node is not touched", fmt::format("{} ({} has heard that)", who, w.name));
  }
}

/// The patient is what it is treated for, and its own side went first.
void World::check_patient(const Machine& m, const Machine& p, const Decision& d, const std::string& who) {
  auto undisturbed = clear_since(m, p);
  auto old = sight(m, p);
  bool heal = d.order == Order::heal, reset = d.order == Order::reset;
  // Its agent is seen dead once its last word is stale and SSH was asked.
  bool dead = !p.agent || !p.up();
  if (heal && dead && now_ - p.dead.since < p.alive.glance) dead = false;
  // One without CPU does not answer: that is a dead agent to whoever asks, and was so before its end.
  auto dead_since = p.dead.for_eyes(undisturbed);
  if (p.frozen == 0 && p.thawed <= p.last_tick) dead_since = std::min(dead_since, p.last_tick + kNoAnswer);
  if (!reset && dead && now_ - dead_since < nearly(limits_.grace_agent))
    broke("the patient's own side goes first", who + " (its service manager)");
  bool starved = p.starved > 0 || now_ - p.steady_since <= old + 1s;
  if (heal && !dead && !starved && p.gateways == Gateways::ill &&
      now_ - std::max(p.ill.for_eyes(undisturbed), p.alive.for_eyes(undisturbed)) <
          nearly(limits_.grace_gateways))
    broke("the patient's own side goes first", who + " (its agent)");
  if (heal && !dead && p.running && p.running->by == p.id && now_ - p.running->since > old &&
      now_ - p.running->since < nearly(limits_.own_heal_cap))
    broke("the patient's own side goes first", who + " (it is at it)");
  if (heal && p.gateways == Gateways::well && now_ - p.ill.other_since > old)
    broke("a healthy gateway is not healed", who);
  if (heal && p.gateways == Gateways::given_up && p.agent) broke("what people know is theirs", who);
  bool runs = p.agent && !starved && now_ - p.agent_since > old;
  if (d.order == Order::revive && runs) broke("a running agent is not revived", who);
  if ((d.order == Order::reinstall || d.order == Order::fallback) && runs && p.gateways == Gateways::well)
    broke("a running agent is not revived", who);
}

void World::check_reset(const Machine& m, const Machine& p, const std::string& who) {
  if (!night_.can_reset) broke("no reset without a provider", who);
  unsigned missing = 1;  // or lying about it
  for (const auto& w : machines_) {
    if (w.id == p.id || w.id == m.id || w.left > 0) continue;
    bool honest = w.agent && w.lies == 0 && w.stalled + w.starved == 0 && p.up();
    bool long_in_touch = touched_for(w.id, p.id, 20s) && touched_for(w.id, m.id, 20s);
    bool clear = w.slow == 0 && now_ - w.agent_since > 10s && now_ - clear_since(w, p) > 10s &&
                 now_ - clear_since(m, w) > 10s;
    if (honest && (long_in_touch || clear))
      broke("no reset of a node that somebody reaches", fmt::format("{} ({} does)", who, w.name));
    bool lied = w.lies > 0 || now_ - w.lied_until <= limits_.sight_fresh;
    if (touched_lately(w.id, m.id, limits_.sight_fresh + 100ms) &&
        (lied || !touched_lately(w.id, p.id, kGlance)))
      ++missing;
  }
  const auto members = members_for(m);  // of two, when the third has left
  if (members > 2 && 2 * missing <= members) broke("a reset needs most of the mesh", who);
  if (now_ - clear_since(m, p) > 6s || touched_for(m.id, p.id, 12s))
    broke("no reset of a node that somebody reaches", who + " (it does)");
  if (night_.outside && world_of(m) && p.up() && world_of(p) && p.agent && p.left == 0 &&
      now_ - std::max(p.agent_since, p.steady_since) > 10s)
    broke("no reset of a node that somebody reaches", who + " (it writes outside)");
  if (members == 2 && !night_.outside) broke("of two, none is reset without an outside witness", who);
  // It misses it for longer than a reboot takes, with its own eyes.
  auto since = std::max({m.agent_since, m.awake_since, touch_end_[pair(m.id, p.id)]});
  if (now_ - since < nearly(limits_.grace_unreachable))
    broke("the patient's own side goes first", who + " (it may be booting)");
}

void World::check_budget(const Machine& p, bool reset, const std::string& who) {
  auto& acts = acts_[p.id];
  std::erase_if(acts, [this](const Acted& a) { return now_ - a.ordered > nearly(1h); });
  if (acts.size() >= limits_.per_hour) broke("a budget for each hour", who);
  if (acts.empty()) return;
  auto pause = limits_.first_pause;
  for (std::size_t i = 1; i < acts.size(); ++i) pause *= 2;
  if (reset) pause = std::max(pause, limits_.reset_pause);
  auto last = std::ranges::max_element(acts, {}, &Acted::at)->at;
  if (now_ - last < nearly(pause)) broke("a pause after each treatment", who);
}

void World::check_storm(Machine& p, Machine& m, const std::string& who) {
  std::size_t ill = 0;
  for (const auto& q : machines_) {
    bool sick = q.gateways != Gateways::well && now_ - std::max(q.ill.since, q.agent_since) > 30s;
    if (q.id != p.id && q.left == 0 && q.agent && sick && now_ - clear_since(m, q) > 30s) ++ill;
  }
  if (ill > std::max(1U, members_for(m) / limits_.share) && last_healer_ && in_touch(*last_healer_, m.id) &&
      now_ - last_order_ < nearly(limits_.storm_pause))
    broke("in a storm one by one, with pauses", who);
  last_healer_ = m.id;
  last_order_ = now_;
}

void World::check_brake(Machine& p, Machine& healer) {
  auto allowed = std::max(1U, members_for(healer) / limits_.share);
  unsigned others = 0;
  for (const auto& q : machines_) {
    bool running = q.running && q.running->by != q.id;
    bool resets = now_ - q.last_reset < 4s;
    if (q.id == p.id || (!running && !resets)) continue;
    if (!running || can_know(healer.id, q.running->by)) ++others;
  }
  if (others + 1 > allowed)
    broke("never more than a third under treatment", fmt::format("{} and {} others", p.name, others));
}

/// Each of the two answers the other, and nobody lies.
bool World::in_touch(unsigned a, unsigned b) const {
  if (a == b) return true;
  for (const auto& m : {std::cref(machines_[a]), std::cref(machines_[b])})
    if (!m.get().agent || now_ - m.get().agent_since < 15s || m.get().slow > 0 || m.get().lies > 0)
      return false;
  return now_ - clear_since(machines_[a], machines_[b]) > 15s;
}

/// A claim is known to most before its healer acts, and most are asked before the next one does: so two
/// healers share a witness who knows of both. It must be one who can tell: whose agent lives and has its
/// memory, who is honest, and no two have left or come meanwhile. Otherwise the two must be in touch.
bool World::can_know(unsigned a, unsigned b) const {
  unsigned useless = 0, moved = 0;
  for (const auto& w : machines_) {
    if (w.left > 0 || (w.membership[w.id] > 0 && now_ - w.alive.since < limits_.heal_bound)) ++moved;
    bool honest = w.lies == 0 && now_ - w.lied_until > 1min;
    if (!honest && (w.id == a || w.id == b)) return false;  // by not naming its claim it takes it back
    bool tells =
        w.agent && honest && now_ - w.forgot_at > limits_.heal_bound + 1min && now_ - w.agent_since > 1min;
    if (!tells && w.id != a && w.id != b) ++useless;
  }
  if (useless == 0 && moved <= 1) return true;
  return in_touch(a, b);
}

/// Nothing else is wrong around it. A liar counts for longer: what it has said is remembered for an hour.
bool World::comes_alone(const Fault& f, Duration bound) const {
  return std::ranges::none_of(night_.faults, [&](const Fault& other) {
    bool same = other.at == f.at && other.kind == f.kind;
    return !same && other.at <= f.at + bound &&
           f.at <= other.at + other.lasts + (other.kind == Kind::liar ? 75min : 15min);
  });
}

/// Not where somebody lies: by saying that people know, it keeps the alert back.
void World::expect_told(const Fault& f) {
  constexpr Duration kBound = 90s;
  // Of two nodes, one is ill for each of them.
  if (f.kind != Kind::bad_config || n_ < 3 || !comes_alone(f, kBound)) return;
  for (const auto& m : machines_)
    if (!m.agent || !m.moves() || m.ill.since != now_ || !m.judge->idle(local(m))) return;
  in(kBound, [this, f, before = out_.storms] {
    if (out_.storms == before) broke("a storm that comes alone is told in time", words(f));
  });
}

void World::expect_healed(const Fault& f) {
  Duration bound{};
  if (limits_.profile != Profile::normal) return;
  if (f.kind == Kind::agent_dies) bound = 3min;
  if (f.kind == Kind::binary_broken || f.kind == Kind::gateway_wedged)
    bound = 4min;  // a heal lasts up to two
  if (f.kind == Kind::power_off && f.lasts > 7min && night_.can_reset && (n_ > 2 || night_.outside))
    bound = 6min;
  if (bound == Duration{} || !comes_alone(f, bound)) return;
  for (const auto& m : machines_)
    if (m.id != f.a && (!m.agent || m.gateways != Gateways::well || !m.up())) return;
  // It left, and its agent broke before it could come back: nobody looks after it.
  if (machines_[f.a].membership[f.a] % 2 != 0) return;
  auto lately = std::ranges::any_of(acts_[f.a], [this](const Acted& a) { return now_ - a.at < 1h; });
  if (lately) return;
  alone_[f.a] = now_;
  if (f.kind != Kind::power_off)
    in(90s, [this, f] {
      if (alone_.contains(f.a)) broke("a fault that comes alone is treated soon", words(f));
    });
  in(bound, [this, f] {
    auto& m = machines_[f.a];
    bool ok = m.up() && m.agent && m.gateways == Gateways::well;
    if (!ok) broke("a fault that comes alone is healed in time", words(f));
  });
}

void World::note_speed(Machine& p) {
  if (auto at = alone_.find(p.id); at != alone_.end()) {
    out_.slowest = std::max(out_.slowest, now_ - at->second);
    alone_.erase(at);
  }
}

void World::calm() {
  if (limits_.profile == Profile::observe_only) return;
  // Two of a cautious mesh's hours may be needed: one treatment in each.
  if (limits_.profile == Profile::cautious && now_ < night_.length) return;
  if (std::ranges::none_of(machines_, &Machine::agent)) {
    out_.lost = true;
    return;
  }
  for (const auto& m : machines_) {
    if (m.membership[m.id] % 2 != 0) continue;  // it left, and its agent broke before it could come back
    bool busy = m.agent && !m.judge->idle(local(m));
    if (m.up() && m.agent && m.gateways == Gateways::well && m.frozen == 0 && !busy) continue;
    broke("after the last fault all becomes well",
          fmt::format("{}: {}{}{}{}{}", m.name, m.up() ? "" : "off ", m.agent ? "" : "no agent ",
                      m.frozen > 0 ? "frozen " : "", m.gateways == Gateways::well ? "" : "gateway ill ",
                      busy ? "busy" : ""));
  }
}

}  // namespace meshops::sim
