#include "cli/render_mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mesh/word_file.h"

namespace meshops::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Mesh three_nodes() {
  Mesh mesh;
  mesh.source = "/etc/meshops/mesh.toml";
  mesh.node = "alpha";
  mesh.nodes = {{.name = "alpha", .address = "10.0.0.1"},
                {.name = "beta", .address = "10.0.0.2", .ssh_port = 2222, .user = "ops"},
                {.name = "gamma", .address = "10.0.0.3", .user = "root"}};
  return mesh;
}
Roster seen() {
  std::vector<serf::Member> members = {{.name = "alpha",
                                        .address = "10.0.0.1",
                                        .port = 7946,
                                        .state = serf::MemberState::alive,
                                        .tags = {{"mesh", "home"}, {"version", "0.1.0"}, {"plan", "p"}}},
                                       {.name = "beta",
                                        .address = "10.0.0.9",
                                        .port = 7946,
                                        .state = serf::MemberState::failed,
                                        .tags = {{"mesh", "home"}, {"version", "0.1.0"}}}};
  return roster({}, three_nodes(), members, {});
}

TEST(RenderMesh, MembersAreATable) {
  EXPECT_EQ(render_members(seen()),
            "NODE   STATE       ADDRESS        VERSION\n"
            "alpha  alive       10.0.0.1:7946  0.1.0    this node\n"
            "beta   failed      10.0.0.9:7946  0.1.0    mesh.toml has it at 10.0.0.2\n"
            "gamma  never seen  -              -\n");
}

TEST(RenderMesh, MembersAsJsonHaveASchema) {
  auto json = nlohmann::json::parse(members_json(seen(), WallTime()));
  EXPECT_EQ(json["schema"], "meshops.members/1");
  EXPECT_EQ(json["at"], "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(json["alive"], 1);
  EXPECT_EQ(json["members"][1]["state"], "failed");
  EXPECT_EQ(json["members"][1]["remarks"], nlohmann::json({"mesh.toml has it at 10.0.0.2"}));
  EXPECT_EQ(json["members"][2]["state"], "never_seen");
  EXPECT_EQ(json["members"][2]["address"], nullptr);
}

Heartbeats some() {
  using namespace std::chrono_literals;
  return {
      {"alpha", {.took = 412us, .word = {.agent_age = 150ms, .gateways = mesh::Gateways::well}}},
      {"beta",
       {.took = 2ms,
        .word = {.agent_age = 12s, .gateways = mesh::Gateways::ill, .heals_itself = true, .paused = true}}}};
}

TEST(RenderMesh, AHeartbeatSaysHowFreshTheAgentIs) {
  EXPECT_EQ(
      render_members(seen(), some()),
      "NODE   STATE       ADDRESS        VERSION  HEARTBEAT\n"
      "alpha  alive       10.0.0.1:7946  0.1.0    0.4 ms, agent spoke 150 ms ago, gateways well"
      "                     this node\n"
      "beta   failed      10.0.0.9:7946  0.1.0    2.0 ms, agent spoke 12 s ago, gateways ill, heals itself, "
      "paused  mesh.toml has it at 10.0.0.2\n"
      "gamma  never seen  -              -        silent\n");
  auto never = some();
  never["alpha"].word = {.agent_age = mesh::kNeverSpoke};
  EXPECT_THAT(render_members(seen(), never), HasSubstr("0.4 ms, its agent has not spoken"));
  never["alpha"].word = {.agent_age = std::chrono::seconds(4), .agent_gone = true};
  EXPECT_THAT(render_members(seen(), never), HasSubstr("agent spoke 4 s ago and has ended"));
}

TEST(RenderMesh, AHeartbeatAsJsonTellsSilenceFromNotAsked) {
  auto json = nlohmann::json::parse(members_json(seen(), WallTime(), some()));
  EXPECT_EQ(json["members"][0]["heartbeat"],
            nlohmann::json::parse(R"({"answered": true, "took_ms": 0.412, "agent_age_s": 0.15,
                                      "agent_gone": false, "gateways": "well", "heals_itself": false, "paused": false})"));
  EXPECT_EQ(json["members"][2]["heartbeat"], nlohmann::json::parse(R"({"answered": false})"));
  auto never = some();
  never["beta"].word = {.agent_age = mesh::kNeverSpoke};
  json = nlohmann::json::parse(members_json(seen(), WallTime(), never));
  EXPECT_EQ(json["members"][1]["heartbeat"]["agent_age_s"], nullptr);
  EXPECT_EQ(json["members"][1]["heartbeat"]["answered"], true);
  json = nlohmann::json::parse(members_json(seen(), WallTime()));
  EXPECT_EQ(json["members"][0]["heartbeat"], nullptr);
}

TEST(RenderMesh, TheStepsForTheOthersGoOverSsh) {
  auto steps = next_steps(three_nodes(), "/var/lib/meshops-serf/keyring", true);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_THAT(
      steps[0].commands,
      ElementsAre("ssh -p 2222 ops@10.0.0.2 sudo install -D -m 644 /dev/stdin /etc/meshops/mesh.toml "
                  "</etc/meshops/mesh.toml",
                  "ssh -p 2222 ops@10.0.0.2 sudo install -D -m 600 /dev/stdin /var/lib/meshops-serf/keyring "
                  "</var/lib/meshops-serf/keyring",
                  "ssh -p 2222 ops@10.0.0.2 sudo meshops mesh join"));
  EXPECT_EQ(steps[1].commands.back(), "ssh root@10.0.0.3 meshops mesh join");
  auto shown = render_init(three_nodes(), true, true, steps);
  EXPECT_THAT(shown, HasSubstr("alpha is a member of mesh home; its mesh key is new\n"));
  EXPECT_THAT(shown, HasSubstr("serf.service, the unencrypted agent"));
  EXPECT_THAT(shown, HasSubstr("\ngamma\n  ssh root@10.0.0.3 install"));
  EXPECT_THAT(render_init(three_nodes(), false, false, {}), Not(HasSubstr("is new")));
}

TEST(RenderMesh, AFileThatSaysWhichNodeItIsForIsNotCopied) {
  EXPECT_TRUE(is_for_one_node("[mesh] # ours\nname = \"home\"\n node=\"alpha\"\n"));
  EXPECT_TRUE(is_for_one_node("mesh.node = \"alpha\"\n"));
  EXPECT_FALSE(is_for_one_node("[mesh]\n#node = \"alpha\"\n[[gateway]]\nnode = \"alpha\"\n"));
  auto steps = next_steps(three_nodes(), "/var/lib/meshops-serf/keyring", false);
  ASSERT_EQ(steps[1].commands.size(), 2U);
  EXPECT_THAT(steps[1].commands[0], HasSubstr("</var/lib/meshops-serf/keyring"));
  EXPECT_THAT(render_init(three_nodes(), true, false, steps), HasSubstr("says which node it is for"));
}

}  // namespace
}  // namespace meshops::cli
