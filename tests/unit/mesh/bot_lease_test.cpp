#include "mesh/bot_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using Own = BotLease::Own;
using Other = BotLease::Other;
using Act = BotLease::Verdict::Act;
using Because = BotLease::Verdict::Because;

Instant at(Duration t) { return Instant{1h + t}; }
Other said(std::string node, Polls polls, Duration ends = {}) {
  return {.node = std::move(node),
          .primary = true,
          .heard = true,
          .says = LeaseWord{polls, ends},
          .agent_lived = true};
}
/// The same node, of which nothing is heard any more.
Other silent(Other of, bool missed) {
  of.heard = false;
  of.says.reset();
  of.missed = missed;
  return of;
}
const Own kWants{.polls = Polls::wants};
const Own kRuns{.polls = Polls::runs, .rightful = true};

/// Of node beta, for alpha/main.
struct StandBy : testing::Test {
  BotLease lease{lease_group("alpha", "main"), "beta", false, {}, at(0s)};
  BotLease::Verdict decide(Duration t, Own own, std::vector<Other> others) {
    return lease.decide(at(t), own, others);
  }
  /// When it may first be started, asked each second.
  std::optional<Duration> takes_over(Own own, const Other& other, Duration from, Duration until) {
    for (auto t = from; t <= until; t += 1s)
      if (decide(t, own, {other}).act == Act::poll) return t - from;
    return std::nullopt;
  }
};
struct Primary : testing::Test {
  BotLease lease{lease_group("alpha", "main"), "alpha", true, {}, at(0s)};
  BotLease::Verdict decide(Duration t, Own own, Other other) {
    other.primary = false;
    return lease.decide(at(t), own, std::vector{other});
  }
};

TEST(LeaseTag, ComesBackAsItWasSaid) {
  std::map<std::string, LeaseWord> words = {{lease_group("alpha", "main"), {Polls::runs, 93s}},
                                            {lease_group("alpha", "two"), {Polls::takes, 0s}},
                                            {lease_group("beta", "main"), {Polls::kept_down, 1s}}};
  EXPECT_EQ(parse_lease_tag(lease_tag(words)), words);
  EXPECT_EQ(lease_tag({}), "");
  for (int i = 0; i < 20; ++i) words[lease_group("n", std::to_string(i))] = {Polls::runs, 24h};
  EXPECT_LE(lease_tag(words).size(), 110U) << "it shares 512 bytes with the other tags";
}

TEST(LeaseTag, WhatIsMalformedIsLeftOut) {
  for (std::string_view tag : {"", "=", "1a2b3c4d5e6f", "1a2b3c4d5e6f=", "1a2b3c4d5e6f=x", "1a2b3c4d5e6f=r-1",
                               "1a2b3c4d5e6f=r9z", "1a2b3c4d5e6f=r99999999999", "short=r", ",,,"})
    EXPECT_TRUE(parse_lease_tag(tag).empty()) << tag;
  EXPECT_EQ(parse_lease_tag("x,1a2b3c4d5e6f=w,=").size(), 1U);
}

TEST(LeaseSentence, ShowsNoControlCharactersOfAStrangersName) {
  for (auto because :
       {Because::not_heard, Because::has_it, Because::goes_first, Because::not_proven, Because::kept_down}) {
    auto said = sentence(BotLease::Verdict{.because = because, .node = "a\x1b[2Jb"});
    EXPECT_NE(said.find("[2Jb"), std::string::npos) << said;
    EXPECT_EQ(said.find('\x1b'), std::string::npos) << said;
  }
}

TEST_F(StandBy, IsNotStartedWhileThePrimaryRunsOrIsHealed) {
  for (auto polls : {Polls::runs, Polls::wants}) {
    EXPECT_EQ(takes_over(kWants, said("alpha", polls, 90s), 0s, 1h), std::nullopt) << text(polls);
    EXPECT_EQ(decide(2h, kWants, {said("alpha", polls)}).say, Polls::wants);
  }
}

TEST_F(StandBy, SaysThatItTakesOverBeforeItDoes) {
  auto first = decide(0s, kWants, {said("alpha", Polls::idle)});
  EXPECT_EQ(first.act, Act::hold);
  EXPECT_EQ(first.say, Polls::takes);
  auto then = decide(10s, kWants, {said("alpha", Polls::idle)});
  EXPECT_EQ(then.act, Act::poll);
  EXPECT_TRUE(then.took_over);
}

TEST_F(StandBy, BeginsAnewWhenThePrimaryWasHeardToWantItInBetween) {
  decide(0s, kWants, {said("alpha", Polls::idle)});
  EXPECT_EQ(decide(5s, kWants, {said("alpha", Polls::wants)}).say, Polls::wants);
  EXPECT_EQ(decide(11s, kWants, {said("alpha", Polls::idle)}).act, Act::hold);
}

TEST_F(StandBy, SilenceAloneProvesNothing) {
  auto alpha = said("alpha", Polls::runs, 90s);
  decide(0s, kWants, {alpha});
  EXPECT_EQ(takes_over(kWants, silent(alpha, false), 1s, 5h), std::nullopt) << "somebody may reach it";
}

TEST_F(StandBy, APrimaryThatHasPromisedNothingIsNotReplacedWhenNobodyReachesIt) {
  auto alpha = said("alpha", Polls::runs, 0s);
  decide(0s, kWants, {alpha});
  EXPECT_EQ(takes_over(kWants, silent(alpha, true), 1s, 5h), std::nullopt);
}

TEST_F(StandBy, TakesOverFromAMissedNodeOnlyAfterItsPromiseHasEnded) {
  auto alpha = said("alpha", Polls::runs, 100s);
  decide(0s, kWants, {alpha});
  auto after = takes_over(kWants, silent(alpha, true), 1s, 1h);
  ASSERT_TRUE(after);
  EXPECT_GE(*after, 110s + 10s) << "with the drift of two clocks";
  EXPECT_LE(*after, 132s);
}

TEST_F(StandBy, WaitsAnewWhenSomebodyReachedItInBetween) {
  auto alpha = said("alpha", Polls::runs, 100s);
  decide(0s, kWants, {alpha});
  EXPECT_EQ(takes_over(kWants, silent(alpha, true), 1s, 100s), std::nullopt);
  decide(101s, kWants, {silent(alpha, false)});
  EXPECT_EQ(takes_over(kWants, silent(alpha, true), 102s, 200s), std::nullopt);
}

TEST_F(StandBy, ADeadAgentKeepsNoPromise) {
  auto alpha = said("alpha", Polls::runs, 100s);
  decide(0s, kWants, {alpha});
  alpha = silent(alpha, true);
  alpha.agent_lived = false;
  EXPECT_EQ(takes_over(kWants, alpha, 1s, 5h), std::nullopt);
}

TEST_F(StandBy, APromiseThatWasTakenBackIsNone) {
  auto alpha = said("alpha", Polls::runs, 100s);
  decide(0s, kWants, {alpha});
  decide(1s, kWants, {said("alpha", Polls::runs, 0s)});
  EXPECT_EQ(takes_over(kWants, silent(alpha, true), 2s, 5h), std::nullopt);
}

TEST_F(StandBy, ThatNeverHeardThePrimaryDoesNothing) {
  Other alpha{.node = "alpha", .primary = true, .agent_lived = true, .missed = true};
  EXPECT_EQ(takes_over(kWants, alpha, 0s, 5h), std::nullopt);
}

TEST_F(StandBy, APersonsStopOfThePrimaryIsNoFault) {
  EXPECT_EQ(takes_over(kWants, said("alpha", Polls::kept_down), 0s, 5h), std::nullopt);
  Own asked = kWants;
  asked.asked = true;
  EXPECT_EQ(takes_over(asked, said("alpha", Polls::kept_down), 5h, 6h), 10s) << "a person may say so";
}

TEST_F(StandBy, GivesWayWhenThePrimaryIsBack) {
  EXPECT_EQ(decide(0s, kRuns, {said("alpha", Polls::idle)}).act, Act::poll);
  EXPECT_EQ(decide(1s, kRuns, {said("alpha", Polls::wants)}).act, Act::yield);
  EXPECT_EQ(decide(2s, kRuns, {said("alpha", Polls::runs)}).act, Act::yield);
}

TEST_F(StandBy, GoesOnWhileThePrimaryIsSilentAndAfterAStartThatFailed) {
  auto alpha = said("alpha", Polls::idle);
  EXPECT_EQ(decide(0s, kRuns, {silent(alpha, false)}).act, Act::poll);
  Own again = kWants;
  again.rightful = true;
  EXPECT_EQ(decide(1s, again, {alpha}).act, Act::poll) << "its own next start is no new take-over";
  EXPECT_FALSE(decide(1s, again, {alpha}).took_over);
}

TEST_F(StandBy, ThatTheBootStartedIsStopped) {
  Own own{.polls = Polls::runs};
  Other alpha{.node = "alpha", .primary = true};
  EXPECT_EQ(decide(0s, own, {said("alpha", Polls::runs)}).act, Act::yield);
  EXPECT_EQ(decide(1s, own, {alpha}).act, Act::hold) << "who has the bot may be heard in a moment";
  EXPECT_EQ(decide(16s, own, {alpha}).act, Act::yield);
}

TEST_F(StandBy, OfSeveralTheFirstTakesOver) {
  auto group = lease_group("alpha", "main");
  bool first = stands_before(group, "beta", "gamma");
  EXPECT_NE(first, stands_before(group, "gamma", "beta"));
  auto gamma = said("gamma", Polls::wants);
  gamma.primary = false;
  std::vector<Other> others = {said("alpha", Polls::idle), gamma};
  decide(0s, kWants, others);
  EXPECT_EQ(decide(10s, kWants, others).act, first ? Act::poll : Act::hold);
  others[1].says->polls = Polls::takes;
  EXPECT_EQ(decide(30s, kWants, others).act, Act::hold) << "it has begun already";
  others[1].says->polls = Polls::kept_down;
  decide(40s, kWants, others);
  EXPECT_EQ(decide(50s, kWants, others).act, Act::poll);
}

TEST_F(Primary, IsStartedAtOnceWhereNobodyHasItsBot) {
  EXPECT_EQ(decide(0s, kWants, said("beta", Polls::wants)).act, Act::poll);
}

TEST_F(Primary, WaitsUntilTheStandByHasLetGo) {
  for (auto polls : {Polls::runs, Polls::takes}) {
    auto verdict = decide(0s, kWants, said("beta", polls));
    EXPECT_EQ(verdict.act, Act::hold);
    EXPECT_EQ(verdict.say, Polls::wants) << "so that the other one hears it";
  }
  EXPECT_EQ(decide(5s, kWants, said("beta", Polls::wants)).act, Act::poll);
}

TEST_F(Primary, WaitsForTheFirstWordsButNotForAStandByThatIsAway) {
  Other beta{.node = "beta"};
  EXPECT_EQ(decide(0s, kWants, beta).act, Act::hold);
  EXPECT_EQ(decide(15s, kWants, beta).act, Act::poll);
}

TEST_F(Primary, ThatRunsIsNeverStoppedForAStandBy) {
  for (auto polls : {Polls::runs, Polls::takes, Polls::wants})
    EXPECT_EQ(decide(0s, kRuns, said("beta", polls)).act, Act::poll);
  Own alone = kRuns;
  alone.alone = 24h;
  EXPECT_EQ(decide(1s, alone, silent(said("beta", Polls::runs), true)).act, Act::poll)
      << "its owner has not said that it yields";
}

TEST_F(Primary, KeepsItsPromiseWhereItIsAlone) {
  Own own{.polls = Polls::runs, .alone = 119s, .yields_alone = 120s};
  auto beta = silent(said("beta", Polls::wants), true);
  EXPECT_EQ(decide(0s, own, beta).act, Act::poll);
  own.alone = 120s;
  EXPECT_EQ(decide(1s, own, beta).act, Act::yield);
  own.polls = Polls::wants;
  own.alone = 1s;
  EXPECT_EQ(decide(2min, own, beta).act, Act::hold) << "it begins again where it sees most of the mesh";
  own.alone = 0s;
  EXPECT_EQ(decide(3min, own, beta).act, Act::poll);
}

TEST(Touch, IsLostAtOnceAndFoundWhenItLasts) {
  Touch touch(6s, 3s);
  auto saw = [&](Duration from, Duration until, bool most) {
    for (auto t = from; t < until; t += 1s) touch.saw(at(t), most);
  };
  saw(0s, 10s, true);
  EXPECT_EQ(touch.alone(at(9s)), 0s);
  saw(10s, 40s, false);
  EXPECT_EQ(touch.alone(at(39s)), 30s);
  saw(40s, 46s, true);
  EXPECT_EQ(touch.alone(at(45s)), 36s) << "two minorities, one after the other";
  saw(46s, 48s, true);
  EXPECT_EQ(touch.alone(at(47s)), 0s);
  EXPECT_EQ(touch.alone(at(50s)), 3s);
}

TEST(Touch, OwnGapsAreNobodysSilence) {
  Touch touch(6s, 3s);
  touch.saw(at(0s), false);
  touch.saw(at(1s), false);
  touch.saw(at(1h), false);
  EXPECT_EQ(touch.alone(at(1h)), 1s);
  touch.recall(at(0s));
  EXPECT_EQ(touch.alone(at(1h)), 1h) << "what an agent before knew";
}

TEST(LeaseWords, EveryVerdictHasASentence) {
  for (int i = 0; i <= static_cast<int>(Because::alone); ++i)
    EXPECT_FALSE(sentence({.because = static_cast<Because>(i), .node = "alpha"}).empty());
}

}  // namespace
}  // namespace meshops::mesh
