#include "mesh/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/serf_agent.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using serf::Member;
using serf::MemberState;
using testing::ElementsAre;
using testing::IsEmpty;

Mesh mesh_of(std::vector<std::string> names) {
  Mesh mesh;
  mesh.name = "home";
  mesh.node = names.front();
  int last = 11;
  for (auto& name : names) mesh.nodes.push_back({.name = name, .address = fmt::format("10.0.0.{}", last++)});
  return mesh;
}
Member member(const std::string& name, const std::string& address, MemberState state = MemberState::alive) {
  return {.name = name,
          .address = address,
          .port = 7946,
          .state = state,
          .tags = {{"mesh", "home"}, {"version", "0.1.0"}, {"plan", "p"}}};
}
constexpr Instant at(Duration since) { return {since}; }

TEST(Roster, NodesOfThePlanComeFirstAndTheUnheardOfAreUnseen) {
  auto seen = roster({}, mesh_of({"b", "a"}), {member("z", "10.0.0.99"), member("b", "10.0.0.11")}, at(1s));
  ASSERT_EQ(seen.entries.size(), 3U);
  EXPECT_EQ(seen.entries[0].name, "b");
  EXPECT_EQ(seen.entries[0].presence, Presence::alive);
  EXPECT_THAT(seen.entries[0].remarks, IsEmpty());
  EXPECT_EQ(seen.entries[1].presence, Presence::unseen);
  EXPECT_EQ(seen.entries[2].name, "z");
  EXPECT_THAT(seen.entries[2].remarks, ElementsAre("not in mesh.toml"));
  EXPECT_EQ(seen.alive(), 2U);
}

TEST(Roster, AnotherAddressThanPlannedIsSaid) {
  auto mesh = mesh_of({"a", "b", "c"});
  mesh.nodes[1].address = "b.example.org";
  mesh.nodes[2].address = "FD00:0::1";
  auto seen =
      roster({}, mesh, {member("a", "10.0.0.99"), member("b", "10.0.0.50"), member("c", "fd00::1")}, at(1s));
  EXPECT_THAT(seen.find("a")->remarks, ElementsAre("mesh.toml has it at 10.0.0.11"));
  EXPECT_THAT(seen.find("b")->remarks, IsEmpty()) << "a name is not resolved here";
  EXPECT_THAT(seen.find("c")->remarks, IsEmpty()) << "two spellings of one address";
}

TEST(Roster, AStrangersMeshAndAnotherPlanAreSaid) {
  auto other = member("a", "10.0.0.11");
  other.tags["mesh"] = "office\n";
  auto none = member("b", "10.0.0.12");
  none.tags.clear();
  auto old = member("c", "10.0.0.13");
  auto seen = roster({}, mesh_of({"a", "b", "c"}), {other, none, old}, at(1s), "q");
  EXPECT_THAT(seen.find("a")->remarks, ElementsAre("calls its mesh 'office\\x0a'"));
  EXPECT_THAT(seen.find("b")->remarks, ElementsAre("no member of meshops"));
  EXPECT_THAT(seen.find("c")->remarks, ElementsAre("has another mesh.toml"));
}

TEST(Roster, ItRemembersSinceWhenAndWhenLastAlive) {
  auto mesh = mesh_of({"a", "b"});
  auto first = roster({}, mesh, {member("b", "10.0.0.12")}, at(1s));
  auto second = roster(first, mesh, {member("b", "10.0.0.12")}, at(5s));
  EXPECT_EQ(second.find("b")->since, at(1s));
  EXPECT_EQ(second.find("b")->alive_at, at(5s));
  auto third = roster(second, mesh, {member("b", "10.0.0.12", MemberState::failed)}, at(9s));
  EXPECT_EQ(third.find("b")->presence, Presence::failed);
  EXPECT_EQ(third.find("b")->since, at(9s));
  EXPECT_EQ(third.find("b")->alive_at, at(5s));
  auto fourth = roster(third, mesh, {}, at(12s));
  EXPECT_EQ(fourth.find("b")->presence, Presence::unseen) << "members is the truth";
  EXPECT_EQ(fourth.find("b")->alive_at, at(5s));
}

TEST(Roster, WhoIsAwayWouldBeShutOutByANewKey) {
  auto seen =
      roster({}, mesh_of({"a", "b", "c", "d"}),
             {member("a", "10.0.0.11"), member("b", "10.0.0.12", MemberState::left),
              member("c", "10.0.0.13", MemberState::failed), member("x", "10.0.0.98", MemberState::failed),
              member("y", "10.0.0.99", MemberState::left)},
             at(1s));
  EXPECT_THAT(absent(seen), ElementsAre("b", "c", "d", "x"));
}

TEST(Roster, AnEventOfMembersIsAReasonToAskAndNothingElse) {
  EXPECT_TRUE(asks_again({.kind = serf::Event::Kind::members, .type = "member-failed"}));
  EXPECT_FALSE(asks_again({.kind = serf::Event::Kind::user, .type = "user"}));
}

TEST(Roster, ATerminalIsNotDrawnOnByANodesName) {
  auto seen = roster({}, mesh_of({"a", "b"}), {member("x\x1b[2J", "10.0.0.98")}, at(1s));
  EXPECT_EQ(seen.entries.back().name, "x\\x1b[2J");
}

}  // namespace
}  // namespace meshops
