#include "mesh/bots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

const Secret kKey(std::string(32, 'k'));
Bot bot(std::string channel, std::string token) { return {std::move(channel), Secret(std::move(token))}; }
serf::Member member(std::string name, std::string tag, serf::MemberState state = serf::MemberState::alive) {
  serf::Member out;
  out.name = std::move(name);
  out.state = state;
  out.tags["bots"] = std::move(tag);
  return out;
}

TEST(Marks, AreTheSameForTheSameTokenAndKeyOnly) {
  auto mark = mark_of(bot("telegram", "111:aaaaaaaa"), kKey);
  EXPECT_EQ(mark.size(), 12U);
  EXPECT_EQ(mark, mark_of(bot("telegram", "111:aaaaaaaa"), kKey));
  EXPECT_NE(mark, mark_of(bot("telegram", "111:aaaaaaab"), kKey));
  EXPECT_NE(mark, mark_of(bot("discord", "111:aaaaaaaa"), kKey));
  EXPECT_NE(mark, mark_of(bot("telegram", "111:aaaaaaaa"), Secret(std::string(32, 'l'))));
}

TEST(BotsTag, IsSortedAndFitsIntoSerf) {
  EXPECT_EQ(bots_tag({{"bbb", "main", "telegram"}, {"aaa", "two", "slack"}, {"bbb", "two", "telegram"}}),
            "aaa,bbb");
  std::vector<OwnBot> many;
  for (int i = 0; i < 100; ++i) many.push_back({fmt::format("{:012x}", i), "main", "telegram"});
  EXPECT_LE(bots_tag(many).size(), 400U);
  EXPECT_EQ(bots_tag({}), "");
}

TEST(Twins, AreFoundOnLivingMembersOnly) {
  const std::vector<OwnBot> own = {{"aaa", "main", "telegram"}, {"bbb", "main", "slack"}};
  auto found = twins(
      own, "alpha",
      {member("alpha", "aaa,bbb"), member("beta", "ccc,aaa"), member("gamma", ""),
       member("delta", "bbb", serf::MemberState::failed), member("epsilon", "bbb", serf::MemberState::left)});
  EXPECT_THAT(found, testing::ElementsAre(Twin{own[0], "beta"}));
}

}  // namespace
}  // namespace meshops::mesh
