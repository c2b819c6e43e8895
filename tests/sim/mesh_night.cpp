#include "sim/mesh_night.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace meshops::sim {

using namespace std::chrono_literals;
using Kind = Fault::Kind;

std::string text(Kind kind) {
  switch (kind) {
    case Kind::agent_crash:
      return "agent crashes";
    case Kind::agent_dies:
      return "agent dies";
    case Kind::agent_forgets:
      return "agent starts without its memory";
    case Kind::binary_broken:
      return "agent's binary breaks";
    case Kind::gateway_ill:
      return "gateway ill";
    case Kind::gateway_wedged:
      return "gateway wedged";
    case Kind::gateway_given_up:
      return "gateway given up by its own agent";
    case Kind::bad_config:
      return "all gateways wedged by one configuration";
    case Kind::freeze:
      return "machine frozen";
    case Kind::power_off:
      return "machine off";
    case Kind::stall:
      return "agent gets little CPU";
    case Kind::starve:
      return "agent gets no CPU";
    case Kind::leaves:
      return "leaves the mesh";
    case Kind::port_blocked:
      return "heartbeats blocked";
    case Kind::remote_refused:
      return "meshops over SSH refused";
    case Kind::cut:
      return "link cut";
    case Kind::one_way:
      return "link one-way";
    case Kind::partition:
      return "partition";
    case Kind::slow:
      return "network slow";
    case Kind::loss:
      return "network loses 30%";
    case Kind::own_network:
      return "own network fails";
    case Kind::slow_witness:
      return "witness slow";
    case Kind::liar:
      return "witness lies";
    case Kind::pause:
      return "paused by a person";
  }
  return {};
}

std::string words(const Fault& f) {
  auto s = std::chrono::duration_cast<std::chrono::seconds>(f.at).count();
  auto out = fmt::format("{:02}:{:02}:{:02}  FAULT {}", s / 3600, s / 60 % 60, s % 60, text(f.kind));
  switch (f.kind) {
    case Kind::cut:
    case Kind::one_way:
    case Kind::port_blocked:
      out += fmt::format(" n{} to n{}", f.a, f.b);
      break;
    case Kind::partition:
      out += fmt::format(" mask {:#x}", f.mask);
      break;
    case Kind::bad_config:
    case Kind::slow:
    case Kind::loss:
      break;
    default:
      out += fmt::format(" n{}", f.a);
  }
  return out + fmt::format(", for {}", about(f.lasts));
}

bool Night::has(Kind kind) const {
  return std::ranges::any_of(faults, [kind](const Fault& f) { return f.kind == kind; });
}

namespace {
const std::vector<Kind> kAll = {Kind::agent_crash,
                                Kind::agent_dies,
                                Kind::agent_dies,
                                Kind::agent_forgets,
                                Kind::binary_broken,
                                Kind::gateway_ill,
                                Kind::gateway_wedged,
                                Kind::gateway_given_up,
                                Kind::freeze,
                                Kind::power_off,
                                Kind::stall,
                                Kind::starve,
                                Kind::leaves,
                                Kind::port_blocked,
                                Kind::remote_refused,
                                Kind::cut,
                                Kind::one_way,
                                Kind::partition,
                                Kind::partition,
                                Kind::slow,
                                Kind::loss,
                                Kind::own_network,
                                Kind::slow_witness,
                                Kind::pause,
                                Kind::bad_config,
                                Kind::gateway_wedged,
                                Kind::liar};
}  // namespace

Night night_of(std::uint64_t seed, const std::vector<Kind>& of, unsigned nodes) {
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15 + 1);
  auto upto = [&random](std::uint64_t n) { return random() % n; };
  Night night{.seed = seed};
  night.nodes = nodes != 0           ? nodes
                : seed % 4990 == 498 ? 50
                : seed % 499 == 498  ? 20
                                     : static_cast<unsigned>(2 + upto(8));
  // Most people take the defaults. Of twenty nodes and more, a night with one treatment an hour is minutes of
  // ours.
  if (night.nodes <= 9 && seed % 16 == 5) night.profile = Profile::cautious;
  if (night.nodes <= 9 && seed % 128 == 9) night.profile = Profile::observe_only;
  night.can_reset = upto(2) == 0;
  night.has_store = upto(3) == 0;
  night.outside = upto(2) == 0;
  if (seed % 3 == 1) night.lookers = 3;
  night.cares = seed % 8 == 3;
  night.skip_quiet = seed % 64 != 63 || night.nodes > 9;
  const auto& kinds = of.empty() ? kAll : of;
  auto count = 3 + upto(10);
  auto last = night.length - 3h;  // then it is left in peace
  auto at = 1min + 1ms * static_cast<std::int64_t>(upto(3'600'000));
  for (std::uint64_t i = 0; i < count && at < last; ++i) {
    Fault f{.kind = kinds[upto(kinds.size())], .at = at};
    f.a = static_cast<unsigned>(upto(night.nodes));
    f.b = static_cast<unsigned>((f.a + 1 + upto(night.nodes - 1)) % night.nodes);
    f.mask = random() & ((std::uint64_t{1} << night.nodes) - 1);
    // From a hiccup to a quarter of an hour.
    f.lasts = 1ms * static_cast<std::int64_t>(2000 << upto(9)) + 1ms * static_cast<std::int64_t>(upto(4000));
    if (f.kind == Kind::starve) f.lasts = 5s + 1ms * static_cast<std::int64_t>(upto(40'000));
    if (f.kind == Kind::agent_crash) f.lasts = 2s + 1ms * static_cast<std::int64_t>(upto(8000));
    if (f.kind == Kind::liar || f.kind == Kind::slow_witness || f.kind == Kind::pause) f.lasts *= 3;
    night.faults.push_back(f);
    // Faults like company.
    if (upto(2) == 0)
      at += 1ms * static_cast<std::int64_t>(upto(90'000));
    else
      at += 1ms * static_cast<std::int64_t>(upto(5'400'000));
  }
  return night;
}

Night shrunk(Night night, const std::function<bool(const Night&)>& fails) {
  auto parts = std::size_t{2};
  while (night.faults.size() > 1) {
    auto chunk = (night.faults.size() + parts - 1) / parts;
    bool smaller = false;
    for (std::size_t from = 0; from < night.faults.size(); from += chunk) {
      auto fewer = night;
      auto begin = fewer.faults.begin() + static_cast<std::ptrdiff_t>(from);
      fewer.faults.erase(begin,
                         begin + static_cast<std::ptrdiff_t>(std::min(chunk, night.faults.size() - from)));
      if (!fails(fewer)) continue;
      night = std::move(fewer);
      parts = std::max<std::size_t>(2, parts - 1);
      smaller = true;
      break;
    }
    if (smaller) continue;
    if (chunk == 1) break;
    parts = std::min(parts * 2, night.faults.size());
  }
  return night;
}

}  // namespace meshops::sim
