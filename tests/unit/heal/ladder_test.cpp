// The ladder's promises: which remedy comes next, when it is kept or taken back, and the guards that hold for
// any sequence of events and any clock.
#include "heal/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

using namespace meshops;
using namespace meshops::heal;
using namespace std::chrono_literals;
using testing::HasSubstr;
using Act = Step::Act;
using State = Ladder::State;

namespace {

const Sight kRefused{.trouble = Trouble::refused};
constexpr Sight kStarting{.trouble = Trouble::refused, .starting = true};
constexpr Sight kTurnsFail{.trouble = Trouble::turns_fail};
constexpr Sight kComplains{.trouble = Trouble::complains};
constexpr Sight kWell{};

Option option(std::string cause, std::string remedy, double score = 0.9) {
  return {.cause = std::move(cause),
          .score = score,
          .remedy = std::move(remedy),
          .proves_within = {},
          .obstacle = {}};
}

/// A ladder, a clock and what was ordered last.
class LadderTest : public testing::Test {
 protected:
  Instant now{1h};
  Ladder ladder{Ladder::Rules{}};

  Step see(const Sight& sight, Duration later = 1s) {
    now = now + later;
    return ladder.see(now, sight);
  }
  Step diagnosed(const std::vector<Option>& options, const Sight& sight = kRefused) {
    std::vector<std::string> causes;
    for (const auto& o : options) causes.push_back(o.cause);
    return ladder.diagnosed(now, sight, options, causes);
  }
  /// As far as the treatment by the first option.
  void treat(const std::vector<Option>& options, const Sight& sight = kRefused) {
    ASSERT_EQ(see(sight).act, Act::look);
    ASSERT_EQ(diagnosed(options, sight).act, Act::treat);
    ladder.treated(now, Ladder::Done::well);
  }
};

TEST_F(LadderTest, ARefusalIsLookedAtTreatedAndKeptWhenTheGatewayIsWellForAWhile) {
  EXPECT_EQ(see(kRefused).act, Act::look);
  EXPECT_TRUE(ladder.holds_starts());
  auto step = diagnosed({option("config_schema_invalid", "remove_unknown_keys")});
  EXPECT_EQ(step.act, Act::treat);
  EXPECT_EQ(step.option, 0U);
  EXPECT_TRUE(ladder.holds_starts());
  ladder.treated(now, Ladder::Done::well);
  EXPECT_FALSE(ladder.holds_starts());
  EXPECT_EQ(see(kStarting, 20s).act, Act::none);
  EXPECT_EQ(see(kWell).act, Act::none) << "ready for a moment proves nothing";
  EXPECT_EQ(see(kWell, 29s).act, Act::none);
  EXPECT_EQ(see(kWell, 2s).act, Act::keep);
  EXPECT_EQ(ladder.state(), State::well);
}

TEST_F(LadderTest, ASlowStartIsWaitedForAndNotJudged) {
  treat({option("config_schema_invalid", "remove_unknown_keys")});
  for (int i = 0; i < 60; ++i) EXPECT_EQ(see(kStarting, 20s).act, Act::none);
}

TEST_F(LadderTest, WhatDidNotHelpIsTakenBackAndTheNextRemedyFollowsAfterAPause) {
  std::vector<Option> options = {option("config_schema_invalid", "remove_unknown_keys"),
                                 option("config_schema_invalid", "restore_last_good_config")};
  treat(options);
  see(kStarting, 10s);
  EXPECT_EQ(see(kRefused, 5s).act, Act::look) << "before it is taken back, it is looked at again";
  EXPECT_EQ(diagnosed(options).act, Act::undo);
  ladder.undone(now);
  EXPECT_EQ(see(kRefused, 10s).act, Act::none) << "a pause comes first";
  EXPECT_EQ(see(kRefused, 25s).act, Act::look);
  auto step = diagnosed(options);
  EXPECT_EQ(step.act, Act::treat);
  EXPECT_EQ(step.option, 1U) << "the same remedy is not tried twice";
}

TEST_F(LadderTest, OfTwoFaultsTheMendedOneStaysMended) {
  treat({option("config_schema_invalid", "remove_unknown_keys")});
  see(kStarting, 10s);
  EXPECT_EQ(see(kRefused, 5s).act, Act::look);
  auto step = diagnosed({option("file_permission", "correct_ownership")});
  EXPECT_EQ(step.act, Act::keep);
  EXPECT_THAT(step.why, HasSubstr("file_permission"));
  EXPECT_EQ(see(kRefused).act, Act::look) << "and the other one is next, without a pause";
}

TEST_F(LadderTest, WaitingIsNoTreatmentAndHasItsTime) {
  auto wait = option("provider_rate_limited", "wait_cooldown");
  wait.acts = false;
  wait.proves_within = 3min;
  EXPECT_EQ(see(kTurnsFail).act, Act::look);
  EXPECT_EQ(diagnosed({wait}, kTurnsFail).act, Act::treat);
  ladder.treated(now, Ladder::Done::well);
  EXPECT_EQ(see(kTurnsFail, 2min).act, Act::none);
  EXPECT_EQ(see(kTurnsFail, 61s).act, Act::look);
  EXPECT_EQ(diagnosed({wait, option("provider_rate_limited", "swap_primary_model")}, kTurnsFail).act,
            Act::treat);
}

TEST_F(LadderTest, WhenNoRemedyIsLeftPeopleAreToldOnceAndAgainWhenItIsOver) {
  treat({option("disk_full", "clean_caches")});
  EXPECT_EQ(see(kRefused, 5s).act, Act::look);
  EXPECT_EQ(diagnosed({option("disk_full", "clean_caches")}).act, Act::undo);
  ladder.undone(now);
  EXPECT_EQ(see(kRefused, 31s).act, Act::look);
  EXPECT_EQ(diagnosed({option("disk_full", "clean_caches")}).act, Act::tell);
  for (int i = 0; i < 50; ++i) {
    if (see(kRefused, 1min).act != Act::look) continue;
    EXPECT_EQ(diagnosed({option("disk_full", "clean_caches")}).act, Act::none);
  }
  EXPECT_FALSE(ladder.holds_starts()) << "supervision goes on with its own, slow retries";
  see(kWell);
  EXPECT_EQ(see(kWell, 31s).act, Act::recover);
}

TEST_F(LadderTest, AnObstacleIsWhatPeopleAreTold) {
  see(kRefused);
  auto held = option("port_conflict", "name_port_owner");
  held.obstacle = "pid 811 nginx holds the port";
  auto step = diagnosed({held});
  EXPECT_EQ(step.act, Act::tell);
  EXPECT_THAT(step.why, HasSubstr("nginx"));
}

/// Of a cause that only people can mend now.
std::vector<Option> held_options() {
  auto gentle = option("config_schema_invalid", "remove_unknown_keys");
  gentle.rung = 2;
  gentle.obstacle = "it is not JSON5";
  auto bold = option("config_schema_invalid", "restore_last_good_config");
  bold.rung = 6;
  bold.obstacle = "no good copy is left";
  auto beside = option("config_schema_invalid", "set_the_rest_aside");
  beside.rung = 6;
  beside.obstacle = "another of the same rung";
  auto lesser = option("disk_full", "prune_containers", 0.6);
  lesser.rung = 7;
  lesser.obstacle = "no engine runs";
  return {gentle, bold, beside, lesser};
}

TEST_F(LadderTest, PeopleAreToldOfTheBoldestRemedyOfTheLikeliestCause) {
  see(kRefused);
  EXPECT_EQ(diagnosed(held_options()).why,
            "restore_last_good_config cannot be applied: no good copy is left");
}

TEST_F(LadderTest, WhatOnlyLacksTheirConsentIsWhatTheyAreToldOf) {
  auto options = held_options();
  options[0].lacks = Option::Lacks::consent;
  options[0].obstacle = "it would help to remove bogusKey, which needs your consent";
  see(kRefused);
  EXPECT_EQ(
      diagnosed(options).why,
      "remove_unknown_keys cannot be applied: it would help to remove bogusKey, which needs your consent");
}

TEST_F(LadderTest, WhatAPersonCanDoIsToldBesideWhatAMachineCannot) {
  auto held = option("port_conflict", "name_port_owner");
  held.obstacle = "pid 811 nginx holds the port";
  auto person = option("port_conflict", "move_port");
  person.rung = 9;
  person.obstacle = "for a person: give one of them another port";
  person.lacks = Option::Lacks::hands;
  see(kRefused);
  EXPECT_EQ(
      diagnosed({held, person}).why,
      "name_port_owner cannot be applied: pid 811 nginx holds the port; move_port: for a person: give one "
      "of them another port");
}

TEST_F(LadderTest, PeopleAreToldWhatWasTriedBefore) {
  auto options = held_options();
  options[0].obstacle.clear();
  treat(options);
  see(kRefused, 5s);
  ASSERT_EQ(diagnosed(options).act, Act::undo);
  ladder.undone(now);
  see(kRefused, 31s);
  EXPECT_EQ(
      diagnosed(options).why,
      "remove_unknown_keys was tried already; restore_last_good_config cannot be applied: no good copy is "
      "left");
}

TEST_F(LadderTest, OfEachRemedyItSaysWhyItIsNotTheOne) {
  auto options = held_options();
  options[1].obstacle.clear();
  options[2].obstacle.clear();
  options.push_back(option("clock_skew", "sync_clock", 0.1));
  see(kRefused);
  EXPECT_THAT(ladder.why_not(now, kRefused, options),
              testing::ElementsAre("it is not JSON5", "", "restore_last_good_config comes first",
                                   "no engine runs", HasSubstr("not sure enough")));
  ladder.pause(true);
  EXPECT_THAT(ladder.why_not(now, kRefused, options)[1], HasSubstr("paused"));
}

TEST_F(LadderTest, AGuardIsTheReasonForAllThatAct) {
  ladder = Ladder({.profile = Profile::observe_only});
  see(kRefused);
  auto why = ladder.why_not(now, kRefused, {option("disk_full", "clean_caches"), option("disk_full", "x")});
  EXPECT_THAT(why, testing::Each(HasSubstr("observe-only: would try clean_caches")));
}

TEST_F(LadderTest, WaitingForALesserCauseDoesNotKeepPeopleWaiting) {
  see(kTurnsFail);
  auto full = option("disk_full", "clean_caches");
  full.obstacle = "it is all user data";
  auto wait = option("cpu_starvation", "wait_out_load", 0.5);
  wait.acts = false;
  wait.proves_within = 20min;
  EXPECT_EQ(diagnosed({full, wait}, kTurnsFail).act, Act::tell);
}

TEST_F(LadderTest, WhatWorksIsNotRestartedForAPartOfIt) {
  see(kComplains);
  auto restart = option("plugin_failure", "quarantine_plugin");
  restart.disturbs = true;
  auto step = diagnosed({restart}, kComplains);
  EXPECT_EQ(step.act, Act::tell);
  EXPECT_THAT(step.why, HasSubstr("would restart"));
}

TEST_F(LadderTest, AComplaintThatNothingBearsOutWakesNobody) {
  see(kComplains);
  EXPECT_EQ(diagnosed({}, kComplains).act, Act::none);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(see(kComplains, 1min).act, Act::none);
}

TEST_F(LadderTest, AfterAComplaintAGatewayThatIsDownDoesNotWait) {
  see(kComplains);
  ASSERT_EQ(diagnosed({}, kComplains).act, Act::none);
  EXPECT_EQ(see(kRefused).act, Act::look);
}

TEST_F(LadderTest, WhatIsFarBehindTheLikeliestCauseIsNotActedOn) {
  see(kRefused);
  auto person = option("version_skew", "install_newer", 0.94);
  person.obstacle = "for a person";
  EXPECT_EQ(diagnosed({person, option("config_startup_guard", "restore_last_good_config", 0.3)}).act,
            Act::tell);
}

TEST_F(LadderTest, UnclearCausesAreNotActedOn) {
  see(kRefused);
  auto step = diagnosed({option("process_hang", "drained_restart", 0.2)});
  EXPECT_EQ(step.act, Act::tell);
  EXPECT_EQ(step.why, "no cause is sure enough to act on; the likeliest is process_hang (20 %)");
}

// Starved while it is looked at, it seems to need patience only; its next ends say what it really has.
TEST_F(LadderTest, OneThatStaysDownIsLookedAtAgainAndPeopleAreToldOnce) {
  auto wait = option("cpu_starvation", "wait_out_load");
  wait.acts = false;
  wait.obstacle = "there is no load any more";
  ASSERT_EQ(see(kRefused).act, Act::look);
  ASSERT_EQ(diagnosed({wait}).act, Act::tell);
  EXPECT_EQ(see(kRefused, 119s).act, Act::none);
  EXPECT_EQ(see(kRefused, 1s).act, Act::look);
  EXPECT_EQ(diagnosed({wait}).act, Act::none) << "that is no news";
  EXPECT_EQ(ladder.state(), State::told);
  EXPECT_EQ(see(kRefused, 239s).act, Act::none);
  EXPECT_EQ(see(kRefused, 1s).act, Act::look);
  EXPECT_EQ(diagnosed({option("config_schema_invalid", "remove_unknown_keys"), wait}).act, Act::treat);
  ladder.treated(now, Ladder::Done::well);
  EXPECT_EQ(see(kWell).act, Act::none);
  EXPECT_EQ(see(kWell, 30s).act, Act::keep);
}

TEST_F(LadderTest, OneThatStaysDownIsLookedAtOnceAnHourInTheEnd) {
  auto person = option("auth_invalid", "give_a_new_key");
  person.obstacle = "for a person";
  unsigned looks = 0, told = 0;
  for (int minute = 0; minute < 12 * 60; ++minute) {
    if (see(kRefused, 1min).act != Act::look) continue;
    ++looks;
    if (diagnosed({person}).act == Act::tell) ++told;
  }
  EXPECT_EQ(told, 1U);
  EXPECT_EQ(looks, 1U + 5 + 10);  // at once, after 2, 4, 8, 16 and 32 minutes, then each hour
}

TEST_F(LadderTest, AStoppedGatewayIsNobodysPatient) {
  EXPECT_EQ(see({.trouble = Trouble::refused, .wanted = false}).act, Act::none);
  treat({option("disk_full", "clean_caches")});
  EXPECT_EQ(see({.trouble = Trouble::refused, .wanted = false}).act, Act::close);
  EXPECT_EQ(ladder.state(), State::well);
}

TEST_F(LadderTest, APausedGatewayIsNotTouched) {
  ladder.pause(true);
  EXPECT_EQ(see(kRefused).act, Act::none);
  ladder.pause(false);
  EXPECT_EQ(see(kRefused).act, Act::look);
  ladder.pause(true);  // while it was looked at
  EXPECT_EQ(diagnosed({option("disk_full", "clean_caches")}).act, Act::none);
  EXPECT_EQ(see(kRefused, 1h).act, Act::none);
}

TEST_F(LadderTest, ObserveOnlySaysWhatItWouldDo) {
  ladder = Ladder({.profile = Profile::observe_only});
  see(kRefused);
  auto step = diagnosed({option("disk_full", "clean_caches")});
  EXPECT_EQ(step.act, Act::tell);
  EXPECT_THAT(step.why, HasSubstr("observe-only: would try clean_caches"));
}

TEST_F(LadderTest, ARestartWaitsUntilAWarmUpIsOver) {
  see(kTurnsFail);
  auto restart = option("process_hang", "drained_restart");
  restart.disturbs = true;
  EXPECT_EQ(diagnosed({restart}, {.trouble = Trouble::turns_fail, .starting = true}).act, Act::none);
  EXPECT_EQ(see(kTurnsFail, 31s).act, Act::look);
  EXPECT_EQ(diagnosed({restart}, kTurnsFail).act, Act::treat);
}

TEST_F(LadderTest, WhenSomebodyElseChangedThingsNothingIsSpent) {
  ASSERT_EQ(see(kRefused).act, Act::look);
  ASSERT_EQ(diagnosed({option("config_schema_invalid", "remove_unknown_keys")}).act, Act::treat);
  ladder.treated(now, Ladder::Done::clashed);
  EXPECT_EQ(see(kRefused, 16s).act, Act::look);
  EXPECT_EQ(diagnosed({option("config_schema_invalid", "remove_unknown_keys")}).act, Act::treat);
}

TEST_F(LadderTest, TheFourthRemedyWithinAnHourIsForPeople) {
  std::vector<Option> options;
  for (auto name : {"a", "b", "c", "d"}) options.push_back(option("cause", name));
  for (int i = 0; i < 3; ++i) {
    auto sight = see(kRefused, 2min);
    ASSERT_EQ(sight.act, Act::look) << i;
    ASSERT_EQ(diagnosed(options).act, Act::treat) << i;
    ladder.treated(now, Ladder::Done::failed);
  }
  EXPECT_EQ(see(kRefused, 5min).act, Act::look);
  auto step = diagnosed(options);
  EXPECT_EQ(step.act, Act::tell);
  EXPECT_THAT(step.why, HasSubstr("d would be next"));
}

TEST_F(LadderTest, ItRemembersWhatTheAgentBeforeItDid) {
  for (auto name : {"a", "b", "c"}) ladder.remember_treatment(now - 10min, "cause", name);
  see(kRefused);
  EXPECT_EQ(diagnosed({option("cause", "a"), option("cause", "d")}).act, Act::tell);
  EXPECT_EQ(ladder.state(), State::told);
}

TEST_F(LadderTest, ATreatmentThatTheAgentBeforeItDidStillHasToProveItself) {
  ladder.resume_proving(now, option("cause", "a"));
  EXPECT_EQ(see(kStarting).act, Act::none);
  EXPECT_EQ(see(kRefused).act, Act::look);
  EXPECT_EQ(diagnosed({option("cause", "a")}).act, Act::undo);
}

TEST_F(LadderTest, AfterALongGoodTimeEveryRemedyIsFreshAgain) {
  treat({option("cause", "a")});
  see(kWell);
  EXPECT_EQ(see(kWell, 31s).act, Act::keep);
  see(kWell, 10min);
  EXPECT_EQ(see(kRefused).act, Act::look);
  EXPECT_EQ(diagnosed({option("cause", "a")}).act, Act::treat);
}

TEST_F(LadderTest, APersonMayAskForAllRemediesAgain) {
  treat({option("cause", "a")});
  see(kRefused);
  diagnosed({option("cause", "a")});
  ladder.undone(now);
  EXPECT_EQ(ladder.person_asks(kRefused).act, Act::look);
  EXPECT_EQ(diagnosed({option("cause", "a")}).act, Act::treat);
}

// ---- guards, for any sequence of events and any clock

RC_GTEST_PROP(LadderProperty, TheGuardsHoldForAnySequenceOfEvents, ()) {
  auto profile = *rc::gen::element(Profile::normal, Profile::cautious, Profile::observe_only);
  Ladder::Rules rules{.profile = profile};
  Ladder ladder(rules);
  Instant now{1h};
  Sight sight;
  bool paused = false, look_out = false, treating = false, undoing = false;
  std::optional<Option> open;  // an acting treatment that was carried out and has no verdict yet
  Option chosen;
  std::vector<Instant> acted;
  std::set<std::pair<std::string, std::string>> since_well;
  std::optional<Instant> well_since;

  auto obey = [&](const Step& step, const std::vector<Option>* options) {
    switch (step.act) {
      case Act::none:
      case Act::tell:
      case Act::recover:
        break;
      case Act::look:
        RC_ASSERT(!look_out && !treating && !undoing);
        RC_ASSERT(sight.wanted);
        look_out = true;
        break;
      case Act::treat: {
        RC_ASSERT(options != nullptr && step.option < options->size());
        chosen = (*options)[step.option];
        RC_ASSERT(!open.has_value());
        RC_ASSERT(!paused);
        RC_ASSERT(sight.wanted);
        RC_ASSERT(chosen.obstacle.empty());
        RC_ASSERT(chosen.score >= rules.least_score);
        for (const auto& other : *options) RC_ASSERT(chosen.score >= other.score * 0.5);
        RC_ASSERT(!(chosen.disturbs && sight.starting));
        RC_ASSERT(!(chosen.disturbs && sight.trouble == Trouble::complains));
        RC_ASSERT(!(chosen.acts && profile == Profile::observe_only));
        RC_ASSERT(!since_well.contains({chosen.cause, chosen.remedy}));
        since_well.emplace(chosen.cause, chosen.remedy);
        if (chosen.acts) {
          acted.push_back(now);
          auto lately = std::ranges::count_if(acted, [&](Instant at) { return now - at < 1h; });
          RC_ASSERT(lately <= rules.per_hour);
        }
        treating = true;
        break;
      }
      case Act::undo:
        RC_ASSERT(open.has_value());
        undoing = true;
        break;
      case Act::keep:
      case Act::close:
        RC_ASSERT(open.has_value());
        open.reset();
        break;
    }
  };

  auto steps = *rc::gen::inRange(1, 400);
  for (int i = 0; i < steps; ++i) {
    // What is owed is mostly answered: or the ladder would stand still in most runs.
    int owed = look_out ? 5 : treating ? 6 : undoing ? 7 : 3;
    switch (*rc::gen::weightedElement<int>({{4, 0}, {2, 1}, {3, 3}, {8, owed}, {1, 8}})) {
      case 0:
        now = now + std::chrono::seconds(*rc::gen::weightedElement<int>(
                        {{6, 31}, {3, 1}, {3, 90}, {1, 16}, {1, 0}, {1, 700}, {1, 4000}}));
        break;
      case 1: {
        sight.trouble = *rc::gen::element(Trouble::none, Trouble::none, Trouble::none, Trouble::refused,
                                          Trouble::refused, Trouble::turns_fail, Trouble::complains);
        sight.starting = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
        sight.wanted = *rc::gen::weightedElement<bool>({{19, true}, {1, false}});
        break;
      }
      case 3: {
        // As the healer: nothing is seen while an answer is owed.
        if (look_out || treating || undoing) break;
        bool well = sight.trouble == Trouble::none && sight.wanted && !sight.starting;
        if (!well)
          well_since.reset();
        else if (!well_since)
          well_since = now;
        if (well_since && now - *well_since >= rules.forget_after) since_well.clear();
        obey(ladder.see(now, sight), nullptr);
        if (!sight.wanted) open.reset();
        break;
      }
      case 5:
        if (look_out) {
          look_out = false;
          if (*rc::gen::weightedElement<bool>({{1, true}, {9, false}})) {
            obey(ladder.look_failed(now, "broken"), nullptr);
            break;
          }
          std::vector<Option> options;
          std::vector<std::string> causes;
          auto n = *rc::gen::inRange(0, 6);
          for (int k = 0; k < n; ++k) {
            options.push_back({.cause = *rc::gen::element<std::string>("p", "q"),
                               .score = *rc::gen::element(0.1, 0.5, 0.9),
                               .remedy = *rc::gen::element<std::string>("a", "b", "c", "d", "e", "f"),
                               .acts = *rc::gen::weightedElement<bool>({{4, true}, {1, false}}),
                               .disturbs = *rc::gen::arbitrary<bool>(),
                               .proves_within = std::chrono::seconds(*rc::gen::element(0, 0, 60)),
                               .obstacle = *rc::gen::weightedElement<std::string>({{5, ""}, {1, "no"}})});
            causes.push_back(options.back().cause);
          }
          auto why_not = ladder.why_not(now, sight, options);
          auto step = ladder.diagnosed(now, sight, options, causes);
          obey(step, &options);
          // What it says of each is what it does.
          auto free = std::ranges::find(why_not, "");
          if (step.act == Act::treat)
            RC_ASSERT(free - why_not.begin() == static_cast<std::ptrdiff_t>(step.option));
          if (step.act == Act::tell) RC_ASSERT(free == why_not.end());
        }
        break;
      case 6:
        if (treating) {
          treating = false;
          auto done = *rc::gen::element(Ladder::Done::well, Ladder::Done::well, Ladder::Done::failed,
                                        Ladder::Done::clashed);
          if (done == Ladder::Done::well && chosen.acts) open = chosen;
          if (done == Ladder::Done::clashed) {
            since_well.erase({chosen.cause, chosen.remedy});
            if (chosen.acts) acted.pop_back();
          }
          obey(ladder.treated(now, done), nullptr);
        }
        break;
      case 7:
        if (undoing) {
          undoing = false;
          open.reset();
          obey(ladder.undone(now), nullptr);
        }
        break;
      case 8:
        if (paused || *rc::gen::weightedElement<bool>({{1, true}, {3, false}})) {
          paused = !paused;
          ladder.pause(paused);
        } else if (!look_out && !treating && !undoing && !open) {
          auto step = ladder.person_asks(sight);
          since_well.clear();
          obey(step, nullptr);
        }
        break;
    }
    RC_ASSERT(ladder.holds_starts() == (look_out || treating || undoing));
  }
}

}  // namespace
