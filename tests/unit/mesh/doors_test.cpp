#include "mesh/doors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<Door> kHeartbeat = {{"udp", 7947}};

// As ufw 0.36 writes them.
constexpr auto kRules = R"(*filter
### RULES ###

### tuple ### allow udp 7947 0.0.0.0/0 any 10.0.0.2 in comment=abc
-A ufw-user-input -p udp --dport 7947 -s 10.0.0.2 -j ACCEPT

### tuple ### deny udp 7947 0.0.0.0/0 any 10.0.0.3 in
-A ufw-user-input -p udp --dport 7947 -s 10.0.0.3 -j DROP

### tuple ### allow any any 0.0.0.0/0 any 10.1.0.0/16 in
-A ufw-user-input -s 10.1.0.0/16 -j ACCEPT
### END RULES ###
COMMIT
)";

TEST(Doors, OnesOfTheMeshAreGossipHeartbeatAndSsh) {
  Mesh mesh;
  mesh.node = "alpha";
  mesh.nodes = {{.name = "alpha", .address = "10.0.0.1", .ssh_port = 2222}};
  mesh.gossip_port = 17946;
  EXPECT_THAT(doors(mesh),
              ElementsAre(Door{"tcp", 17946}, Door{"udp", 17946}, Door{"udp", 7947}, Door{"tcp", 2222}));
}

TEST(Doors, AreOpenedToAddressesOfTheOwnersPlanOnly) {
  Mesh mesh;
  mesh.node = "alpha";
  mesh.nodes = {{.name = "alpha", .address = "10.0.0.1"},
                {.name = "delta", .address = "10.0.0.4"},
                {.name = "beta", .address = "beta.example.org"},
                {.name = "gamma", .address = "fd00::3"},
                {.name = "epsilon", .address = "127.0.0.1"}};
  EXPECT_THAT(known_addresses(mesh), ElementsAre("10.0.0.4", "fd00::3"));
}

TEST(UfwOrders, WhatIsLetInAlreadyIsNotOrderedAgain) {
  EXPECT_THAT(ufw_orders(kRules, "", {"10.0.0.2", "10.1.7.9"}, kHeartbeat).allow, IsEmpty());
}

TEST(UfwOrders, APeerWithoutARuleGetsOne) {
  auto orders = ufw_orders(kRules, "", {"10.0.0.4"}, kHeartbeat);
  ASSERT_EQ(orders.allow.size(), 1U);
  EXPECT_THAT(orders.allow[0], ElementsAre("ufw", "allow", "proto", "udp", "from", "10.0.0.4", "to", "any",
                                           "port", "7947", "comment", testing::_));
}

TEST(UfwOrders, WhatTheOwnerDeniesStaysDenied) {
  auto orders = ufw_orders(kRules, "", {"10.0.0.3"}, kHeartbeat);
  EXPECT_THAT(orders.allow, IsEmpty());
  EXPECT_THAT(orders.denied, ElementsAre("udp 7947 from 10.0.0.3"));
}

TEST(UfwOrders, EachFamilyHasItsOwnRules) {
  EXPECT_EQ(ufw_orders(kRules, "", {"fd00::2"}, kHeartbeat).allow.size(), 1U);
  EXPECT_THAT(
      ufw_orders("", "### tuple ### allow udp 7947 ::/0 any fd00::/8 in\n", {"fd00::2"}, kHeartbeat).allow,
      IsEmpty());
}

TEST(UfwIsOn, OnlyByItsOwnWord) {
  EXPECT_TRUE(ufw_is_on("# comment\nENABLED=yes\nLOGLEVEL=low\n"));
  EXPECT_FALSE(ufw_is_on("ENABLED=no\n"));
  EXPECT_FALSE(ufw_is_on("#ENABLED=yes\n"));
  EXPECT_FALSE(ufw_is_on(""));
}

TEST(Fail2ban, ItsJailsAreRead) {
  EXPECT_THAT(jails_in("Status\n|- Number of jail:\t2\n`- Jail list:\trecidive, sshd\n"),
              ElementsAre("recidive", "sshd"));
  EXPECT_THAT(jails_in("Status\n|- Number of jail:\t0\n`- Jail list:\t\n"), IsEmpty());
  EXPECT_THAT(jails_in("ERROR  Failed to access socket path"), IsEmpty());
}

TEST(Fail2ban, WhoIsNotIgnoredIsNamed) {
  constexpr auto kSaid =
      "These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n|- 10.1.0.0/16\n`- 10.0.0.2\n";
  EXPECT_THAT(not_ignored(kSaid, {"10.0.0.2", "10.1.0.7", "10.0.0.3", "fd00::2"}),
              ElementsAre("10.0.0.3", "fd00::2"));
  EXPECT_THAT(not_ignored("No IP address/network is ignored", {"10.0.0.2"}), ElementsAre("10.0.0.2"));
}

TEST(Fail2ban, AJailThatBeginsAnewIsSeenInItsLog) {
  constexpr auto kStart =
      "2026-11-29 23:30:38,915 fail2ban.jail           [240]: INFO    Jail 'sshd' started\n"
      "2026-11-29 23:30:39,120 fail2ban.filter         [240]: INFO    [sshd] Found 10.0.0.2 - 2026-11-29\n";
  constexpr auto kReload =
      "2026-11-29 23:31:40,101 fail2ban.server         [240]: INFO    Reload jail 'sshd'\n"
      "2026-11-29 23:31:40,120 fail2ban.server         [240]: INFO    Reload finished.\n"
      "2026-11-29 23:31:41,000 fail2ban.actions        [240]: NOTICE  [sshd] Ban 10.0.0.2\n";
  EXPECT_EQ(new_jail_in(kStart),
            "2026-11-29 23:30:38,915 fail2ban.jail           [240]: INFO    Jail 'sshd' started");
  EXPECT_EQ(new_jail_in(std::string(kStart) + kReload),
            "2026-11-29 23:31:40,120 fail2ban.server         [240]: INFO    Reload finished.");
  EXPECT_EQ(new_jail_in(""), "");
  EXPECT_EQ(new_jail_in("2026-11-29 23:31:41,000 fail2ban.actions [240]: NOTICE  [sshd] Ban 10.0.0.2\n"), "");
}

}  // namespace
}  // namespace meshops::mesh
