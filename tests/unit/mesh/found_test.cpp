#include "mesh/found.h"

#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

ProbeReport::Gateway gateway(std::string state, std::string healing = "well", bool wanted = true) {
  return {.name = "main",
          .state = std::move(state),
          .summary = {},
          .live = false,
          .ready = false,
          .wanted = wanted,
          .healing = std::move(healing)};
}

TEST(FoundGateways, OneThatIsReadyOrOnItsWayIsWell) {
  for (const char* state : {"ready", "starting", "draining", "stopping", "unseen", "standing_by"})
    EXPECT_EQ(taken_together({gateway(state)}), Gateways::well) << state;
  EXPECT_EQ(taken_together({}), Gateways::well);
}

TEST(FoundGateways, OneThatIsDownIsIll) {
  for (const char* state : {"degraded", "suspect", "hung", "down", "backing_off", "parked"})
    EXPECT_EQ(taken_together({gateway("ready"), gateway(state, "looking")}), Gateways::ill) << state;
}

TEST(FoundGateways, OneThatAPersonStoppedOrPausedIsNobodysBusiness) {
  EXPECT_EQ(taken_together({gateway("down", "well", false)}), Gateways::well);
}

TEST(FoundGateways, OfOneThatPeopleKnowNothingMoreIsToBeDone) {
  EXPECT_EQ(taken_together({gateway("parked", "told")}), Gateways::given_up);
  EXPECT_EQ(taken_together({gateway("parked", "told"), gateway("down", "looking")}), Gateways::ill);
}

TEST(FoundGateways, WithoutAnAgentItCountsWhetherItAnswers) {
  auto seen = gateway("unwatched", "");
  EXPECT_EQ(taken_together({seen}), Gateways::ill);
  seen.ready = true;
  EXPECT_EQ(taken_together({seen}), Gateways::well);
  EXPECT_EQ(taken_together({gateway("unwatched", "well")}), Gateways::well)
      << "its agent cannot watch it, so nothing is known";
}

TEST(FoundOnAPatient, AnAgentThatAPersonStoppedIsNotRevived) {
  ProbeReport report{.agent = AgentState::stopped, .agent_said = {}, .gateways = {}, .paused = true};
  EXPECT_TRUE(found_in(report).agent_runs);
  EXPECT_TRUE(found_in(report).paused);
  report.agent = AgentState::hangs;
  EXPECT_FALSE(found_in(report).agent_runs);
}

TEST(FoundOnAPatient, ItHealsItselfWhileItsLadderIsAtWork) {
  ProbeReport report{.agent = AgentState::up, .agent_said = {}, .gateways = {gateway("parked", "treating")}};
  EXPECT_TRUE(found_in(report).heals_itself);
  report.gateways = {gateway("parked", "told")};
  EXPECT_FALSE(found_in(report).heals_itself);
  report.own_treatment = "main: fix_config";
  EXPECT_TRUE(found_in(report).heals_itself);
}

TEST(ProbeOfAnAnswer, NoAnswerIsToldFromNoSshAndFromARefusal) {
  auto no_ssh = probe_of(fail(error(RemoteCode::unreachable, "no route")));
  EXPECT_FALSE(no_ssh.ssh);
  auto no_meshops = probe_of(fail(error(RemoteCode::no_answer, "what answers is no meshops")));
  EXPECT_TRUE(no_meshops.ssh);
  EXPECT_FALSE(no_meshops.found);
  RemoteAnswer refused;
  refused.code = code_name(RemoteCode::cannot);
  EXPECT_FALSE(probe_of(refused).found) << "its mesh.toml is broken";
  for (auto code : {RemoteCode::unknown_healer, RemoteCode::bad_signature, RemoteCode::wrong_mesh}) {
    refused.code = code_name(code);
    ASSERT_TRUE(probe_of(refused).found) << refused.code;
    EXPECT_TRUE(probe_of(refused).found->agent_runs);
  }
}

TEST(ProbeOfAnAnswer, AReportIsWhatWasFound) {
  RemoteAnswer answer;
  answer.good = true;
  answer.result = to_json(ProbeReport{.agent = AgentState::dead, .agent_said = "gone", .gateways = {}});
  auto probe = probe_of(answer);
  ASSERT_TRUE(probe.found);
  EXPECT_FALSE(probe.found->agent_runs);
  answer.result = to_json(ProbeReport{.agent = AgentState::dead,
                                      .agent_said = "exit 1",
                                      .gateways = {},
                                      .paused = true,
                                      .by_fallback = true});
  EXPECT_EQ(probe_of(answer).paused, true) << "which is known even so";
  EXPECT_TRUE(probe_of(answer).ssh);
  EXPECT_FALSE(probe_of(answer).found) << "only the script answers: meshops is unusable there";
  answer.result = "{}";
  EXPECT_FALSE(probe_of(answer).found) << "no report";
}

}  // namespace
}  // namespace meshops::mesh
