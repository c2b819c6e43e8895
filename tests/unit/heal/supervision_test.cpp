#include "heal/supervision.h"

#include <gtest/gtest.h>

#include <csignal>

namespace meshops {
namespace {

using namespace std::chrono_literals;
using Act = Decision::Act;

/// One gateway's story, told in seconds.
class Story {
 public:
  explicit Story(Limits limits = {}, Memory memory = {}) : s({.limits = limits}, memory) {}

  Story& at(Duration t) {
    now = Instant{} + t;
    return *this;
  }
  Decision starts() { return s.process_started(now); }
  Decision dies(Exit exit = {.code = {}, .signal = SIGKILL}, bool puzzling = false) {
    return s.process_ended(now, exit, puzzling, "");
  }
  Decision sees(Layer up_to, bool failing_above = true, Duration cpu = {}) {
    Look look{.running = true, .cpu = cpu};
    for (auto layer : kLayers) {
      auto& h = look.health[layer];
      h.state = layer <= up_to ? LayerState::ok : LayerState::unknown;
      if (failing_above && layer > up_to && static_cast<int>(layer) == static_cast<int>(up_to) + 1) {
        h.state = LayerState::failing;
        h.reason = "not yet";
      }
    }
    return s.looked(now, look);
  }
  Decision sees_ready() { return sees(Layer::ready, false); }
  Decision sees_silence(Duration cpu = {}) { return sees(Layer::port, true, cpu); }
  Decision sees_frozen() {
    Look look{.running = true, .frozen = true};
    look.health[Layer::process] = {.state = LayerState::failing, .reason = "stopped (state T)"};
    return s.looked(now, look);
  }
  Decision sees_draining() {
    Look look{.running = true};
    look.health.draining = true;
    for (auto l : {Layer::process, Layer::port, Layer::live, Layer::loop})
      look.health[l].state = LayerState::ok;
    look.health[Layer::started] = {.state = LayerState::failing, .reason = "draining"};
    return s.looked(now, look);
  }
  Decision ticks() { return s.tick(now); }
  /// Ready since `t`.
  Story& ready_at(Duration t) {
    at(t - 10s).starts();
    at(t).sees_ready();
    return *this;
  }

  Supervision s;
  Instant now;
};

TEST(Supervision, FirstRestartIsOrderedTheMomentItDies) {
  Story g;
  g.ready_at(20s);
  auto d = g.at(100s).dies();
  EXPECT_EQ(d.act, Act::start);
  EXPECT_EQ(d.why, "killed by SIGKILL");
  EXPECT_EQ(g.s.memory().restarts, 1U);
}

TEST(Supervision, CrashLoopBacksOffExponentially) {
  Story g;
  std::vector<double> pauses;
  Duration t = 0s;
  g.at(t).starts();
  for (int i = 0; i < 12; ++i) {
    t += 1s;
    auto d = g.at(t).dies();
    auto wake = g.s.next_wake();
    pauses.push_back(wake ? seconds(*wake - g.now) : 0);
    if (d.act == Act::none) {
      EXPECT_EQ(g.at(t + 1ms).ticks().act, Act::none);
      t = wake->since_boot;
      d = g.at(t).ticks();
    }
    EXPECT_EQ(d.act, Act::start);
    g.starts();
  }
  EXPECT_EQ(pauses, (std::vector<double>{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}));
}

/// A gateway in each phase that can be reached within two minutes.
std::vector<Story> one_in_each_phase() {
  std::vector<Story> out(10);
  out[1].at(100s).starts();
  out[2].ready_at(90s).at(100s);
  out[3].ready_at(90s).at(100s).sees(Layer::started);
  out[4].ready_at(90s).at(100s).sees_draining();
  out[5].ready_at(90s).at(100s).sees_silence();
  for (auto t = 20s; out[6].s.phase() != Phase::ending && t < 100s; t += 5s)
    (t == 20s ? out[6].ready_at(t) : out[6].at(t)).sees_silence();
  out[7].ready_at(90s).at(100s).s.person_restarts(out[7].now);
  out[8].ready_at(90s).at(100s).dies();
  out[9].ready_at(90s).at(100s).dies();
  out[9].s.start_failed(out[9].now, "no such file");
  return out;
}

TEST(Supervision, APersonsOrderIsAboutTheProcessWhereThereIsOne) {
  std::vector<Phase> seen;
  for (const auto& story : one_in_each_phase()) {
    auto phase = story.s.phase();
    seen.push_back(phase);
    bool has = phase != Phase::unseen && phase != Phase::backing_off;
    EXPECT_EQ(has_process(phase), has) << text(phase);
    auto stopped = story, started = story, restarted = story;
    EXPECT_EQ(stopped.s.person_stops(story.now).act, has ? Act::stop : Act::none) << text(phase);
    EXPECT_EQ(stopped.s.phase(), has ? Phase::stopping : Phase::stopped) << text(phase);
    EXPECT_EQ(started.s.person_starts(story.now).act, has ? Act::none : Act::start) << text(phase);
    bool under_way = phase == Phase::stopping || phase == Phase::down;
    auto restart = !has ? Act::start : under_way ? Act::none : Act::stop;
    EXPECT_EQ(restarted.s.person_restarts(story.now).act, restart) << text(phase);
  }
  EXPECT_EQ(seen,
            (std::vector{Phase::unseen, Phase::starting, Phase::ready, Phase::degraded, Phase::draining,
                         Phase::suspect, Phase::ending, Phase::stopping, Phase::down, Phase::backing_off}));
  for (auto none : {Phase::parked, Phase::stopped, Phase::standing_by}) EXPECT_FALSE(has_process(none));
}

TEST(Supervision, AGoodStretchForgivesOldFailures) {
  Story g;
  g.ready_at(20s);
  g.at(30s).dies();
  g.ready_at(50s);
  g.at(50s + 10min).sees_ready();
  EXPECT_EQ(g.at(11min).dies().act, Act::start);  // at once again
}

TEST(Supervision, StartingGatewayIsLeftAloneForTheFloor) {
  Story g;
  g.at(0s).starts();
  for (auto t = 1s; t < 180s; t += 5s) {
    EXPECT_EQ(g.at(t).sees(Layer::process).act, Act::none);
    EXPECT_EQ(g.s.phase(), Phase::starting);
  }
}

TEST(Supervision, IdleStartIsEndedAfterTheFloor) {
  Story g;
  g.at(0s).starts();
  for (auto t = 5s; t < 180s; t += 5s) g.at(t).sees(Layer::process);
  auto d = g.at(181s).sees(Layer::process);
  EXPECT_EQ(d.act, Act::end_hung);
  EXPECT_TRUE(d.why.contains("not up after 3 min")) << d.why;
}

TEST(Supervision, StartThatBurnsCpuIsLeftAloneUpToTheCap) {
  Story g;
  g.at(0s).starts();
  auto t = 5s;
  for (; t < 20min; t += 5s)
    ASSERT_EQ(g.at(t).sees(Layer::process, true, t / 2).act, Act::none) << seconds(t);
  EXPECT_EQ(g.at(20min + 5s).sees(Layer::process, true, 10min).act, Act::end_hung);
}

TEST(Supervision, LearnedSlowStartGetsThreeTimesItsUsualTime) {
  Story g({}, {.learned_start = 100s});
  g.at(0s).starts();
  EXPECT_EQ(g.at(299s).sees(Layer::process).act, Act::none);
  EXPECT_EQ(g.at(301s).sees(Layer::process).act, Act::end_hung);
}

TEST(Supervision, StartTimeIsLearnedQuicklyUpAndSlowlyDown) {
  Story g;
  g.at(0s).starts();
  g.at(40s).sees_ready();
  EXPECT_EQ(g.s.memory().learned_start, 40s);
  g.at(100s).dies();
  g.at(100s).starts();
  g.at(110s).sees_ready();
  EXPECT_EQ(g.s.memory().learned_start, 31s);
}

TEST(Supervision, AdoptedGatewayTeachesNothingAboutStarts) {
  Story g;
  g.s.process_started(g.now, 1h);
  g.at(1s).sees_ready();
  EXPECT_EQ(g.s.memory().learned_start, std::nullopt);
}

TEST(Supervision, ThreeMissesOverTenSecondsAreAHang) {
  Story g;
  g.ready_at(20s);
  EXPECT_EQ(g.at(100s).sees_silence().act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::suspect);
  EXPECT_EQ(g.at(106s).sees_silence().act, Act::none);
  EXPECT_EQ(g.at(112s).sees_silence().act, Act::end_hung);
}

TEST(Supervision, QuickRefusalsDoNotMakeAHangInThreeSeconds) {
  Story g;
  g.ready_at(20s);
  for (auto t = 100s; t < 110s; t += 1s) EXPECT_EQ(g.at(t).sees_silence().act, Act::none);
}

TEST(Supervision, OneMissIsForgotten) {
  Story g;
  g.ready_at(20s);
  g.at(100s).sees_silence();
  g.at(106s).sees_ready();
  g.at(200s).sees_silence();
  g.at(206s).sees_silence();
  EXPECT_EQ(g.s.phase(), Phase::suspect);
}

TEST(Supervision, BusyLoopGetsFourTimesThePatience) {
  Story g;
  g.ready_at(20s);
  auto t = 100s;
  int misses = 0;
  while (g.at(t).sees_silence(t).act == Act::none && misses < 100) {
    ++misses;
    t += 6s;
  }
  EXPECT_EQ(misses, 11);
}

TEST(Supervision, FrozenProcessIsAHangAtTheSecondLook) {
  Story g;
  g.ready_at(20s);
  EXPECT_EQ(g.at(100s).sees_frozen().act, Act::none);
  auto d = g.at(101s).sees_frozen();
  EXPECT_EQ(d.act, Act::end_hung);
  EXPECT_TRUE(d.why.contains("state T")) << d.why;
}

TEST(Supervision, HungProcessThatDoesNotEndIsKilledAfterItsGrace) {
  Story g;
  g.ready_at(20s);
  g.at(100s).sees_frozen();
  g.at(101s).sees_frozen();
  EXPECT_EQ(g.at(120s).ticks().act, Act::none);
  EXPECT_EQ(g.at(121s).ticks().act, Act::kill);
  EXPECT_EQ(g.at(122s).dies().act, Act::start);
}

TEST(Supervision, WokenProcessThatDrainsIsNotKilled) {
  Story g;
  g.ready_at(20s);
  g.at(100s).sees_frozen();
  g.at(101s).sees_frozen();
  g.at(105s).sees_draining();
  EXPECT_EQ(g.at(300s).ticks().act, Act::none);
  EXPECT_EQ(g.at(432s).ticks().act, Act::kill);
}

TEST(Supervision, NoThirdKillWithinFiveMinutes) {
  Story g;
  Duration t = 20s;
  std::vector<Duration> kills;
  g.ready_at(t);
  while (t < 30min) {
    t += 1s;
    auto d = g.at(t).sees_frozen();
    if (d.act == Act::none) d = g.ticks();
    if (d.act == Act::kill) {
      kills.push_back(t);
      g.dies();
      while (g.s.phase() == Phase::backing_off) {
        t += 1s;
        g.at(t).ticks();
      }
      g.starts();
      t += 5s;
      g.at(t).sees_ready();
    }
  }
  ASSERT_GE(kills.size(), 4U);
  for (std::size_t i = 2; i < kills.size(); ++i) EXPECT_GE(kills[i] - kills[i - 2], 5min);
}

TEST(Supervision, DrainingGatewayIsLeftAlone) {
  Story g;
  g.ready_at(20s);
  for (auto t = 100s; t < 400s; t += 5s) EXPECT_EQ(g.at(t).sees_draining().act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::draining);
}

TEST(Supervision, RestartInsideTheProcessIsAStartNotAHang) {
  Story g;
  g.ready_at(20s);
  for (auto t = 100s; t < 200s; t += 5s) {
    EXPECT_EQ(g.at(t).sees(Layer::process).act, Act::none);  // the port is closed, the pid is the same
    EXPECT_EQ(g.s.phase(), Phase::starting);
  }
}

TEST(Supervision, UnreadyButLivelyIsNamedNotRestarted) {
  Story g;
  g.ready_at(20s);
  for (auto t = 100s; t < 1h; t += 60s) EXPECT_EQ(g.at(t).sees(Layer::started).act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::degraded);
  EXPECT_TRUE(g.s.summary(g.now).contains("ready: not yet")) << g.s.summary(g.now);
}

TEST(Supervision, ConfigurationExitIsTriedThreeTimesThenParked) {
  Story g;
  Duration t = 1s;
  g.at(t).starts();
  int starts = 0;
  for (int i = 0; i < 10 && g.s.phase() != Phase::parked; ++i) {
    t += 5s;
    auto d = g.at(t).dies({.code = 78, .signal = {}}, true);
    EXPECT_EQ(d.act, Act::none);  // never at once
    if (auto wake = g.s.next_wake()) {
      t = wake->since_boot;
      EXPECT_EQ(g.at(t).ticks().act, Act::start);
      ++starts;
      g.starts();
    }
  }
  EXPECT_EQ(starts, 3);
  EXPECT_TRUE(g.s.summary(g.now).contains("exit code 78, 4 times in a row")) << g.s.summary(g.now);
}

TEST(Supervision, ParkedGatewayStartsWhenAPersonAsks) {
  Story g;
  Duration t = 1s;
  g.at(t).starts();
  while (g.s.phase() != Phase::parked) {
    t += 60s;
    g.at(t).dies({.code = 78, .signal = {}}, true);
    if (g.at(t + 50s).ticks().act == Act::start) g.starts();
  }
  EXPECT_EQ(g.s.person_starts(g.now).act, Act::start);
}

TEST(Supervision, PersonsStopIsObeyedAndRemembered) {
  Story g;
  g.ready_at(20s);
  EXPECT_EQ(g.at(30s).s.person_stops(g.now).act, Act::stop);
  EXPECT_EQ(g.at(31s).dies({.code = 0, .signal = {}}).act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::stopped);
  EXPECT_FALSE(g.s.memory().wanted);

  Story later({}, g.s.memory());  // the agent starts again
  Look nothing;
  EXPECT_EQ(later.s.looked(later.now, nothing).act, Act::none);
  EXPECT_EQ(later.s.phase(), Phase::stopped);
}

TEST(Supervision, StopThroughTheServiceManagerIsObeyed) {
  Story g;
  g.ready_at(20s);
  EXPECT_EQ(g.at(30s).s.stopped_by_person(g.now).act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::stopped);
}

TEST(Supervision, ACommandThatIsNotThereWasAskedToStart) {
  // `systemctl restart` looks like a stop for a moment; then systemd cannot execute the command (203/EXEC).
  Story g;
  g.ready_at(20s);
  g.at(30s).s.stopped_by_person(g.now);
  g.at(31s).dies({.code = 203, .signal = {}});
  EXPECT_NE(g.s.phase(), Phase::stopped);
  EXPECT_TRUE(g.s.memory().wanted);
}

TEST(Supervision, WhatEndsAfterAPersonsStopStaysStopped) {
  Story g;
  g.ready_at(20s);
  g.at(30s).s.stopped_by_person(g.now);
  EXPECT_EQ(g.at(31s).dies({.code = 143, .signal = {}}).act, Act::none);
  EXPECT_EQ(g.s.phase(), Phase::stopped);
}

TEST(Supervision, PersonsRestartStopsPolitelyThenStarts) {
  Story g;
  g.ready_at(20s);
  EXPECT_EQ(g.at(30s).s.person_restarts(g.now).act, Act::stop);
  EXPECT_EQ(g.at(35s).dies({.code = 0, .signal = {}}).act, Act::start);
  EXPECT_EQ(g.s.memory().restarts, 0U);  // asked for, not needed
}

TEST(Supervision, FailedStartIsTriedAgainLater) {
  Story g;
  Look nothing;
  EXPECT_EQ(g.at(1s).s.looked(g.now, nothing).act, Act::start);
  g.s.start_failed(g.now, "no such program");
  EXPECT_EQ(g.s.phase(), Phase::backing_off);
  EXPECT_EQ(g.at(2s).ticks().act, Act::start);
}

TEST(Supervision, ObserveOnlyNeverActs) {
  Limits limits;
  limits.profile = Profile::observe_only;
  Story g(limits);
  g.ready_at(20s);
  g.at(100s).sees_frozen();
  EXPECT_EQ(g.at(101s).sees_frozen().act, Act::none);
  EXPECT_EQ(g.at(102s).dies().act, Act::none);
  EXPECT_TRUE(g.s.summary(g.now).contains("observe-only")) << g.s.summary(g.now);
}

TEST(Supervision, ObserveOnlyStillObeysAPerson) {
  Limits limits;
  limits.profile = Profile::observe_only;
  Story g(limits);
  g.ready_at(20s);
  EXPECT_EQ(g.at(30s).s.person_restarts(g.now).act, Act::stop);
  EXPECT_EQ(g.at(31s).dies({.code = 0, .signal = {}}).act, Act::start);
}

// ---- what the ladder and a person's pause ask of it

const Exit k78{.code = 78, .signal = {}};

TEST(Supervision, WhatIsHeldIsNotStartedUntilItIsReleased) {
  Story story;
  story.ready_at(60s).at(100s).dies(k78, true);
  story.s.hold();
  EXPECT_EQ(story.at(1000s).ticks().act, Act::none);
  EXPECT_EQ(story.s.release(story.now, true, "its configuration was mended").act, Act::start);
  EXPECT_EQ(story.s.phase(), Phase::down);
}

TEST(Supervision, AHoldThatChangedNothingLetsItsOwnPausesGoOn) {
  Story story;
  story.ready_at(60s).at(100s).dies(k78, true);
  story.s.hold();
  EXPECT_EQ(story.at(102s).s.release(story.now, false, "").act, Act::none);
  EXPECT_EQ(story.at(103s).ticks().act, Act::none);
  EXPECT_EQ(story.at(108s).ticks().act, Act::start);
}

TEST(Supervision, ARemedyBringsBackWhatWasGivenUp) {
  Story story;
  story.ready_at(60s);
  for (int i = 0; i < 4; ++i) {
    story.at(100s + i * 100s).starts();
    story.dies(k78, true);
  }
  ASSERT_EQ(story.s.phase(), Phase::parked);
  story.s.hold();
  EXPECT_EQ(story.s.release(story.now, true, "mended").act, Act::start);
  EXPECT_EQ(story.s.memory().failures, 0U);
}

TEST(Supervision, AStopForARemedyDrainsAndWaitsForTheLadder) {
  Story story;
  story.ready_at(60s).at(100s);
  story.s.hold();
  EXPECT_EQ(story.s.stop_for_remedy(story.now, "mending").act, Act::stop);
  EXPECT_EQ(story.at(103s).dies({.code = 0, .signal = {}}).act, Act::none);
  EXPECT_EQ(story.at(500s).ticks().act, Act::none);
  EXPECT_EQ(story.s.release(story.now, true, "mended").act, Act::start);
}

TEST(Supervision, ARestartForARemedyStartsAtOnceAfterTheDrain) {
  Story story;
  story.ready_at(60s).at(100s);
  EXPECT_EQ(story.s.stop_for_remedy(story.now, "its memory grows").act, Act::stop);
  EXPECT_EQ(story.at(103s).dies({.code = 0, .signal = {}}).act, Act::start);
  EXPECT_EQ(story.s.memory().failures, 0U);
}

TEST(Supervision, AGatewayThatWarmsUpIsNotStoppedForARemedy) {
  Story story;
  story.at(60s).starts();
  EXPECT_EQ(story.at(61s).s.stop_for_remedy(story.now, "mending").act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::starting);
}

TEST(Supervision, APersonsPauseIsObeyedAndItsEndBringsTheGatewayBack) {
  Story story;
  story.ready_at(60s).at(100s);
  EXPECT_EQ(story.s.hands_off(story.now, "I move the disk").act, Act::none);
  EXPECT_EQ(story.dies().act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::parked);
  EXPECT_NE(story.s.summary(story.now).find("I move the disk"), std::string::npos);
  EXPECT_EQ(story.at(9000s).ticks().act, Act::none);
  EXPECT_EQ(story.s.hands_off(story.now, "").act, Act::start);
}

TEST(Supervision, APausedGatewayThatHangsIsLeftToThePerson) {
  Story story;
  story.ready_at(60s).at(100s);
  story.s.hands_off(story.now, "debugging");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(story.at(110s + i * 5s).sees_frozen().act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::suspect);
}

TEST(Supervision, APauseStopsAKillThatWasComing) {
  Story story;
  story.ready_at(60s);
  story.at(100s).sees_frozen();
  ASSERT_EQ(story.at(105s).sees_frozen().act, Act::end_hung);
  story.s.hands_off(story.now, "let me look at it");
  EXPECT_EQ(story.at(200s).ticks().act, Act::none);
}

// What the lease on a shared bot asks.
constexpr auto kWhy = "the gateway on alpha has its bot";

TEST(Supervision, WhoStandsByIsNotStartedByAnybody) {
  Story story;
  EXPECT_EQ(story.at(0s).s.stand_by(story.now, kWhy, true).act, Act::none);
  EXPECT_EQ(story.s.looked(story.now, {}).act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::standing_by);
  EXPECT_EQ(story.s.summary(story.now), "stands by: the gateway on alpha has its bot");
  EXPECT_EQ(story.at(1s).s.person_starts(story.now).act, Act::none);
  EXPECT_EQ(story.at(1h).ticks().act, Act::none);
  EXPECT_TRUE(story.s.memory().wanted);
  EXPECT_EQ(story.at(2h).s.free_to_run(story.now, "it is free").act, Act::start);
  EXPECT_EQ(story.s.phase(), Phase::down);
}

TEST(Supervision, WhoYieldsIsEndedPolitelyAndStandsBy) {
  Story story;
  story.ready_at(1min);
  EXPECT_EQ(story.at(2min).s.stand_by(story.now, kWhy, false).act, Act::none) << "it is left alone";
  EXPECT_EQ(story.s.stand_by(story.now, kWhy, true).act, Act::stop);
  EXPECT_EQ(story.at(3min).s.stand_by(story.now, kWhy, true).act, Act::none) << "once";
  story.dies({.code = 0, .signal = {}});
  EXPECT_EQ(story.s.phase(), Phase::standing_by);
  EXPECT_TRUE(story.s.memory().wanted) << "no person stopped it";
}

TEST(Supervision, AYieldThroughTheServiceManagerIsNoPersonsStop) {
  Story story;
  story.ready_at(1min);
  ASSERT_EQ(story.at(2min).s.stand_by(story.now, kWhy, true).act, Act::stop);
  EXPECT_EQ(story.s.stopped_by_person(story.now).act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::standing_by);
  EXPECT_TRUE(story.s.memory().wanted);
}

TEST(Supervision, WhoCrashesWithoutALeaseStandsBy) {
  Story story;
  story.ready_at(1min);
  story.at(2min).s.stand_by(story.now, kWhy, false);
  EXPECT_EQ(story.dies().act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::standing_by);
}

TEST(Supervision, AFreedOneThatWasStillEndingIsStartedAgain) {
  Story story;
  story.ready_at(1min);
  ASSERT_EQ(story.at(2min).s.stand_by(story.now, kWhy, true).act, Act::stop);
  EXPECT_EQ(story.s.free_to_run(story.now, "it is free").act, Act::none);
  EXPECT_EQ(story.dies({.code = 0, .signal = {}}).act, Act::start);
}

TEST(Supervision, APersonsRestartDoesNotEscapeTheLease) {
  Story story;
  story.ready_at(1min);
  ASSERT_EQ(story.at(2min).s.person_restarts(story.now).act, Act::stop);
  story.s.stand_by(story.now, kWhy, true);
  EXPECT_EQ(story.dies({.code = 0, .signal = {}}).act, Act::none);
  EXPECT_EQ(story.s.phase(), Phase::standing_by);
}

TEST(Supervision, NeitherAPausedNorAnObservedOneIsEndedForItsLease) {
  Story paused;
  paused.ready_at(1min);
  paused.s.hands_off(paused.now, "its owner works on it");
  EXPECT_EQ(paused.s.stand_by(paused.now, kWhy, true).act, Act::none);
  Story observed(Limits{.profile = Profile::observe_only});
  observed.ready_at(1min);
  EXPECT_EQ(observed.s.stand_by(observed.now, kWhy, true).act, Act::none);
}

TEST(Supervision, APersonsStopWhileItYieldsHolds) {
  Story story;
  story.ready_at(1min);
  ASSERT_EQ(story.at(2min).s.stand_by(story.now, kWhy, true).act, Act::stop);
  story.s.person_stops(story.now);
  story.dies({.code = 0, .signal = {}});
  EXPECT_EQ(story.s.phase(), Phase::stopped);
  EXPECT_EQ(story.s.free_to_run(story.now, "it is free").act, Act::none);
}

}  // namespace
}  // namespace meshops
