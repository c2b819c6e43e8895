// Leases and treatments, as patients keep them and carry them out.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

using Kind = Fault::Kind;
using Act = Decision::Act;

void World::ask_lease(Machine& m, Machine& p, const Decision& d) {
  auto ticket = d.ticket;
  auto answer = [this, &m, &p, ticket, life = m.life](std::uint64_t fence, std::vector<Treatment> history) {
    in(tcp_delay(), [this, &m, &p, ticket, fence, history, life] {
      if (!m.agent || m.life != life || !m.moves() || (p.up() && fence < 1u << 20 && !touches(m.id, p.id)))
        return;
      if (fence != 0) m.grants[ticket] = fence;
      if (fence != 0)
        m.judge->lease_granted(local(m), p.name, ticket, fence, history);
      else
        m.judge->lease_refused(local(m), p.name, ticket);
      poke(m);
    });
  };
  if (d.trouble == Trouble::unreachable) {
    if (!world_of(m)) return;
    auto& lease = store_[p.id];
    if (!lease.holder.empty() && lease.holder != m.name && lease.expires > now_) return answer(0, {});
    lease = {m.name, ticket, now_ + limits_.heal_bound};
    return answer((1u << 20) + ++store_fence_, {});
  }
  in(tcp_delay(), [this, &m, &p, ticket, answer] {
    if (!touches(m.id, p.id)) return;
    bool taken = p.running || (!p.holder.empty() && p.holder != m.name && p.expires > local(p));
    if (taken) return answer(0, {});
    p.holder = m.name;
    p.ticket = ticket;
    ++p.fence;
    p.expires = local(p) + limits_.lease_term;
    std::vector<Treatment> history;
    for (const auto& [what, at] : p.history)
      if (now_ - at < 1h) {
        history.push_back(what);
        history.back().age = now_ - at;
      }
    answer(p.fence, history);
  });
}

void World::release(Machine& m, Machine& p, const Decision& d) {
  if (auto& lease = store_[p.id]; lease.holder == m.name && lease.ticket == d.ticket && world_of(m))
    lease = {};
  in(tcp_delay(), [this, &m, &p, ticket = d.ticket] {
    if (touches(m.id, p.id) && p.holder == m.name && p.ticket == ticket && !p.running) p.holder.clear();
  });
}

void World::treat(Machine& m, Machine& p, const Decision& d) {
  judge_order(m, p, d);
  ++out_.treatments;
  if (d.order == Order::reset) return reset(m, p, d);
  in(tcp_delay(), [this, &m, &p, d] {
    if (!touches(m.id, p.id)) return lost_soon(m, p, d.ticket);
    bool his = p.holder == m.name && p.fence == d.fence && p.expires > local(p) && !p.running;
    if (!his) return report(m, p, d.ticket, Verdict::failed);
    if (!orders_.emplace(m.name, d.ticket).second)
      broke("an order is carried out once", fmt::format("{} on {} again", m.name, p.name));
    p.history.emplace_back(Treatment{.patient = p.name, .healer = m.name, .number = d.ticket}, now_);
    bool can = (p.refused == 0 && !p.broken) || d.order == Order::reinstall || d.order == Order::fallback;
    if (!can) return report(m, p, d.ticket, Verdict::failed);
    auto length = d.order == Order::revive      ? 3s + ms_upto(7000)
                  : d.order == Order::reinstall ? 10s + ms_upto(20000)
                                                : 20s + ms_upto(100000);
    start(p, {.by = m.id, .order = d.order, .ticket = d.ticket, .left = length, .since = now_});
    check_brake(p, m);
  });
}

void World::report(Machine& m, Machine& p, std::uint64_t ticket, Verdict verdict) {
  in(tcp_delay(), [this, &m, &p, ticket, verdict, life = m.life] {
    if (!m.agent || m.life != life || !m.moves()) return;
    if (p.up() && !touches(m.id, p.id)) return lost_soon(m, p, ticket);
    m.judge->treated(local(m), p.name, ticket, verdict);
    poke(m);
  });
}

void World::lost_soon(Machine& m, Machine& p, std::uint64_t ticket) {
  in(limits_.lease_term, [this, &m, &p, ticket, life = m.life] {
    if (!m.agent || m.life != life || !m.moves()) return;
    m.judge->lease_lost(local(m), p.name, ticket);
    poke(m);
  });
}

void World::start(Machine& p, Machine::Running run) {
  if (p.running) broke("one treatment of a patient at a time", p.name);
  run.number = ++p.runs;
  run.life = machines_[run.by].life;
  p.running = run;
  go_on(p, run.number);
  if (run.by != p.id) renew(p, run.number);
}

void World::go_on(Machine& p, unsigned number) {
  auto pace = p.frozen > 0 ? 5s : std::min<Duration>({5s, p.running->left, p.expires - local(p)});
  in(std::max<Duration>(pace, 1ms), [this, &p, number, pace] {
    if (!p.running || p.running->number != number) return;  // ended with its agent or its machine
    if (p.frozen > 0) return go_on(p, number);
    auto& run = *p.running;
    auto& healer = machines_[run.by];
    if (run.by == p.id) p.expires = local(p) + limits_.lease_term;  // its own: it holds as long as its agent
    run.left -= pace;
    if (p.expires <= local(p)) {
      auto ended = *std::exchange(p.running, std::nullopt);
      if (healer.agent && healer.life == ended.life && touch_[pair(healer.id, p.id)] != 0) ++out_.cut;
      say(p.name, fmt::format("lease of {} is over", healer.name));
      return lost_soon(healer, p, ended.ticket);
    }
    if (run.left > 0ms) return go_on(p, number);
    auto done = *std::exchange(p.running, std::nullopt);
    if (done.by != p.id)
      for (auto& [what, at] : p.history)
        if (what.healer == healer.name && what.number == done.ticket) at = now_, what.over = true;
    for (auto& act : acts_[p.id])
      if (act.healer == done.by && act.ticket == done.ticket) act.at = now_;
    auto verdict = take_effect(p, done);
    say(p.name, fmt::format("{} by n{} {}", mesh::text(done.order), done.by,
                            verdict == Verdict::helped ? "helped" : "did not help"));
    if (done.by == p.id)
      p.holder.clear();
    else
      report(healer, p, done.ticket, verdict);
  });
}

/// At a third of the lease's time, if the healer's agent gets the CPU for it.
void World::renew(Machine& p, unsigned number) {
  auto wait = limits_.lease_term / 3;
  if (machines_[p.running->by].stalled > 0) wait += ms_upto(9000);
  in(wait, [this, &p, number] { renew_now(p, number); });
}

void World::renew_now(Machine& p, unsigned number) {
  if (!p.running || p.running->number != number) return;
  auto& healer = machines_[p.running->by];
  if (!healer.agent || healer.life != p.running->life) return;
  if (!healer.moves() || healer.starved > 0) return in(500ms, [this, &p, number] { renew_now(p, number); });
  in(tcp_delay(), [this, &p, &healer, number] {
    if (!p.running || p.running->number != number || !touches(healer.id, p.id)) return;
    if (p.expires > local(p)) p.expires = local(p) + limits_.lease_term;
  });
  renew(p, number);
}

Verdict World::take_effect(Machine& p, const Machine::Running& run) {
  last_change_ = now_;
  switch (run.order) {
    case Order::revive:
      if (!p.broken) begin_agent(p, false);
      return p.agent ? Verdict::helped : Verdict::no_help;
    case Order::reinstall:
      p.broken = false;
      begin_agent(p, false);
      return Verdict::helped;
    case Order::heal:
      if (p.gateways == Gateways::ill) cure(p);
      return Verdict::helped;
    case Order::fallback:
      if (!p.broken) begin_agent(p, false);
      if (p.gateways == Gateways::ill) cure(p);
      return Verdict::helped;
    case Order::reset:
      break;
  }
  return Verdict::failed;
}

void World::reset(Machine& m, Machine& p, const Decision& d) {
  ++out_.resets;
  if (!world_of(m)) return lost_soon(m, p, d.ticket);
  if (now_ - p.last_reset < 5min) broke("a node is not reset twice", fmt::format("{} by {}", p.name, m.name));
  p.last_reset = now_;
  p.history.emplace_back(Treatment{.patient = p.name, .healer = m.name, .number = d.ticket}, now_);
  check_brake(p, m);
  in(2s, [this, &m, &p, d] {
    power(p, false);
    in(40s, [this, &p] { power(p, true); });
    in(3s, [this, &m, &p, d] { report(m, p, d.ticket, Verdict::helped); });
  });
}

}  // namespace meshops::sim
