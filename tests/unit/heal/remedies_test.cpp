// Plays every scenario of every remedy, and holds what all of them promise.
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "heal/config_mend.h"
#include "patient.h"

namespace meshops::heal {
namespace {

using diagnose::By;

/// These two only say something: they never have a step.
const std::set<std::string_view> kOnlySay = {"name_denied_rule", "name_blocked_path"};

By who(std::string_view id) {
  for (const auto& cause : diagnose::catalogue())
    for (const auto& remedy : cause.remedies)
      if (remedy.id == id) return remedy.by;
  ADD_FAILURE() << id << " stands in no cause";
  return By::person;
}

Case arranged(const Fits& scenario) {
  Case c;
  scenario.arrange(c);
  c.patient.consent.insert(std::string(scenario.id));
  return c;
}

TEST(Remedies, PlanExactlyTheStepsThatMend) {
  for (const auto& scenario : fitting()) {
    SCOPED_TRACE(fmt::format("{}: {}", scenario.id, scenario.claim));
    auto c = arranged(scenario);
    auto treatment = c.plan(scenario.id);
    ASSERT_TRUE(treatment) << treatment.error().text();
    std::vector<std::string> steps;
    std::vector<std::pair<std::string, std::string>> writes;
    for (const auto& action : treatment->actions) {
      steps.push_back(describe(action));
      if (const auto* write = std::get_if<WriteFile>(&action))
        writes.emplace_back(write->path.string(), write->after ? write->after->bytes : "");
    }
    EXPECT_EQ(steps, scenario.steps);
    EXPECT_EQ(writes, scenario.writes);
    EXPECT_EQ(treatment->then, scenario.then);
    EXPECT_EQ(treatment->remedy, scenario.id);
    EXPECT_FALSE(treatment->sentence.empty());
    EXPECT_EQ(treatment->then == Treatment::Then::watch, treatment->proves_within > Duration{})
        << "a watch needs a limit, and nothing else has one";
  }
}

TEST(Remedies, AreNotTriedWhereTheyDoNotFit) {
  for (const auto& scenario : missing()) {
    SCOPED_TRACE(fmt::format("{}: {}", scenario.id, scenario.claim));
    Case c;
    scenario.arrange(c);
    c.patient.consent.insert(std::string(scenario.id));
    auto treatment = c.plan(scenario.id);
    ASSERT_FALSE(treatment) << treatment->sentence;
    EXPECT_EQ(treatment.error().code(), "heal.not_applicable") << treatment.error().text();
    EXPECT_NE(treatment.error().text().find(scenario.why), std::string::npos) << treatment.error().text();
  }
}

TEST(Remedies, EachHasAScenarioWhereItFitsAndOneWhereItMustNot) {
  std::set<std::string_view> fits;
  std::set<std::string_view> misses;
  for (const auto& scenario : fitting()) fits.insert(scenario.id);
  for (const auto& scenario : missing()) misses.insert(scenario.id);
  for (const auto& remedy : remedies()) {
    EXPECT_TRUE(fits.contains(remedy.id) || kOnlySay.contains(remedy.id)) << remedy.id;
    EXPECT_TRUE(misses.contains(remedy.id)) << remedy.id;
  }
  for (auto id : fits) EXPECT_NE(find_remedy(id), nullptr) << id;
}

TEST(Remedies, WhatNeedsConsentIsHeldBackWithTheLineThatAllowsIt) {
  std::size_t held = 0;
  for (const auto& scenario : fitting()) {
    if (who(scenario.id) == By::machine) continue;
    auto c = arranged(scenario);
    c.patient.consent.clear();
    auto treatment = c.plan(scenario.id);
    ASSERT_FALSE(treatment) << scenario.id;
    EXPECT_EQ(treatment.error().code(), "heal.not_allowed") << scenario.id;
    EXPECT_EQ(treatment.error().hint_text(),
              fmt::format("allow it in mesh.toml: [heal] consent = [\"{}\"]", scenario.id));
    ++held;
  }
  EXPECT_GT(held, 10U);
}

TEST(Remedies, ChangeNothingWhileTheyPlanAndKnowWhatIsThere) {
  for (const auto& scenario : fitting()) {
    SCOPED_TRACE(fmt::format("{}: {}", scenario.id, scenario.claim));
    auto c = arranged(scenario);
    auto treatment = c.plan(scenario.id);
    ASSERT_TRUE(treatment);
    EXPECT_TRUE(c.host.writes.empty());
    for (const auto& action : treatment->actions) {
      if (const auto* move = std::get_if<MoveFile>(&action)) c.host.files.erase(move->from.string());
      if (const auto* write = std::get_if<WriteFile>(&action)) {
        auto there = c.host.files.find(write->path.string());
        ASSERT_EQ(write->before.has_value(), there != c.host.files.end());
        if (!write->before) continue;
        EXPECT_EQ(write->before->bytes, there->second.bytes);
        EXPECT_EQ(write->before->access.uid, there->second.info.uid);
        ASSERT_TRUE(write->after);
        EXPECT_EQ(write->after->access, write->before->access) << "owner and mode stay";
      }
      if (const auto* access = std::get_if<SetAccess>(&action)) {
        const auto& there = c.host.files.at(access->path.string()).info;
        EXPECT_EQ(access->before, (Access{there.mode, there.uid, there.gid}));
      }
      const auto* removal = std::get_if<RemoveFiles>(&action);
      if (removal == nullptr) continue;
      for (const auto& file : removal->files)
        EXPECT_EQ(file.bytes, c.host.files.at(file.path.string()).info.size) << file.path;
    }
  }
}

/// T1: a configuration without meta or gateway.mode, or half as large, would be put back by the gateway.
TEST(Remedies, EveryConfigurationTheyWriteSurvivesTheGatewaysStart) {
  std::size_t written = 0;
  for (const auto& scenario : fitting()) {
    auto c = arranged(scenario);
    c.last_good(c.host.files.contains(std::string(kConfig) + ".last-good")
                    ? c.host.files[std::string(kConfig) + ".last-good"].bytes
                    : std::string(kGoodConfig));
    auto treatment = c.plan(scenario.id);
    if (!treatment) continue;  // it would not survive, and was not planned
    for (const auto& action : treatment->actions)
      if (const auto* write = std::get_if<WriteFile>(&action); write != nullptr && write->path == kConfig) {
        EXPECT_TRUE(
            survives_start(c.host.files[std::string(kConfig) + ".last-good"].bytes, write->after->bytes))
            << scenario.id << ": " << scenario.claim;
        ++written;
      }
  }
  EXPECT_GT(written, 8U);
}

TEST(Remedies, WriteNoSecretIntoTheLedger) {
  for (const auto& scenario : fitting()) {
    auto c = arranged(scenario);
    auto treatment = c.plan(scenario.id);
    ASSERT_TRUE(treatment);
    std::string told = treatment->sentence;
    for (const auto& action : treatment->actions) {
      told += describe(action);
      auto json = to_json(action, [](const std::string&) { return Result<std::string>("name"); });
      ASSERT_TRUE(json);
      told += *json;
    }
    EXPECT_EQ(told.find("hush-hush"), std::string::npos) << scenario.id << ": " << told;
  }
}

TEST(Remedies, EveryCauseHasOnlyRemediesThatAreKnownOrAPersonsOwn) {
  for (const auto& cause : diagnose::catalogue())
    for (const auto& remedy : cause.remedies)
      EXPECT_EQ(find_remedy(remedy.id) != nullptr, remedy.by != By::person)
          << cause.id << " names " << remedy.id;
  for (const auto& remedy : remedies()) EXPECT_NE(who(remedy.id), By::person) << remedy.id;
}

TEST(Remedies, StandOnTheRungsOfTheLadderGentlestFirst) {
  unsigned last = 0;
  for (const auto& remedy : remedies()) {
    EXPECT_GE(remedy.rung, last) << remedy.id;
    EXPECT_LT(remedy.rung, kRungs);
    last = remedy.rung;
    EXPECT_EQ(rung(remedy.id), remedy.rung);
  }
  EXPECT_EQ(rung("wait_out"), 0U);
  EXPECT_LT(rung("remove_unknown_keys"), rung("drained_restart"));
  EXPECT_LT(rung("drained_restart"), rung("restore_last_good_config"));
  EXPECT_EQ(rung("supply_secret"), kRungs) << "a person's";
  EXPECT_EQ(find_remedy("supply_secret"), nullptr);
}

TEST(Remedies, AProductWithoutFilesOfItsOwnIsOnlyStartedAndStopped) {
  for (const auto& remedy : remedies()) {
    Case c;
    c.patient.spec.kind = GatewayKind::http;
    c.patient.spec.runtime = RuntimeKind::process;
    c.patient.identity = {.port = 80};
    c.patient.consent.insert(std::string(remedy.id));
    auto treatment = c.plan(remedy.id);
    if (!treatment) continue;
    for (const auto& action : treatment->actions)
      EXPECT_FALSE(std::holds_alternative<WriteFile>(action) &&
                   std::get<WriteFile>(action).path.string().starts_with("/home"))
          << remedy.id;
  }
}

TEST(Remedies, ThePageIsWhatTheCodeSays) {
  auto page = read_file(MESHOPS_SOURCE_DIR "/docs/remedies.md");
  ASSERT_TRUE(page);
  EXPECT_EQ(*page, remedies_markdown()) << "write it anew: meshops explain --remedies > docs/remedies.md";
}

}  // namespace
}  // namespace meshops::heal
