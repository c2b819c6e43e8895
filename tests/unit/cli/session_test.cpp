#include "cli/session.h"

#include <gtest/gtest.h>

namespace meshops::cli {
namespace {

const Session kFirst{.audit = "12", .ssh = "192.0.2.7 50001 192.0.2.1 22", .leader = "400"};

TEST(SameLogin, AnotherPaneOrSudoOfTheSameLoginIsNoNewOne) {
  auto pane = kFirst;
  pane.leader = "977";
  EXPECT_TRUE(same_login(kFirst, pane));
  auto sudo = pane;
  sudo.ssh = "";
  EXPECT_TRUE(same_login(kFirst, sudo));
}

TEST(SameLogin, ALoginOfItsOwnIsNewWhateverLooksAlike) {
  auto other = kFirst;
  other.audit = "13";
  EXPECT_FALSE(same_login(kFirst, other));
}

TEST(SameLogin, WithoutTheKernelsNumberTheConnectionTellsElseTheLeader) {
  Session first{.audit = "", .ssh = kFirst.ssh, .leader = "400"}, second = first;
  second.leader = "977";
  EXPECT_TRUE(same_login(first, second));
  second.ssh = "192.0.2.7 50002 192.0.2.1 22";
  EXPECT_FALSE(same_login(first, second));
  EXPECT_FALSE(same_login({.audit = "", .ssh = "", .leader = "1"}, {.audit = "", .ssh = "", .leader = "2"}));
  EXPECT_TRUE(
      same_login({.audit = "", .ssh = "", .leader = "1"}, {.audit = "", .ssh = kFirst.ssh, .leader = "1"}));
}

TEST(Session, ComesBackFromItsText) {
  auto back = Session::parse(kFirst.text() + "\n");
  EXPECT_EQ(back.text(), kFirst.text());
  EXPECT_EQ(Session::parse("").text(), "||");
  EXPECT_FALSE(Session::of_this_process().leader.empty());
}

}  // namespace
}  // namespace meshops::cli
