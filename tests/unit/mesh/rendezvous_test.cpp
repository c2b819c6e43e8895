#include "mesh/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

using namespace meshops::mesh;
using testing::ElementsAre;

namespace {

// Computed by a second implementation, in Python. Nodes of different versions meet in one mesh, so these
// never change.
TEST(Rendezvous, TheHashIsPartOfTheProtocol) {
  EXPECT_EQ(weight("", ""), 0x25fc6dd36ce04b20U);
  EXPECT_EQ(weight("alpha", "beta"), 0x28f6e01f201788aaU);
  EXPECT_EQ(weight("beta", "alpha"), 0x46ef9a4204e14b0bU);
  EXPECT_EQ(weight("alpha", "gamma"), 0xf18fdbed484d6cdfU);
  EXPECT_EQ(weight("a", "b\xc3\xa9"), 0x45e33fe1f66874b8U);
}

TEST(Rendezvous, EveryNodeFindsTheSameOrder) {
  std::vector<std::string> nodes{"alpha", "beta", "gamma", "delta", "epsilon"};
  auto expected = ElementsAre("gamma", "delta", "beta", "epsilon");
  EXPECT_THAT(order("alpha", nodes), expected);
  std::ranges::reverse(nodes);
  EXPECT_THAT(order("alpha", nodes), expected);
  EXPECT_THAT(watchers("alpha", nodes, 3), ElementsAre("gamma", "delta", "beta"));
  EXPECT_THAT(watchers("alpha", std::vector<std::string>{"alpha"}, 3), ElementsAre());
}

TEST(Rendezvous, TheWorkIsSpread) {
  std::vector<std::string> nodes;
  for (int i = 0; i < 50; ++i) nodes.push_back("node-" + std::to_string(i));
  std::map<std::string, int> watched_by;
  for (const auto& node : nodes)
    for (const auto& watcher : watchers(node, nodes, 3)) ++watched_by[watcher];
  for (const auto& [node, count] : watched_by) EXPECT_LE(count, 10) << node;
  EXPECT_GE(watched_by.size(), 45U);
}

RC_GTEST_PROP(Rendezvous, ANodeThatLeavesMovesNobodyElse, ()) {
  auto names = *rc::gen::unique<std::vector<std::string>>(
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))));
  RC_PRE(names.size() >= 2U);
  auto patient = names.front();
  auto before = order(patient, names);
  auto gone = *rc::gen::elementOf(before);
  std::erase(names, gone);
  std::erase(before, gone);
  RC_ASSERT(order(patient, names) == before);
}

}  // namespace
