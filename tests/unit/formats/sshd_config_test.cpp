// What `sshd -T` taught the reader, written down so that it holds where there is no sshd to ask.
#include "formats/sshd_config.h"

#include <gtest/gtest.h>

namespace meshops::sshd {
namespace {

bool match_holds(std::string_view line, const Connection& connection) {
  auto config = ssh::parse_config(line);
  return config.lines.size() == 1 && holds(config.lines[0], connection);
}

TEST(SshdConfig, AnAddressThatIsNoneMatchesNothing) {
  EXPECT_EQ(match_addresses("UNKNOWN", "*"), 0);
  EXPECT_EQ(match_addresses("UNKNOWN", "!UNKNOWN"), 0);
  EXPECT_EQ(match_addresses("10.1.2.3", "*"), 1);
}

TEST(SshdConfig, AShortAddressIsTheOneItStandsFor) {
  EXPECT_EQ(match_addresses("10.0.0.1", "10.1"), 1);
  EXPECT_EQ(match_addresses("10.1.0.0", "10.1"), 0);
  EXPECT_EQ(match_addresses("10.0.0.1", "!10.1,10.0.0.0/8"), -1);
}

TEST(SshdConfig, APortMayBeNamed) {
  EXPECT_TRUE(match_holds("Match LocalPort ssh", {.local_port = 22}));
  EXPECT_FALSE(match_holds("Match LocalPort ssh", {.local_port = 2222}));
  EXPECT_FALSE(match_holds("Match LocalPort ssh", {}));
}

TEST(SshdConfig, OnlyWhatSshdKnowsAlwaysHolds) {
  auto always = [](std::string_view line) { return always_holds(ssh::parse_config(line).lines.at(0)); };
  EXPECT_TRUE(always("Match all"));
  EXPECT_TRUE(always("Match User * Address *"));
  EXPECT_FALSE(always("Match User *,!root"));
  // sshd refuses the file; whatever stands below it does not count for everybody.
  EXPECT_FALSE(always("Match Flavour *"));
  EXPECT_FALSE(always("Match !all"));
}

TEST(SshdConfig, AnOldSpellingOfHostKeyIsRead) {
  auto config = ssh::parse_config("HostDSAKey /k/a\n");
  ASSERT_EQ(config.lines.size(), 1U);
  EXPECT_EQ(config.lines[0].keyword, "hostkey");
}

}  // namespace
}  // namespace meshops::sshd
