// One agent among the others: its ticks, and what they ask and tell each other.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

using Kind = Fault::Kind;
using Act = Decision::Act;

void World::schedule_tick(Machine& m, Duration wait) {
  push({now_ + wait, ++seq_, static_cast<int>(m.id), m.life, {}});
}

void World::tick(Machine& m, unsigned life) {
  if (life != m.life || !m.agent) return;
  schedule_tick(m, m.stalled > 0 ? 4s + ms_upto(5000) : 1s);
  if (!m.moves() || m.starved > 0) return;
  m.last_tick = now_;
  own_healing(m);
  gossip(m);
  if (night_.cares) m.judge->care_for(local(m), {machines_[(m.id + 1) % n_].name});
  for (const auto& name : m.judge->watches(local(m))) heartbeat(m, named(name));
  if (night_.outside && now_ - last_outside_ >= 5s) {
    last_outside_ = now_;
    for (auto& writer : machines_)
      if (writer.agent && world_of(writer)) writer.wrote_at = now_, writer.wrote_paused = writer.paused > 0;
    for (auto& asker : machines_)
      if (asker.agent && asker.moves()) ask_outside(asker);
  }
  judge(m);
}

void World::judge(Machine& m) {
  m.judge->pause(m.paused > 0);
  m.judge->own_network(m.net_down == 0);
  auto decisions = m.judge->decide(local(m));
  m.durable = m.judge->kept();  // before anything is done
  m.knows_paused = m.heard_paused;
  for (auto& d : decisions) carry_out(m, d);
}

void World::poke(Machine& m) {
  if (m.poked) return;
  m.poked = true;
  in(20ms, [this, &m, life = m.life] {
    if (m.life != life) return;
    m.poked = false;
    if (m.agent && m.moves() && m.stalled + m.starved == 0) judge(m);
  });
}

void World::own_healing(Machine& m) {
  if (m.gateways != Gateways::ill || !m.own_can || m.paused > 0 || m.running) return;
  if (!m.holder.empty() && m.expires > local(m)) return;
  m.holder = m.name;
  m.expires = local(m) + limits_.lease_term;
  start(m, {.by = m.id, .order = Order::heal, .left = 5s + ms_upto(30000), .since = now_});
}

void World::gossip(Machine& m) {
  if (now_ - gossip_at_[m.id] < 2s) return;
  gossip_at_[m.id] = now_;
  std::vector<std::pair<std::string, Gossip>> members;
  for (const auto& peer : machines_) {
    if (peer.id == m.id) continue;
    bool there = touched_lately(m.id, peer.id, 8s) || now_ < 8s;
    // Serf runs beside the agent: what one has heard, it tells.
    if (there)
      for (unsigned i = 0; i < n_; ++i)
        if (i != m.id) m.membership[i] = std::max(m.membership[i], peer.membership[i]);
  }
  for (const auto& peer : machines_)
    if (peer.id != m.id)
      members.emplace_back(peer.name, m.membership[peer.id] % 2 != 0                   ? Gossip::left
                                      : touched_lately(m.id, peer.id, 8s) || now_ < 8s ? Gossip::alive
                                                                                       : Gossip::failed);
  m.judge->roster(local(m), members);
}

void World::learn_pause(Machine& m, const Machine& p, Instant asked, bool paused) {
  if (m.heard_at[p.id] > asked) return;
  m.heard_at[p.id] = asked;
  m.heard_paused[p.id] = paused ? 1 : 0;
}

Word World::word_of(const Machine& m) {
  bool heals = m.agent && m.running && m.running->by == m.id;
  return {.agent_age = now_ - m.last_tick,
          .agent_gone = !m.agent,
          .gateways = m.agent ? m.gateways : m.said,
          .heals_itself = heals,
          .paused = m.agent ? m.paused > 0 : m.said_paused};
}

void World::heartbeat(Machine& m, Machine& peer) {
  if (!passes(m.id, peer.id) || !passes(peer.id, m.id) || beats_[pair(m.id, peer.id)] == 0) return;
  auto asked = local(m);
  if (slow_net_ == 0 && lossy_ == 0) {  // at once: the mesh at rest is most of the night
    if (!peer.moves()) return;
    auto word = word_of(peer);
    m.judge->heard(peer.name, asked, word);
    if (!well(word, limits_)) poke(m);
    if (word.agent_age <= limits_.agent_stale) learn_pause(m, peer, asked - word.agent_age, word.paused);
    return;
  }
  if (lost() || lost()) return;
  in(delay(), [this, &m, &peer, asked, life = m.life] {
    if (!peer.moves() || !passes(peer.id, m.id)) return;
    in(delay(), [this, &m, &peer, asked, life, word = word_of(peer)] {
      if (!m.agent || m.life != life || !m.moves()) return;
      m.judge->heard(peer.name, asked, word);
      if (!well(word, limits_)) poke(m);
      if (word.agent_age <= limits_.agent_stale) learn_pause(m, peer, asked - word.agent_age, word.paused);
    });
  });
}

void World::ask_outside(Machine& m) {
  for (const auto& peer : machines_) {
    if (peer.id == m.id || touch_[pair(m.id, peer.id)] != 0) continue;
    bool writes = world_of(peer) && peer.agent;
    if (world_of(m) && peer.wrote_paused) {
      auto written = local(m) - (now_ - peer.wrote_at);
      m.judge->paused_outside(peer.name, written);
      learn_pause(m, peer, written, true);
    }
    m.judge->outside(peer.name, local(m),
                     !world_of(m) ? Outside::cannot_tell
                     : writes     ? Outside::sees_it
                                  : Outside::misses_it);
  }
}

void World::carry_out(Machine& m, const Decision& d) {
  if (d.act != Act::probe && d.act != Act::knock && d.act != Act::ask) say(m.name, sentence(d));
  switch (d.act) {
    case Act::nothing:
    case Act::recovered:
      return;
    case Act::tell:
      ++out_.told;
      if (d.peer.empty()) ++out_.storms;
      return;
    case Act::ask:
      for (const auto& name : d.witnesses) question(m, named(name), d.question);
      return;
    case Act::probe:
      return probe(m, named(d.peer));
    case Act::knock:
      return knock(m, named(d.peer));
    case Act::ask_lease:
      return ask_lease(m, named(d.peer), d);
    case Act::release:
      return release(m, named(d.peer), d);
    case Act::treat:
      return treat(m, named(d.peer), d);
  }
}

void World::question(Machine& m, Machine& witness, const Question& q) {
  if (!passes(m.id, witness.id) || lost()) return;
  in(delay(), [this, &m, &witness, q, life = m.life] {
    if (!witness.agent || !witness.moves() || witness.stalled + witness.starved > 0 ||
        !passes(witness.id, m.id) || lost())
      return;
    auto said = witness.judge->asked(local(witness), q);
    witness.durable = witness.judge->kept();
    if (witness.lies > 0) lie(said);
    poke(witness);
    auto wait = delay() + (witness.slow > 0 ? ms_upto(9000) : 0ms);
    in(wait, [this, &m, said, life] {
      if (!m.agent || m.life != life || !m.moves()) return;
      m.judge->testified(said);
      poke(m);
    });
  });
}

void World::lie(Testimony& said) {
  auto any = [this] { return machines_[upto(n_)].name; };
  said.sees = static_cast<Sees>(upto(4));
  said.can_heal = upto(2) == 0;
  said.patient_paused = upto(8) == 0;
  said.remembers = upto(2) == 0;
  if (upto(2) == 0) said.claims.clear();
  if (upto(4) == 0) said.claims.push_back({any(), any(), ms_upto(600'000)});
  if (upto(2) == 0) said.treatments.clear();
  if (upto(16) == 0) said.treatments.push_back({any(), any(), upto(1000), ms_upto(3'600'000), upto(2) == 0});
  if (upto(4) == 0)
    for (const auto& m : machines_) said.in_trouble.push_back(m.name);
  said.told = upto(8) == 0;
  said.storm_told = upto(8) == 0;
}

Duration World::answers_ssh_within(const Machine& m, const Machine& peer) {
  bool both = passes(m.id, peer.id) && passes(peer.id, m.id);
  return both && peer.moves() ? tcp_delay() + 30ms : Duration(2s);
}

void World::knock(Machine& m, Machine& peer) {
  auto asked = local(m);
  in(answers_ssh_within(m, peer), [this, &m, &peer, asked, life = m.life] {
    if (!m.agent || m.life != life || !m.moves()) return;
    m.judge->knocked(peer.name, asked, touches(m.id, peer.id));
    poke(m);
  });
}

void World::probe(Machine& m, Machine& peer) {
  auto asked = local(m);
  in(answers_ssh_within(m, peer), [this, &m, &peer, asked, life = m.life] {
    if (!m.agent || m.life != life || !m.moves()) return;
    Probe found{.ssh = touches(m.id, peer.id), .found = {}};
    if (found.ssh && peer.refused == 0 && !peer.broken)
      found.found = Found{.agent_runs = peer.agent && now_ - peer.last_tick < kNoAnswer,
                          .gateways = peer.gateways,
                          .heals_itself = peer.agent && peer.running && peer.running->by == peer.id,
                          .paused = peer.paused > 0};
    // Where meshops does not run, the script beside it still says this.
    if (found.ssh && peer.refused == 0 && peer.broken) found.paused = peer.paused > 0;
    m.judge->probed(peer.name, asked, found);
    if (found.found) learn_pause(m, peer, asked, found.found->paused);
    if (found.paused) learn_pause(m, peer, asked, *found.paused);
    poke(m);
  });
}

}  // namespace meshops::sim
