#include "gateway/complaints.h"

#include <gtest/gtest.h>

#include "gateway/openclaw_log.h"

namespace meshops {

namespace {

using namespace std::chrono_literals;

const WallTime kNoon{std::chrono::milliseconds(1'782'555'000'000)};
const Complaint kClient{.about = "its clients", .enough = 3, .line = "token mismatch"};

std::optional<Complaint> read(std::string_view line) {
  return openclaw::complaint(journal::parse_log_line(line));
}

}  // namespace

TEST(Complaints, OneIsAHiccupWhereItTakesThree) {
  Complaints all;
  all.saw(kClient, kNoon);
  all.saw(kClient, kNoon + 1min);
  EXPECT_FALSE(all.serious(kNoon + 1min));
  all.saw(kClient, kNoon + 2min);
  EXPECT_EQ(all.serious(kNoon + 2min), "complains of its clients: token mismatch");
}

TEST(Complaints, ThoseThatComeSeldomAreNeverEnough) {
  Complaints all;
  for (int i = 0; i < 50; ++i) {
    all.saw(kClient, kNoon + i * 8min);
    EXPECT_FALSE(all.serious(kNoon + i * 8min)) << i;
  }
}

TEST(Complaints, GrowOld) {
  Complaints all;
  all.saw({.about = "a plugin", .line = "failed"}, kNoon);
  EXPECT_TRUE(all.serious(kNoon + Complaints::kWindow));
  EXPECT_FALSE(all.serious(kNoon + Complaints::kWindow + 1s));
}

TEST(Complaints, ANewStartSettlesAllButThoseOfStarts) {
  Complaints all;
  all.saw({.about = "a plugin", .line = "failed"}, kNoon);
  all.saw({.about = "its stops", .of_starts = true, .line = "killed"}, kNoon + 1s);
  all.started();
  EXPECT_EQ(all.serious(kNoon + 2s), "complains of its stops: killed");
  all.forget();
  EXPECT_FALSE(all.serious(kNoon + 2s));
}

TEST(Complaints, AreReadFromTheGatewaysLog) {
  auto plugin = read(
      R"({"time":"2026-06-27T10:15:02Z","level":"error","subsystem":"plugins","message":"[plugins] notes failed during load from /x/index.js: Error: no"})");
  ASSERT_TRUE(plugin);
  EXPECT_EQ(plugin->about, "a plugin");
  auto key = read(
      R"({"level":"warn","subsystem":"agent/embedded","message":"auth profile state","event":"auth_profile_failure_state_updated","provider":"openai","reason":"auth"})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->about, "a model's key");
  auto stop = read("openclaw-gateway.service: State 'stop-sigterm' timed out. Killing.");
  ASSERT_TRUE(stop);
  EXPECT_TRUE(stop->of_starts);
  auto bot = read(
      "2026-06-27T10:15:02.000Z [telegram] [default] channel exited: Call to 'getMe' failed! (401: "
      "Unauthorized)");
  ASSERT_TRUE(bot);
  EXPECT_EQ(bot->about, "a channel's login");
  auto limit = read(
      R"({"level":"warn","subsystem":"model-fallback/decision","message":"next","decision":"candidate_failed","reason":"rate_limit"})");
  ASSERT_TRUE(limit);
  EXPECT_GT(limit->enough, 1U);
}

TEST(Complaints, AreNotReadFromWhatIsWell) {
  for (
      const char* line : {
          "2026-06-27T10:15:02.000Z [plugins] memory-core loaded in 12 ms",
          "2026-06-27T10:15:02.000Z [telegram] [default] starting provider (@our_bot)",
          R"({"level":"info","subsystem":"model-fallback/decision","message":"ok","decision":"candidate_succeeded"})",
          "openclaw-gateway.service: Deactivated successfully.",
          "config hot reload applied (agents.defaults.model)",
      })
    EXPECT_FALSE(read(line)) << line;
}

}  // namespace meshops
