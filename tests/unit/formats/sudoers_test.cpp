#include "formats/sudoers.h"

#include <gtest/gtest.h>

namespace meshops::sudo {
namespace {

std::vector<Grant> grants(std::string_view text) {
  Aliases aliases;
  return parse_grants(text, aliases);
}

TEST(Sudoers, OnlyWhatAllowsEverythingAsRoot) {
  auto all = grants(
      "Defaults env_reset, timestamp_timeout=0\n"
      "root ALL=(ALL:ALL) ALL # the usual\n"
      "claw ALL=(ALL) NOPASSWD: /usr/bin/systemctl restart x\n"
      "claw ALL=(www-data) NOPASSWD: ALL\n"
      "claw ALL=(www-data,root:adm) NOPASSWD:SETENV: /bin/ls, ALL\n"
      "@includedir /etc/sudoers.d\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].who, std::vector<std::string>{"root"});
  EXPECT_TRUE(all[0].password);
  EXPECT_EQ(all[0].text, "root ALL=(ALL:ALL) ALL");
  EXPECT_EQ(all[1].line, 5U);
  EXPECT_FALSE(all[1].password);
}

TEST(Sudoers, TheTagInForceDecides) {
  auto all = grants("a ALL=NOPASSWD: /bin/ls, PASSWD: ALL\nb ALL=PASSWD: /bin/ls, NOPASSWD: ALL\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].password);
  EXPECT_FALSE(all[1].password);
}

TEST(Sudoers, AliasesNumbersAndContinuedLines) {
  Aliases aliases;
  EXPECT_TRUE(parse_grants("User_Alias BOTS = claw, \\\n  nobody : OPS = ada\n", aliases).empty());
  auto all =
      parse_grants("# mine\nBOTS,%wheel \\\n  ALL=(ALL) NOPASSWD: ALL\n#1000 ALL=(ALL) ALL\n", aliases);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].who, (std::vector<std::string>{"claw", "nobody", "%wheel"}));
  EXPECT_EQ(all[0].line, 2U);
  EXPECT_EQ(all[1].who, std::vector<std::string>{"#1000"});
  EXPECT_EQ(all[1].line, 4U);
}

}  // namespace
}  // namespace meshops::sudo
