#include "formats/firewall_rules.h"

#include <gtest/gtest.h>

namespace meshops::firewall {
namespace {

TEST(FirewallRules, IptablesSaveWithChainsOfItsOwn) {
  auto inputs = parse_iptables_save(
      "*filter\n"
      ":INPUT DROP [0:0]\n"
      ":web - [0:0]\n"
      "-A INPUT -i lo -j ACCEPT\n"
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
      "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
      "-A INPUT -p tcp -m multiport --dports 80,443 -j web\n"
      "-A web -s 10.0.0.0/8 -j ACCEPT\n"
      "-A INPUT -p tcp --dport 8000:8010 -m comment --comment \"a b\" -j ACCEPT\n"
      "COMMIT\n");
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].policy, Verdict::deny);
  EXPECT_EQ(inputs[0].policy_line, 2U);
  ASSERT_EQ(inputs[0].lines.size(), 5U);
  EXPECT_EQ(inputs[0].lines[0].interface, "lo");
  EXPECT_TRUE(inputs[0].lines[1].conditional);
  EXPECT_TRUE(inputs[0].lines[2].covers("tcp", 22));
  EXPECT_FALSE(inputs[0].lines[2].covers("udp", 22));
  EXPECT_EQ(inputs[0].lines[3].from, "10.0.0.0/8");
  EXPECT_TRUE(inputs[0].lines[3].covers("tcp", 443));
  EXPECT_EQ(inputs[0].lines[4].ports, (std::vector<Ports>{{8000, 8010}}));
  EXPECT_EQ(inputs[0].lines[4].line, 9U);
}

TEST(FirewallRules, ALastRuleForEverythingIsThePolicy) {
  auto inputs = parse_iptables_save(
      "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n");
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].policy, Verdict::deny);
  EXPECT_EQ(inputs[0].lines.size(), 1U);
}

TEST(FirewallRules, NewConnectionsAreTheOnesThatMatter) {
  auto inputs = parse_iptables_save(
      "*filter\n:INPUT DROP [0:0]\n:own - [0:0]\n"
      "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT\n"
      "-A INPUT -p tcp -m limit --limit 5/min --dport 80 -j ACCEPT\n"
      "-A INPUT -p tcp -m limit --limit 5/min --dport 81 -j DROP\n"
      "-A INPUT -d 224.0.0.251/32 -p udp --dport 5353 -j ACCEPT\n"
      "-A INPUT -d 192.0.2.1/32 -p tcp --dport 443 -j ACCEPT\n"
      "-A INPUT -j own\n"
      "-A own -m addrtype --dst-type LOCAL -j RETURN\n"
      "-A own -j DROP\n"
      "-A INPUT -p tcp --dport 25 -j ACCEPT\n"
      "COMMIT\n");
  ASSERT_EQ(inputs.size(), 1U);
  ASSERT_EQ(inputs[0].lines.size(), 7U);
  EXPECT_FALSE(inputs[0].lines[0].conditional);
  EXPECT_FALSE(inputs[0].lines[1].conditional) << "whom a rate lets in gets in";
  EXPECT_TRUE(inputs[0].lines[2].conditional) << "whom a rate refuses may get in otherwise";
  EXPECT_TRUE(inputs[0].lines[3].conditional);
  EXPECT_FALSE(inputs[0].lines[4].conditional);
  EXPECT_TRUE(inputs[0].lines[5].conditional) << "some packets have left the chain before";
  EXPECT_TRUE(inputs[0].lines[6].covers("tcp", 25));
}

TEST(FirewallRules, ChainsThatJumpToEachOtherEnd) {
  std::string text = "*filter\n:INPUT DROP [0:0]\n";
  for (int chain = 0; chain < 12; ++chain)
    for (int jump = 0; jump < 12; ++jump)
      text += "-A " + (chain == 0 ? std::string("INPUT") : "c" + std::to_string(chain)) + " -j c" +
              std::to_string((chain + jump) % 12 + 1) + "\n";
  auto inputs = parse_iptables_save(text);
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].policy, Verdict::deny);
}

TEST(FirewallRules, NftSetsVerdictMapsAndStates) {
  auto inputs = parse_nft(
      "table inet filter {\n"
      "  set open { type inet_service; flags interval; elements = { 22, 8000-8010 } }\n"
      "  chain input {\n"
      "    type filter hook input priority 0; policy drop;\n"
      "    ct state vmap { established : accept, related : accept, invalid : drop }\n"
      "    ct state new tcp dport @open accept\n"
      "    udp dport vmap { 51820 : accept, 53: jump dns }\n"
      "    tcp dport 443 limit rate 10/second accept\n"
      "  }\n"
      "  chain dns { ip saddr 10.0.0.0/8 accept }\n"
      "}\n");
  ASSERT_EQ(inputs.size(), 1U);
  ASSERT_EQ(inputs[0].lines.size(), 7U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(inputs[0].lines[i].conditional);
  EXPECT_TRUE(inputs[0].lines[3].covers("tcp", 8005));
  EXPECT_FALSE(inputs[0].lines[3].conditional);
  EXPECT_TRUE(inputs[0].lines[4].covers("udp", 51820));
  EXPECT_TRUE(inputs[0].lines[5].covers("udp", 53));
  EXPECT_EQ(inputs[0].lines[5].from, "10.0.0.0/8");
  EXPECT_FALSE(inputs[0].lines[6].conditional);
}

TEST(FirewallRules, NftTextWithDefinesSetsAndJumps) {
  auto inputs = parse_nft(
      "#!/usr/sbin/nft -f\n"
      "flush ruleset\n"
      "define admin = { 10.0.0.1, 10.0.0.2 }\n"
      "table inet filter {\n"
      "  chain input {\n"
      "    type filter hook input priority 0; policy drop;\n"
      "    ct state established,related accept\n"
      "    iif lo accept\n"
      "    tcp dport { 22, 443 } accept comment \"ssh\"\n"
      "    ip saddr $admin tcp dport 18789 counter accept\n"
      "    jump extra\n"
      "  }\n"
      "  chain extra { udp dport 51820 accept; }\n"
      "  chain forward { type filter hook forward priority 0; policy accept; }\n"
      "}\n");
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].name, "inet filter input");
  EXPECT_EQ(inputs[0].policy, Verdict::deny);
  EXPECT_EQ(inputs[0].policy_line, 6U);
  ASSERT_EQ(inputs[0].lines.size(), 5U);
  EXPECT_TRUE(inputs[0].lines[0].conditional);
  EXPECT_TRUE(inputs[0].lines[2].covers("tcp", 443));
  EXPECT_EQ(inputs[0].lines[2].line, 9U);
  EXPECT_EQ(inputs[0].lines[3].from, "10.0.0.1,10.0.0.2");
  EXPECT_TRUE(inputs[0].lines[4].covers("udp", 51820));
}

TEST(FirewallRules, NftWithoutAPolicyAccepts) {
  auto inputs = parse_nft(
      "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n");
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].policy, Verdict::accept);
  EXPECT_EQ(inputs[0].policy_line, 3U);
}

TEST(FirewallRules, NftJson) {
  auto inputs = parse_nft_json(
      R"({"nftables":[{"metainfo":{}},{"table":{"family":"inet","name":"filter"}},
      {"chain":{"family":"inet","table":"filter","name":"input","type":"filter","hook":"input","prio":0,"policy":"drop"}},
      {"rule":{"family":"inet","table":"filter","chain":"input","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[22,{"range":[8000,8010]}]}}},{"accept":null}]}},
      {"rule":{"family":"inet","table":"filter","chain":"input","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"prefix":{"addr":"10.0.0.0","len":8}}}},{"accept":null}]}}]})");
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].policy, Verdict::deny);
  ASSERT_EQ(inputs[0].lines.size(), 2U);
  EXPECT_TRUE(inputs[0].lines[0].covers("tcp", 8005));
  EXPECT_EQ(inputs[0].lines[1].from, "10.0.0.0/8");
}

TEST(FirewallRules, UfwTuples) {
  auto lines = parse_ufw_rules(
      "*filter\n### RULES ###\n\n"
      "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in\n-A ufw-user-input -p tcp --dport 22 "
      "-j ACCEPT\n"
      "### tuple ### allow any 5432 0.0.0.0/0 any 10.0.0.0/8 in\n"
      "### tuple ### limit tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in_eth0 comment=6869\n"
      "### tuple ### allow tcp 25 0.0.0.0/0 any 0.0.0.0/0 out\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].line, 4U);
  EXPECT_TRUE(lines[0].covers("tcp", 22));
  EXPECT_EQ(lines[1].from, "10.0.0.0/8");
  EXPECT_EQ(lines[2].interface, "eth0");
}

TEST(FirewallRules, UfwCommands) {
  auto one = [](std::string_view text) {
    auto lines = parse_ufw_command(text);
    return lines.empty() ? Line{.text = "-"} : lines[0];
  };
  EXPECT_TRUE(one("allow 18789").covers("tcp", 18789));
  EXPECT_EQ(one("allow 22/tcp").protocol, "tcp");
  EXPECT_TRUE(one("allow OpenSSH").covers("tcp", 22));
  EXPECT_EQ(one("allow from 10.0.0.0/8 to any port 5432 proto tcp").from, "10.0.0.0/8");
  EXPECT_TRUE(one("allow proto tcp from any to any port 80,443").covers("tcp", 443));
  EXPECT_EQ(one("--force enable").text, "-");
  EXPECT_EQ(one("allow out 53").text, "-");
  EXPECT_EQ(one("allow $PORT").text, "-");
}

}  // namespace
}  // namespace meshops::firewall
