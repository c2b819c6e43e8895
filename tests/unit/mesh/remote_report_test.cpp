// What verbs find, typed, there and back.
#include "mesh/remote_report.h"

#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;

TEST(RemoteReports, ComeBackAsTheyWere) {
  ProbeReport probe{.agent = AgentState::hangs,
                    .agent_said = "no answer within 4 s",
                    .gateways = {{.name = "main",
                                  .state = "ready",
                                  .summary = "ready",
                                  .live = true,
                                  .ready = true,
                                  .wanted = false,
                                  .healing = "well"}},
                    .lease_holder = "beta",
                    .lease_fence = 7,
                    .lease_left = 90s,
                    .own_treatment = "main: looks",
                    .observes_only = true,
                    .paused = true,
                    .by_fallback = true};
  auto back = parse_probe_report(to_json(probe));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*back, probe);
  for (auto outcome : {HealReport::Outcome::nothing, HealReport::Outcome::healed, HealReport::Outcome::told,
                       HealReport::Outcome::at_it}) {
    HealReport heal{.outcome = outcome, .said = "x", .by_agent = outcome == HealReport::Outcome::healed};
    EXPECT_EQ(*parse_heal_report(to_json(heal)), heal);
  }
  for (auto outcome : {DeedReport::Outcome::up, DeedReport::Outcome::back, DeedReport::Outcome::restored,
                       DeedReport::Outcome::done, DeedReport::Outcome::nothing}) {
    DeedReport deed{.outcome = outcome, .said = "x", .by_fallback = outcome == DeedReport::Outcome::done};
    EXPECT_EQ(*parse_deed_report(to_json(deed)), deed);
  }
  LeaseReport lease{
      .fence = 7,
      .left = 30s,
      .history = {{.patient = "alpha", .healer = "gamma", .number = 12, .age = 5min, .over = true}}};
  EXPECT_EQ(*parse_lease_report(to_json(lease), "alpha"), lease);
}

TEST(RemoteReports, OfALiarAreBounded) {
  EXPECT_FALSE(parse_probe_report("[]"));
  EXPECT_FALSE(parse_probe_report(R"({"agent":"splendid"})"));
  EXPECT_FALSE(parse_heal_report("{}"));
  EXPECT_FALSE(parse_deed_report("{}"));
  EXPECT_FALSE(parse_lease_report(R"({"fence":0})", "alpha"));
  std::string many = R"({"fence":1,"history":[1,{"healer":"no name"})";
  for (int i = 0; i < 1000; ++i) many += R"(,{"healer":"beta","age_ms":99999999999999999})";
  auto long_one = parse_lease_report(many + "]}", "alpha");
  ASSERT_TRUE(long_one);
  EXPECT_EQ(long_one->history.size(), TreatmentLog::kMost);
  EXPECT_LE(long_one->history[0].age, 24h);
  auto odd =
      parse_probe_report(R"({"agent":"up","gateways":[1,{"name":2}],"lease":{"left_ms":99999999999999999}})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->gateways.size(), 1U);
  EXPECT_LE(odd->lease_left, 24h);
}

}  // namespace
}  // namespace meshops::mesh
