#include "mesh/serf_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/unit_file.h"

namespace meshops::serf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kKey = "cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=";
constexpr const char* kOther = "7qFjlUF80VPRF9sa6yCnHDz86kEvTEfMBym5P+umJlI=";

Mesh two_nodes() {
  Mesh mesh;
  mesh.node = "alpha";
  mesh.state_dir = "/var/lib/meshops";
  mesh.nodes = {{.name = "alpha", .address = "10.0.0.1"}, {.name = "beta", .address = "fd00::2"}};
  return mesh;
}

TEST(SerfAgent, ItsConfigurationSaysWhoItIsAndWhomToAsk) {
  auto text = agent_config(two_nodes(), Secret("rpc"), "0.1.0");
  ASSERT_TRUE(text) << text.error().text();
  auto json = nlohmann::json::parse(text->reveal());
  EXPECT_EQ(json["node_name"], "alpha");
  EXPECT_EQ(json["bind"], "0.0.0.0:7946");
  EXPECT_EQ(json["advertise"], "10.0.0.1:7946");
  EXPECT_EQ(json["rpc_addr"], "127.0.0.1:7373");
  EXPECT_EQ(json["rpc_auth"], "rpc");
  EXPECT_EQ(json["profile"], "wan");
  EXPECT_EQ(json["retry_join"], nlohmann::json({"[fd00::2]:7946"}));
  EXPECT_EQ(json["rejoin_after_leave"], false);
  EXPECT_EQ(json["keyring_file"], "/var/lib/meshops-serf/keyring");
  EXPECT_EQ(json["tags"]["version"], "0.1.0");
  EXPECT_FALSE(json.contains("event_handlers")) << "nothing that comes by gossip is ever run";
  EXPECT_FALSE(json.contains("encrypt_key")) << "a key that only stands here would not outlive a rotation";
}

TEST(SerfAgent, ANodeWithAnIpv6AddressListensOnBothFamilies) {
  auto mesh = two_nodes();
  mesh.node = "beta";
  auto json = nlohmann::json::parse(agent_config(mesh, Secret("rpc"), "0.1.0")->reveal());
  EXPECT_EQ(json["bind"], "[::]:7946");
  EXPECT_EQ(json["advertise"], "[fd00::2]:7946");
}

TEST(SerfAgent, OneNodeAloneAndAnAddressOfLoopbackMakeNoMesh) {
  auto mesh = two_nodes();
  mesh.nodes[0].address = "127.0.0.1";
  auto looped = can_gossip(mesh);
  ASSERT_FALSE(looped);
  EXPECT_THAT(looped.error().text(), HasSubstr("cannot reach alpha at 127.0.0.1"));
  mesh = two_nodes();
  mesh.nodes.pop_back();
  auto alone = can_gossip(mesh);
  ASSERT_FALSE(alone);
  EXPECT_THAT(alone.error().text(), HasSubstr("one alone needs no membership"));
  EXPECT_FALSE(agent_config(mesh, Secret("rpc"), "0.1.0"));
}

TEST(SerfAgent, TheClientFindsItsWayInTheConfiguration) {
  auto mesh = two_nodes();
  mesh.serf_rpc_port = 17373;
  auto target = rpc_target(agent_config(mesh, Secret("rpc"), "0.1.0")->reveal());
  ASSERT_TRUE(target);
  EXPECT_EQ(target->port, 17373);
  EXPECT_EQ(target->key.reveal(), "rpc");
  for (const char* broken :
       {"", "[]", "{}", R"({"rpc_addr": "127.0.0.1:7373"})", R"({"rpc_addr": 1, "rpc_auth": "k"})",
        R"({"rpc_addr": "127.0.0.1:0", "rpc_auth": "k"})"})
    EXPECT_FALSE(rpc_target(broken)) << broken;
}

TEST(SerfAgent, AKeyringIsSerfsOwnFormat) {
  Keyring two;
  two.keys = {Secret(kKey), Secret(kOther)};
  auto text = keyring_text(two);
  EXPECT_EQ(text.reveal(), fmt::format("[\"{}\",\"{}\"]\n", kKey, kOther));
  auto back = parse_keyring(text.reveal());
  ASSERT_TRUE(back);
  ASSERT_EQ(back->keys.size(), 2U);
  EXPECT_EQ(back->keys[0].reveal(), kKey);
}

TEST(SerfAgent, WhatIsNoKeyringIsRefusedAndNotShown) {
  for (std::string broken :
       {"", "[]", "{}", "[1]", "[\"short\"]", "[\"cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhcX\"]",
        "cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc="}) {
    auto read = parse_keyring(broken);
    ASSERT_FALSE(read) << broken;
    EXPECT_THAT(read.error().for_people(), Not(HasSubstr("cruN96q05")));
  }
}

TEST(SerfAgent, RandomBytesBecomeAKeyThatSerfTakes) {
  Keyring one;
  one.keys = {key_from(std::string(32, '\xfb'))};
  EXPECT_EQ(one.keys[0].reveal(), "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=");
  EXPECT_TRUE(parse_keyring(keyring_text(one).reveal()));
}

TEST(SerfAgent, ThePlanIsTheSameOnEveryNodeAndKnowsNoSecret) {
  auto here = two_nodes();
  auto there = two_nodes();
  there.node = "beta";
  there.state_dir = "/srv/meshops";
  there.log_level = "debug";
  there.alerts.push_back({.name = "phone", .url = "https://example.org/secret"});
  EXPECT_EQ(plan_hash(here), plan_hash(there));
  EXPECT_EQ(plan_hash(here).size(), 12U);
  there.nodes[1].address = "10.0.0.3";
  EXPECT_NE(plan_hash(here), plan_hash(there));
}

TEST(SerfAgent, ItsUnitRunsWithoutRightsAndGetsTheKeyAsACredential) {
  auto unit = unit_text(places(two_nodes()), "/usr/bin/serf");
  EXPECT_THAT(unit, HasSubstr("User=_serf\n"));
  EXPECT_THAT(unit, HasSubstr("LoadCredential=serf.json:/var/lib/meshops/serf.json\n"));
  EXPECT_THAT(unit,
              HasSubstr("ExecStart=/usr/bin/serf agent -config-file=${CREDENTIALS_DIRECTORY}/serf.json\n"));
  EXPECT_THAT(unit, HasSubstr("ReadWritePaths=/var/lib/meshops-serf\n"));
  EXPECT_THAT(unit, HasSubstr("NoNewPrivileges=yes\n"));
}

}  // namespace
}  // namespace meshops::serf
