#include "gateway/bots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::openclaw {
namespace {

std::vector<std::string> found(std::string_view config, const Environment& variables = {}) {
  auto document = json5::Document::parse(std::string(config));
  EXPECT_TRUE(document);
  std::vector<std::string> out;
  for (const auto& bot : bots_of(document->root(), variables))
    out.push_back(bot.channel + ":" + std::string(bot.token.reveal()));
  return out;
}

TEST(Bots, OfEachChannelAndAccount) {
  EXPECT_THAT(
      found(R"({channels: {telegram: {botToken: "111:aaaaaaaa", accounts: {two: {botToken: "222:bbbbbbbb"}}},
                        slack: {botToken: "xoxb-1111", appToken: "xapp-1111"}, whatsapp: {token: "none-of-these"}}})"),
      testing::ElementsAre("telegram:111:aaaaaaaa", "telegram:222:bbbbbbbb", "slack:xoxb-1111",
                           "slack:xapp-1111"));
}

TEST(Bots, WhatIsSwitchedOffPollsNothing) {
  EXPECT_THAT(found(R"({channels: {telegram: {enabled: false, botToken: "111:aaaaaaaa"},
                        discord: {token: "dddddddd", accounts: {two: {enabled: false, token: "eeeeeeee"}}}}})"),
              testing::ElementsAre("discord:dddddddd"));
}

TEST(Bots, WithoutATokenInTheFileTheVariableGivesIt) {
  const Environment env = {{"TELEGRAM_BOT_TOKEN", "333:cccccccc"}, {"DISCORD_BOT_TOKEN", "unused-one"}};
  EXPECT_THAT(found("{channels: {telegram: {}}}", env), testing::ElementsAre("telegram:333:cccccccc"));
  EXPECT_THAT(found(R"({channels: {telegram: {accounts: {a: {botToken: "111:aaaaaaaa"}}}}})", env),
              testing::ElementsAre("telegram:111:aaaaaaaa"));
}

TEST(Bots, AReferenceOrAStubIsNoToken) {
  EXPECT_THAT(found(R"({channels: {telegram: {botToken: "${TELEGRAM_BOT_TOKEN}"}, discord: {token: "x"}}})"),
              testing::IsEmpty());
  EXPECT_THAT(found("{}"), testing::IsEmpty());
}

}  // namespace
}  // namespace meshops::openclaw
