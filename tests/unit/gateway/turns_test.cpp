// What the gateway's own log says about its turns (lines as OpenClaw 2026.9 writes them), and what that makes
// of `works`.
#include "gateway/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/openclaw_log.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = TurnSign::Kind;

constexpr WallTime kNow{1'795'517'344'000ms};

std::optional<TurnSign> sign(std::string_view line) {
  return openclaw::turn_sign(journal::parse_log_line(line));
}
Kind kind_of(std::string_view line) {
  auto found = sign(line);
  EXPECT_TRUE(found) << line;
  return found ? found->kind : Kind::began;
}

TEST(OpenclawLog, AGoodTurnAndANewGenerationAreSeenInBothStyles) {
  EXPECT_EQ(kind_of("10:49:21 [agents/agent-command] [agent] run chatcmpl_50 ended with stopReason=stop"),
            Kind::succeeded);
  EXPECT_EQ(
      kind_of(R"({"time":"2026-11-24T10:49:11.853+00:00","level":"info","subsystem":"agents/agent-command",)"
              R"("message":"[agent] run chatcmpl_de ended with stopReason=stop"})"),
      Kind::succeeded);
  EXPECT_EQ(kind_of("10:48:15 [gateway] loading configuration…"), Kind::began);
}

TEST(OpenclawLog, AChainOfModelsThatCameToItsEndIsAFailedTurn) {
  auto words = sign(
      "10:49:21 [model-fallback/decision] model fallback decision: decision=candidate_failed requested=p/m "
      "candidate=p/m reason=auth next=none detail=401 Incorrect API key provided: sk-abcdefghij0123456789");
  ASSERT_TRUE(words);
  EXPECT_EQ(words->kind, Kind::failed);
  EXPECT_EQ(words->why, "401 Incorrect API key provided: (hidden)");
  auto fields = sign(
      R"({"event":"model_fallback_decision","decision":"candidate_failed","errorPreview":"429 slow down",)"
      R"("fallbackStepFinalOutcome":"chain_exhausted","time":"2026-11-24T10:49:12.463+00:00","level":"warn",)"
      R"("subsystem":"model-fallback/decision","message":"model fallback decision"})");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->kind, Kind::failed);
  EXPECT_EQ(fields->why, "429 slow down");
}

TEST(OpenclawLog, AStepToTheNextModelIsNoFailedTurn) {
  EXPECT_FALSE(
      sign("10:49:21 [model-fallback/decision] model fallback decision: decision=candidate_failed "
           "requested=p/m candidate=p/m reason=auth next=q/n detail=401"));
  EXPECT_FALSE(sign(R"({"decision":"candidate_failed","fallbackStepFinalOutcome":"next_fallback",)"
                    R"("subsystem":"model-fallback/decision","message":"model fallback decision"})"));
}

TEST(OpenclawLog, AStopThatRefusesTurnsAndTheModelsOwnWordsSayNothing) {
  EXPECT_FALSE(
      sign("10:49:21 [openai-compat] chat completion failed: GatewayDrainingError: Gateway is "
           "draining; new tasks are not accepted"));
  EXPECT_FALSE(sign("10:49:21 chat completion failed: said the model"));
  EXPECT_FALSE(sign("chat completion failed: said the model"));
  EXPECT_FALSE(sign("10:49:21 [agents/agent-command] [agent] run x ended with stopReason=aborted"));
}

TEST(OpenclawLog, AFullDiskIsTold) {
  auto full = sign("10:49:21 [openai-compat] chat completion failed: Error: database or disk is full");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->why, "Error: database or disk is full");
}

TEST(Turns, NothingSeenIsUnknown) {
  auto layer = Turns{}.works(kNow);
  EXPECT_EQ(layer.state, LayerState::unknown);
  EXPECT_EQ(layer.reason, "no turn seen since it started");
}

TEST(Turns, AGoodTurnWorksAndKeepsItsTime) {
  Turns turns;
  turns.saw({Kind::succeeded, ""}, kNow, 900ms);
  turns.saw({Kind::succeeded, ""}, kNow + 1min);
  auto layer = turns.works(kNow + 2min);
  EXPECT_EQ(layer.state, LayerState::ok);
  EXPECT_EQ(layer.since, kNow);
  EXPECT_EQ(layer.latency, Duration(900ms));
  EXPECT_THAT(layer.reason, IsEmpty());
}

TEST(Turns, OneFailureAmongSuccessesIsThatTurnsMatterTwoInARowAreTheGateways) {
  Turns turns;
  turns.saw({Kind::succeeded, ""}, kNow);
  turns.saw({Kind::failed, "context overflow"}, kNow + 1min);
  EXPECT_EQ(turns.works(kNow + 1min).state, LayerState::ok);
  turns.saw({Kind::failed, "429"}, kNow + 2min);
  auto layer = turns.works(kNow + 2min);
  EXPECT_EQ(layer.state, LayerState::failing);
  EXPECT_EQ(layer.since, kNow + 1min);
  EXPECT_EQ(layer.reason, "the last 2 turns failed: 429");
  turns.saw({Kind::succeeded, ""}, kNow + 3min);
  EXPECT_EQ(turns.works(kNow + 3min).state, LayerState::ok);
  EXPECT_EQ(turns.works(kNow + 3min).since, kNow + 3min);
}

TEST(Turns, TheFirstTurnThatFailsCountsAtOnce) {
  Turns turns;
  turns.saw({Kind::failed, "401"}, kNow);
  EXPECT_EQ(turns.works(kNow).reason, "its only turn failed: 401");
}

TEST(Turns, OneTurnThatIsToldTwiceIsOneTurn) {
  Turns turns;
  turns.saw({Kind::succeeded, ""}, kNow);
  turns.saw({Kind::failed, "401"}, kNow);
  turns.saw({Kind::failed_as_told, "401"}, kNow);
  EXPECT_EQ(turns.works(kNow).state, LayerState::ok);
  turns.saw({Kind::failed_as_told, "disk full"}, kNow);
  EXPECT_EQ(turns.works(kNow).state, LayerState::failing);
}

TEST(Turns, AFailureSpeaksForAWhileOnly) {
  Turns turns;
  turns.saw({Kind::failed, "401"}, kNow);
  auto layer = turns.works(kNow + 16min);
  EXPECT_EQ(layer.state, LayerState::unknown);
  EXPECT_THAT(layer.reason, HasSubstr("401"));
}

TEST(Turns, ANewGenerationBeginsWithNothing) {
  Turns turns;
  turns.saw({Kind::failed, "401"}, kNow);
  turns.saw({Kind::began, ""}, kNow);
  EXPECT_EQ(turns.works(kNow).state, LayerState::unknown);
}

}  // namespace
}  // namespace meshops
