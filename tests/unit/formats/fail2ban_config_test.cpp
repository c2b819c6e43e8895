#include "formats/fail2ban_config.h"

#include <gtest/gtest.h>

namespace meshops::fail2ban {
namespace {

TEST(Fail2banConfig, OptionsGoOnOverIndentedLines) {
  auto options = parse(
      "# comment\n"
      "[DEFAULT]\n"
      "IgnoreIP = 127.0.0.1/8 ::1 # loopback\n"
      "    10.0.0.0/8\n"
      "; not this\n"
      "\n"
      "    nor this\n"
      "[sshd]\n"
      "enabled: true\n"
      "no sign here\n");
  ASSERT_EQ(options.size(), 2U);
  EXPECT_EQ(options[0].section, "DEFAULT");
  EXPECT_EQ(options[0].key, "ignoreip");
  EXPECT_EQ(options[0].value, "127.0.0.1/8 ::1 10.0.0.0/8");
  EXPECT_EQ(options[0].line, 3U);
  EXPECT_EQ(options[0].last_line, 4U);
  EXPECT_EQ(options[1].section, "sshd");
  EXPECT_EQ(options[1].value, "true");
}

TEST(Fail2banConfig, MoreGoesBeforeTheComment) {
  std::string text = "[DEFAULT]\nignoreip = ::1 # loopback\nbantime = 1h\n";
  EXPECT_EQ(with_more(text, parse(text)[0], "10.0.0.2"),
            "[DEFAULT]\nignoreip = ::1 10.0.0.2 # loopback\nbantime = 1h\n");
}

TEST(Fail2banConfig, BansByJail) {
  auto bans =
      parse_bans("[{'sshd': ['203.0.113.7', '2001:db8::7']}, {\"recidive\": []}, {'web': ['192.0.2.1']}]\n");
  ASSERT_EQ(bans.size(), 3U);
  EXPECT_EQ(bans[1].jail, "sshd");
  EXPECT_EQ(bans[1].address, "2001:db8::7");
  EXPECT_EQ(bans[2].jail, "web");
  EXPECT_TRUE(parse_bans("[]").empty());
  EXPECT_TRUE(parse_bans("[{'sshd': ['203.0").empty());
}

}  // namespace
}  // namespace meshops::fail2ban
