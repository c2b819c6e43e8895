// The clock of the world: what is due next, and what happens in its order.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

bool Outcome::breaks(const std::string& promise) const {
  return std::ranges::any_of(broken, [&](const auto& b) { return b.promise == promise; });
}

World::World(const Night& night, Guards guards, bool traced)
    : night_(night), guards_(guards), traced_(traced), n_(night.nodes), random_(night.seed + 77) {
  limits_ = MeshLimits::of(night.profile);
  limits_.lookers = night.lookers;
  up_.assign(n_ * n_, 1);
  beats_.assign(n_ * n_, 1);
  touch_.assign(n_ * n_, 1);
  touch_since_.assign(n_ * n_, Duration{});
  touch_end_.assign(n_ * n_, Duration{});
  machines_.resize(n_);
  for (unsigned i = 0; i < n_; ++i) {
    auto& m = machines_[i];
    m.id = i;
    m.name = fmt::format("n{}", i);
    m.offset = 1s * static_cast<std::int64_t>(upto(1'000'000));
    m.skew = (static_cast<double>(upto(2001)) - 1000) * 2e-6;  // ±0.2 %
    m.membership.assign(n_, 0);
    m.heard_paused.assign(n_, 0);
    m.knows_paused.assign(n_, 0);
    m.heard_at.assign(n_, Instant{});
    begin_agent(m, true);
  }
  for (const auto& f : night.faults) {
    on_agenda(f.at, [this, f] { begin(f); });
    on_agenda(f.at + f.lasts, [this, f] { finish(f); });
  }
}

Outcome World::run() {
  for (auto& m : machines_) schedule_tick(m, 1ms * static_cast<std::int64_t>(upto(1000)));
  while (true) {
    if (night_.skip_quiet && pending_ == 0) skip();
    auto next_fault = agenda_at_ < agenda_.size() ? agenda_[agenda_at_].first : kNever;
    auto next = events_.empty() ? kNever : events_.front().at;
    if (std::min(next, next_fault) > night_.length) break;
    ++out_.steps;
    if (next_fault <= next) {
      now_ = next_fault;
      agenda_[agenda_at_++].second();
      continue;
    }
    std::pop_heap(events_.begin(), events_.end(), later);
    auto event = std::move(events_.back());
    events_.pop_back();
    now_ = event.at;
    if (event.ticks < 0)
      --pending_, event.run();
    else
      tick(machines_[static_cast<std::size_t>(event.ticks)], event.life);
  }
  now_ = night_.length;
  calm();
  return std::move(out_);
}

Instant World::local_at(const Machine& m, Duration at) {
  return {m.offset + at + Duration(static_cast<std::int64_t>(static_cast<double>(at.count()) * m.skew))};
}

Machine& World::named(const std::string& name) {
  return machines_[static_cast<std::size_t>(std::strtoul(name.c_str() + 1, nullptr, 10))];
}

void World::say(std::string_view who, std::string_view what) {
  if (!traced_) return;
  auto t = std::chrono::duration_cast<std::chrono::milliseconds>(now_).count();
  out_.trace += fmt::format("{:02}:{:02}:{:02}.{:03}  {:3} {}\n", t / 3600000, t / 60000 % 60, t / 1000 % 60,
                            t % 1000, who, what);
}

void World::broke(std::string promise, std::string how) {
  say("!!!", fmt::format("BROKEN {}: {}", promise, how));
  if (out_.broken.size() < 20) out_.broken.push_back({std::move(promise), std::move(how)});
}

void World::push(Event e) {
  events_.push_back(std::move(e));
  std::push_heap(events_.begin(), events_.end(), later);
}

void World::in(Duration wait, std::function<void()> run) {
  ++pending_;
  push({now_ + wait, ++seq_, -1, 0, std::move(run)});
}

void World::on_agenda(Duration at, std::function<void()> run) {
  auto where = std::ranges::upper_bound(agenda_, at, {}, [](const auto& a) { return a.first; });
  agenda_.emplace(where, at, std::move(run));
}

void World::skip() {
  auto next = agenda_at_ < agenda_.size() ? agenda_[agenda_at_].first : night_.length;
  auto to = std::min(next, night_.length) - 20s;
  if (to - now_ < 30s || now_ - last_change_ < 20s) return;
  for (const auto& m : machines_) {
    bool well = m.moves() && m.agent && m.gateways == Gateways::well && !m.running && m.stalled == 0 &&
                m.starved == 0 && m.left == 0;
    if (!well || !m.judge->idle(local(m))) return;
  }
  if (slow_net_ > 0 || lossy_ > 0) return;
  now_ = to;
  events_.clear();
  for (auto& m : machines_) m.last_tick = now_, schedule_tick(m, ms_upto(1000));
}

Outcome play(const Night& night, Guards guards, bool traced) { return World(night, guards, traced).run(); }

std::string story(const Night& night, Guards guards, const std::string& promise) {
  auto small = shrunk(night, [&](const Night& fewer) { return play(fewer, guards).breaks(promise); });
  auto out = fmt::format("seed {}, {} nodes{}{}{}{}{}: {}\n", small.seed, small.nodes,
                         small.can_reset ? ", reset" : "", small.has_store ? ", store" : "",
                         small.outside ? ", outside witness" : "", small.lookers < 7 ? ", few lookers" : "",
                         small.cares ? ", cares" : "", promise);
  auto outcome = play(small, guards, true);
  return out + outcome.trace;
}

}  // namespace meshops::sim
