// Each guard, switched off alone, is missed by some night: a simulator that notices nothing proves nothing.
#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/mesh_world.h"

namespace meshops::sim {
namespace {

using Kind = Fault::Kind;
using mesh::Reason;

struct Mutant {
  std::string name;
  mesh::Guards without;
  std::vector<Kind> faults;  // what the nights are made of
  unsigned nodes;            // 0: two to five
};

const std::vector<Mutant> kMutants = {
    {"left", {Reason::left}, {Kind::leaves, Kind::agent_dies, Kind::gateway_wedged}, 3},
    {"no_reset", {Reason::no_reset}, {Kind::power_off}, 4},
    {"nothing_to_heal", {Reason::nothing_to_heal}, {Kind::port_blocked}, 4},
    {"observe_only", {Reason::observe_only}, {Kind::agent_dies}, 0},
    {"paused_here", {Reason::paused_here}, {Kind::pause, Kind::agent_dies, Kind::gateway_wedged}, 0},
    {"minority",
     {Reason::minority, Reason::read_after_claim},
     {Kind::partition, Kind::partition, Kind::agent_dies},
     0},
    {"patient_paused", {Reason::patient_paused}, {Kind::pause, Kind::agent_dies, Kind::gateway_wedged}, 0},
    {"only_we_miss_it", {Reason::only_we_miss_it}, {Kind::port_blocked, Kind::remote_refused}, 4},
    {"people_know", {Reason::people_know}, {Kind::gateway_given_up}, 0},
    {"own_agent_first",
     {Reason::own_agent_first, Reason::not_our_turn},
     {Kind::agent_crash, Kind::gateway_ill},
     0},
    {"somebody_sees_it", {Reason::somebody_sees_it}, {Kind::cut, Kind::one_way, Kind::partition}, 4},
    {"third_witness", {Reason::somebody_sees_it, Reason::third_witness}, {Kind::cut, Kind::one_way}, 4},
    {"woke_up",
     {Reason::woke_up},
     {Kind::freeze, Kind::stall, Kind::starve, Kind::gateway_ill, Kind::agent_crash, Kind::power_off},
     0},
    {"another_heals", {Reason::another_heals, Reason::not_our_turn}, {Kind::power_off}, 4},
    {"pause_between", {Reason::pause_between}, {Kind::binary_broken, Kind::remote_refused}, 0},
    {"budget_spent", {Reason::budget_spent}, {Kind::agent_dies, Kind::gateway_wedged}, 2},
    {"storm", {Reason::storm}, {Kind::bad_config}, 5},
    {"brake", {Reason::brake}, {Kind::bad_config, Kind::agent_dies}, 5},
    {"read_after_claim", {Reason::read_after_claim}, {Kind::agent_dies, Kind::slow, Kind::bad_config}, 5},
    {"lease_first", {Reason::lease_first}, {Kind::agent_dies}, 0},
};

class MeshGuards : public testing::TestWithParam<Mutant> {};

TEST_P(MeshGuards, IsMissedWhenItIsOff) {
  const auto& mutant = GetParam();
  constexpr std::uint64_t kSeeds = 150;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    auto nodes = mutant.nodes != 0 ? mutant.nodes : static_cast<unsigned>(2 + seed % 4);
    auto night = night_of(seed * 64, mutant.faults, nodes);
    if (mutant.name == "observe_only") night.profile = Profile::observe_only;
    auto outcome = play(night, mutant.without);
    if (outcome.broken.empty()) continue;
    const auto& promise = outcome.broken[0].promise;
    std::printf("%s: night %llu: %s\n", mutant.name.c_str(), static_cast<unsigned long long>(seed),
                promise.c_str());
    if (std::getenv("MESHOPS_STORIES") != nullptr) std::puts(story(night, mutant.without, promise).c_str());
    EXPECT_FALSE(play(night).breaks(promise)) << "it breaks with all guards, too";
    return;
  }
  FAIL() << "nothing noticed in " << kSeeds << " nights that it was off";
}

INSTANTIATE_TEST_SUITE_P(Each, MeshGuards, testing::ValuesIn(kMutants),
                         [](const auto& mutant) { return mutant.param.name; });

}  // namespace
}  // namespace meshops::sim
