// Who reaches whom, how long it takes, and since when it is so.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "sim/mesh_world_parts.h"

namespace meshops::sim {

using Kind = Fault::Kind;
using Act = Decision::Act;

bool World::touches(unsigned a, unsigned b) const {
  return machines_[a].moves() && machines_[b].moves() && passes(a, b) && passes(b, a);
}

Duration World::tcp_delay() {
  auto d = delay() * 3;
  for (int i = 0; i < 6 && lost(); ++i) d += 300ms;
  return d;
}

Duration World::clear_since(const Machine& m, const Machine& p) const {
  bool clear = touch_[pair(m.id, p.id)] != 0 && slow_net_ == 0 && lossy_ == 0 && m.stalled + m.starved == 0 &&
               p.stalled + p.starved + p.refused == 0;
  if (!clear) return kNever;
  return std::max({touch_since_[pair(m.id, p.id)], net_clear_since_, m.steady_since, p.steady_since});
}

Duration World::sight(const Machine& m, const Machine& p) const {
  return now_ - clear_since(m, p) >= 10s ? kGlance : limits_.sight_fresh + 100ms;
}

void World::rewire() {
  for (unsigned a = 0; a < n_; ++a)
    for (unsigned b = 0; b < n_; ++b) {
      bool up = machines_[a].net_down == 0 && machines_[b].net_down == 0;
      bool beats = true;
      for (const auto& f : active_) {
        bool ab = f.a == a && f.b == b, ba = f.a == b && f.b == a;
        if (f.kind == Kind::cut && (ab || ba)) up = false;
        if (f.kind == Kind::one_way && ab) up = false;
        if (f.kind == Kind::partition && ((f.mask >> a ^ f.mask >> b) & 1U) != 0) up = false;
        if (f.kind == Kind::port_blocked && ab) beats = false;
      }
      up_[pair(a, b)] = up ? 1 : 0;
      beats_[pair(a, b)] = beats ? 1 : 0;
    }
  retouch();
}

void World::retouch() {
  for (unsigned a = 0; a < n_; ++a)
    for (unsigned b = 0; b < n_; ++b) {
      bool is = touches(a, b);
      auto& was = touch_[pair(a, b)];
      if (is && was == 0) touch_since_[pair(a, b)] = now_;
      if (!is && was != 0) touch_end_[pair(a, b)] = now_;
      was = is ? 1 : 0;
    }
}

bool World::touched_lately(unsigned a, unsigned b, Duration within) const {
  return touch_[pair(a, b)] != 0 ||
         (touch_end_[pair(a, b)] > Duration{} && now_ - touch_end_[pair(a, b)] <= within);
}

bool World::touched_for(unsigned a, unsigned b, Duration least) const {
  return touch_[pair(a, b)] != 0 && now_ - touch_since_[pair(a, b)] >= least;
}

}  // namespace meshops::sim
