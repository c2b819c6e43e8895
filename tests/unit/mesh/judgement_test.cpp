// One node's judgement: each rule by itself, on a mesh whose answers the test gives by hand. Whole meshes are
// played in tests/sim/mesh_nights_test.cpp.
#include "mesh/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "mesh/rendezvous.h"

using namespace meshops;
using namespace meshops::mesh;
using namespace std::chrono_literals;
using testing::HasSubstr;
using Act = Decision::Act;

namespace {

const Word kWell{.gateways = Gateways::well};
const Probe kDeadAgent{.ssh = true, .found = Found{.agent_runs = false, .gateways = Gateways::well}};
const Probe kDeadAndIll{.ssh = true, .found = Found{.agent_runs = false, .gateways = Gateways::ill}};
const Probe kNothing{};

/// A mesh of `n0` (ours) and others, one second at a time. Everyone is well, answers at once and sees what we
/// see, unless the test says otherwise.
class Bench {
 public:
  explicit Bench(unsigned nodes, Guards guards = {}, bool remembers = true, bool can_reset = false) {
    Judgement::Setup setup{.self = "n0"};
    for (unsigned i = 0; i < nodes; ++i) setup.members.push_back("n" + std::to_string(i));
    setup.guards = guards;
    if (can_reset) setup.resettable = setup.members;
    setup.remembers = remembers;
    for (unsigned i = 1; i < nodes; ++i) peers.push_back("n" + std::to_string(i));
    judgement.emplace(setup, now);
    pass(10s);
  }
  void pass(Duration time) {
    for (auto end = now + time; now < end;) {
      now = now + 1s;
      for (const auto& p : judgement->watches(now))
        if (!silent.contains(p)) judgement->heard(p, now, words.contains(p) ? words[p] : kWell);
      decide();
    }
  }
  void decide() {
    for (int i = 0; i < 8; ++i) {  // answers come within the second
      auto decisions = judgement->decide(now);
      bool more = false;
      for (auto& d : decisions) more = take(d) || more;
      if (!more) return;
      now = now + 10ms;
    }
  }
  bool take(const Decision& d) {
    log.push_back(d);
    switch (d.act) {
      case Act::ask:
        for (const auto& w : d.witnesses)
          if (!silent.contains(w)) judgement->testified(testimony(w, d.question));
        return true;
      case Act::probe:
        judgement->probed(d.peer, now, probes.contains(d.peer) ? probes[d.peer] : Probe{true, Found{}});
        return true;
      case Act::ask_lease:
        if (grants)
          judgement->lease_granted(now, d.peer, d.ticket, ++fence, {});
        else
          judgement->lease_refused(now, d.peer, d.ticket);
        return true;
      case Act::treat:
        if (ends_at_once) judgement->treated(now, d.peer, d.ticket, Verdict::no_help);
        return true;
      default:
        return false;
    }
  }
  Testimony testimony(const std::string& w, const Question& q) {
    Testimony t{.witness = w, .patient = q.patient, .round = q.round};
    t.sees = sees.contains(w) ? sees[w] : silent.contains(q.patient) ? Sees::trouble : Sees::well;
    t.claims = claims;
    t.treatments = treatments;
    t.can_heal = able.contains(w);
    t.told = told.contains(w);
    t.storm_told = told_elsewhere;
    return t;
  }
  std::size_t count(Act act) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(log, [act](const auto& d) { return d.act == act; }));
  }
  Reason reason(const std::string& peer) const {
    for (const auto& s : judgement->standings())
      if (s.peer == peer) return s.reason;
    return Reason::well;
  }
  std::optional<Order> treated() const {
    for (const auto& d : log)
      if (d.act == Act::treat) return d.order;
    return std::nullopt;
  }
  /// The agent of `peer` is dead from now on, and we find it so.
  void fell(const std::string& peer, const Probe& found = kDeadAgent) {
    silent.insert(peer);
    probes[peer] = found;
  }

  Instant now{1h};
  std::optional<Judgement> judgement;
  std::vector<std::string> peers;
  std::set<std::string> silent, able, told;
  std::map<std::string, Word> words;
  std::map<std::string, Probe> probes;
  std::map<std::string, Sees> sees;
  std::vector<Claim> claims;
  std::vector<Treatment> treatments;
  Decisions log;
  bool grants = true, ends_at_once = false, told_elsewhere = false;
  std::uint64_t fence = 0;
};

TEST(Judgement, AMeshAtRestIsLeftAlone) {
  Bench bench(5);
  bench.pass(10min);
  EXPECT_TRUE(bench.log.empty());
  EXPECT_TRUE(bench.judgement->idle(bench.now));
}

TEST(Judgement, SilenceIsASuspicionWithinThreeSecondsAndNoMore) {
  Bench bench(3);
  bench.fell("n1");
  bench.pass(2s);
  EXPECT_EQ(bench.count(Act::ask), 0U);
  bench.pass(1s);
  EXPECT_GE(bench.count(Act::ask), 1U);
  EXPECT_EQ(bench.count(Act::treat), 0U);
}

TEST(Judgement, AnAgentWhoseProcessEndedIsSuspectedSoonerThanOneThatIsSlow) {
  for (bool gone : {false, true}) {
    Bench bench(3);
    bench.probes["n1"] = kDeadAgent;
    bench.words["n1"] = {.agent_age = 1500ms, .agent_gone = gone, .gateways = Gateways::well};
    bench.pass(1s);
    EXPECT_EQ(bench.count(Act::ask), 0U) << "it may be starting anew";
    bench.words["n1"].agent_age = 2500ms;
    bench.pass(1s);
    EXPECT_EQ(bench.count(Act::ask) > 0, gone);
  }
}

TEST(Judgement, ADeadAgentsOwnSideHasHadItsTimeSinceItWasGone) {
  auto treated_after = [](bool gone) {
    Bench bench(3);
    bench.probes["n1"] = kDeadAgent;
    auto died = bench.now;
    for (auto age = 1s; bench.count(Act::treat) == 0 && age < 1min; age += 1s) {
      bench.words["n1"] = {.agent_age = age, .agent_gone = gone, .gateways = Gateways::well};
      bench.pass(1s);
    }
    return bench.now - died;
  };
  EXPECT_GE(treated_after(true), 17s);
  EXPECT_LT(treated_after(true), 18s);
  EXPECT_GE(treated_after(false), 18s) << "of one that was not seen to end, it begins with the suspicion";
}

TEST(Judgement, ATreatmentThatHelpedIsForgivenOnce) {
  Bench bench(3);
  std::vector<Order> orders;
  for (int i = 0; i < 3; ++i) {
    bench.fell("n1", kDeadAndIll);
    bench.log.clear();
    for (int s = 0; s < 900 && !bench.treated(); ++s) bench.pass(1s);
    ASSERT_TRUE(bench.treated()) << i;
    orders.push_back(*bench.treated());
    auto treat = std::ranges::find(bench.log, Act::treat, &Decision::act);
    bench.silent.clear();
    bench.probes.clear();
    bench.judgement->treated(bench.now, "n1", treat->ticket, Verdict::helped);
    bench.pass(20s);
  }
  EXPECT_THAT(orders, testing::ElementsAre(Order::revive, Order::revive, Order::heal));
}

TEST(Judgement, WhoHearsThatAClaimIsOverHearsWhatCameOfIt) {
  Bench bench(3);
  Question over{.asker = "n1", .patient = "n2", .round = 2};
  over.treated = {.patient = "n2", .healer = "n1", .number = 5, .age = 3s, .over = true};
  bench.judgement->asked(bench.now, over);
  auto treatments = bench.judgement->kept().treatments;
  ASSERT_EQ(treatments.size(), 1U);
  EXPECT_EQ(treatments[0].at, bench.now - 3s);
  // Only the asker's own, of the patient that it speaks of.
  over.treated->healer = "n0";
  over.treated->number = 6;
  bench.judgement->asked(bench.now, over);
  EXPECT_EQ(bench.judgement->kept().treatments.size(), 1U);

  bench.ends_at_once = true;
  bench.fell("n1");
  bench.pass(1min);
  ASSERT_TRUE(bench.treated());
  auto asked = std::ranges::find_if(bench.log.rbegin(), bench.log.rend(),
                                    [](const auto& d) { return d.act == Act::ask; });
  ASSERT_TRUE(asked->question.treated);
  EXPECT_EQ(asked->question.treated->healer, "n0");
}

TEST(Judgement, WhoHasForgottenItsClaimDoesNotWithdrawIt) {
  Bench bench(3);
  Question question{.asker = "n1", .patient = "n2", .round = 1, .claim = true};
  bench.judgement->asked(bench.now, question);
  question.round = 2;
  question.claim = question.remembers = false;
  bench.judgement->asked(bench.now, question);
  EXPECT_EQ(bench.judgement->kept().claims.size(), 1U);
  question.round = 3;
  question.remembers = true;
  bench.judgement->asked(bench.now, question);
  EXPECT_TRUE(bench.judgement->kept().claims.empty());
}

TEST(Judgement, WhatPeopleWereToldOfEndsAlsoAfterARestart) {
  Bench bench(2, {}, true, true);
  bench.fell("n1", kNothing);
  bench.pass(20min);
  ASSERT_EQ(bench.count(Act::tell), 1U);
  Judgement::Setup setup{.self = "n0", .members = {"n0", "n1"}};
  setup.kept = bench.judgement->kept();
  bench.judgement.emplace(setup, bench.now);
  bench.pass(5min);
  EXPECT_EQ(bench.count(Act::tell), 1U) << "they know";
  EXPECT_EQ(bench.count(Act::recovered), 0U);
  bench.silent.clear();
  bench.probes.clear();
  bench.pass(1min);
  EXPECT_EQ(bench.count(Act::recovered), 1U);
  EXPECT_TRUE(bench.judgement->kept().told.empty());
}

TEST(Judgement, ADeadAgentIsRevivedAfterItsOwnSideHadItsTime) {
  Bench bench(3);
  bench.fell("n1");
  bench.pass(17s);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_EQ(bench.reason("n1"), Reason::own_agent_first);
  bench.pass(30s);
  EXPECT_EQ(bench.treated(), Order::revive) << "its gateways are well and not touched";
  auto treat = std::ranges::find(bench.log, Act::treat, &Decision::act);
  EXPECT_EQ(treat->fence, 1U);
  EXPECT_THAT(sentence(*treat), HasSubstr("treats n1 (has no running agent): revive"));
}

TEST(Judgement, OfTwoTheSshIsProofEnough) {
  Bench bench(2);
  bench.fell("n1", kDeadAndIll);
  bench.pass(40s);
  EXPECT_EQ(bench.treated(), Order::revive);
}

TEST(Judgement, OfTwoNobodyIsResetWithoutAWordFromOutside) {
  Bench bench(2, {}, true, true);
  bench.fell("n1", kNothing);
  bench.pass(20min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_EQ(bench.count(Act::tell), 1U) << "people are told, once";
  bench.judgement->outside("n1", bench.now, Outside::sees_it);
  bench.pass(1min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  bench.judgement->outside("n1", bench.now, Outside::misses_it);
  bench.pass(5s);
  EXPECT_EQ(bench.treated(), Order::reset);
}

TEST(Judgement, NothingIsDoneAboutANodeThatAWitnessReaches) {
  Bench bench(3, {}, true, true);
  bench.fell("n1", kNothing);
  bench.sees["n2"] = Sees::well;
  bench.pass(20min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_EQ(bench.judgement->against_acting_about(bench.now, "n1"), Reason::somebody_sees_it);
  bench.sees["n2"] = Sees::nobody;
  bench.pass(1min);
  EXPECT_EQ(bench.treated(), Order::reset);
}

TEST(Judgement, AReassuringLieOnlyDelaysAndAnAccusationAloneDoesNothing) {
  Bench bench(3);
  bench.sees["n2"] = Sees::nobody;  // but n1 answers us
  bench.pass(20min);
  EXPECT_TRUE(bench.log.empty());
}

TEST(Judgement, WhoSeesNobodyJudgesNobody) {
  Bench bench(5, {}, true, true);
  for (const auto& peer : bench.peers) bench.fell(peer, kNothing);
  bench.pass(20min);
  EXPECT_EQ(bench.count(Act::treat) + bench.count(Act::ask_lease), 0U);
  EXPECT_EQ(bench.reason("n1"), Reason::minority);
  EXPECT_GE(bench.count(Act::tell), 1U);
}

TEST(Judgement, AnOldAnswerOfAWitnessCountsForNothing) {
  // The storm and the quorum of claims would hold it, too; here it is by itself.
  Bench with(3, {Reason::storm, Reason::read_after_claim}, true, true);
  Bench without(3, {Reason::storm, Reason::read_after_claim, Reason::old_answers}, true, true);
  for (auto* bench : {&with, &without}) {
    bench->fell("n1", kNothing);
    bench->sees["n2"] = Sees::nobody;
    bench->pass(1min);
    bench->silent.insert("n2");  // from now on it is not heard any more
    bench->probes["n2"] = kNothing;
    bench->pass(10min);
  }
  EXPECT_EQ(with.count(Act::treat), 0U);
  EXPECT_GE(without.count(Act::treat), 1U) << "the guard is what holds it";
}

TEST(Judgement, ANodeThatWasStoppedGivesThePatientItsTimeAnew) {
  Bench with(3), without(3, {Reason::woke_up});
  for (auto* bench : {&with, &without}) {
    bench->fell("n1");
    bench->pass(10s);
    bench->now = bench->now + 1min;  // we were frozen
    bench->log.clear();
    bench->pass(10s);
  }
  EXPECT_EQ(with.count(Act::treat), 0U);
  EXPECT_EQ(without.count(Act::treat), 1U) << "the guard is what holds it";
}

TEST(Judgement, StarvedOfCpuItNeverActs) {
  Bench bench(3);
  bench.fell("n1");
  for (int i = 0; i < 900; ++i) {
    bench.now = bench.now + 4s;
    bench.decide();
  }
  EXPECT_EQ(bench.count(Act::treat), 0U);
}

TEST(Judgement, WhoseOwnNetworkFailsJudgesNobody) {
  Bench with(3), without(3, {Reason::own_network});
  for (auto* bench : {&with, &without}) {
    bench->judgement->own_network(false);
    bench->fell("n1");
    bench->pass(2min);
  }
  EXPECT_EQ(with.count(Act::treat), 0U);
  EXPECT_GE(without.count(Act::treat), 1U) << "the guard is what holds it";
}

TEST(Judgement, WhoIsTreatedTreatsNobody) {
  Bench with(3), without(3, {Reason::being_treated});
  for (auto* bench : {&with, &without}) {
    bench->fell("n1");
    bench->pass(5s);
    bench->judgement->asked(bench->now, {.asker = "n2", .patient = "n0", .round = 1, .claim = true});
    bench->pass(30s);
    bench->judgement->asked(bench->now, {.asker = "n2", .patient = "n0", .round = 2, .claim = true});
  }
  EXPECT_EQ(with.reason("n1"), Reason::being_treated);
  EXPECT_NE(without.reason("n1"), Reason::being_treated);
}

TEST(Judgement, AResetTakesMostOfTheMesh) {
  Bench with(5, {}, true, true), without(5, {Reason::third_witness}, true, true);
  for (auto* bench : {&with, &without}) {
    bench->fell("n1", kNothing);
    for (const auto* witness : {"n2", "n3", "n4"}) bench->sees[witness] = Sees::nothing_yet;
    bench->pass(10min);
  }
  EXPECT_EQ(with.count(Act::treat), 0U);
  EXPECT_GE(without.count(Act::treat), 1U) << "the guard is what holds it";
}

TEST(Judgement, AnIllGatewayIsHealedOnlyWhereItWasFoundSo) {
  Bench with(3), without(3, {Reason::unconfirmed});
  for (auto* bench : {&with, &without}) {
    bench->words["n1"] = {.gateways = Gateways::ill};
    bench->probes["n1"] = {true, Found{.gateways = Gateways::well}};
    bench->pass(3min);
  }
  EXPECT_EQ(with.count(Act::treat), 0U);
  EXPECT_GE(without.count(Act::treat), 1U) << "the guard is what holds it";
}

TEST(Judgement, AnAgentThatHealsItselfIsLeftToIt) {
  Bench bench(3);
  bench.words["n1"] = {.gateways = Gateways::ill, .heals_itself = true};
  bench.probes["n1"] = {true, Found{.gateways = Gateways::ill, .heals_itself = true}};
  bench.pass(25min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  bench.pass(7min);
  EXPECT_EQ(bench.treated(), Order::heal) << "not for ever";
}

TEST(Judgement, ARefusedLeaseIsNotAskedForAtOnceAgain) {
  Bench bench(3);
  bench.grants = false;
  bench.fell("n1");
  bench.pass(2min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_GE(bench.count(Act::ask_lease), 2U);
  EXPECT_LE(bench.count(Act::ask_lease), 7U);
  EXPECT_GE(bench.count(Act::release), bench.count(Act::ask_lease) - 1);
}

TEST(Judgement, OfOneThatGivesNobodyItsLeasePeopleAreTold) {
  Bench bench(2);
  bench.grants = false;
  bench.fell("n1");
  bench.pass(10min);
  EXPECT_EQ(bench.count(Act::tell), 0U) << "another healer may have it, for as long as a treatment lasts";
  bench.pass(10min);
  EXPECT_EQ(bench.count(Act::tell), 1U) << "once";
  auto told = std::ranges::find(bench.log, Act::tell, &Decision::act);
  ASSERT_NE(told, bench.log.end());
  EXPECT_THAT(sentence(*told),
              HasSubstr("n1 (has no running agent) needs a person: the lease on the patient was"));
}

TEST(Judgement, WhatDoesNotHelpIsFollowedByPausesAndBolderVerbsAndTheEndOfTheBudget) {
  Bench bench(3);
  bench.ends_at_once = true;
  bench.fell("n1", kDeadAndIll);
  bench.pass(50min);
  std::vector<Order> orders;
  for (const auto& d : bench.log)
    if (d.act == Act::treat) orders.push_back(d.order);
  EXPECT_THAT(orders, testing::ElementsAre(Order::revive, Order::heal, Order::reinstall));
  EXPECT_EQ(bench.reason("n1"), Reason::budget_spent);
  EXPECT_EQ(bench.count(Act::tell), 1U);
}

TEST(Judgement, TheMemoryOfTreatmentsOutlivesTheAgent) {
  Bench bench(2);
  bench.ends_at_once = true;
  bench.fell("n1");
  bench.pass(10min);
  ASSERT_EQ(bench.count(Act::treat), 3U);
  Judgement::Setup setup{.self = "n0", .members = {"n0", "n1"}, .kept = bench.judgement->kept()};
  bench.judgement.emplace(setup, bench.now);
  bench.log.clear();
  bench.pass(20min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
}

TEST(Judgement, APauseOfOneThatIsNotReachedOutlivesTheAgent) {
  Bench bench(3, {}, true, true);
  bench.words["n1"] = {.gateways = Gateways::well, .paused = true};
  bench.pass(5s);
  Judgement::Setup setup{.self = "n0", .members = {"n0", "n1", "n2"}, .resettable = {"n1", "n2"}};
  setup.kept = bench.judgement->kept();
  EXPECT_THAT(setup.kept.paused, testing::ElementsAre("n1"));
  bench.fell("n1", kNothing);
  bench.sees["n2"] = Sees::nobody;
  bench.judgement.emplace(setup, bench.now);
  bench.pass(20min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_EQ(bench.reason("n1"), Reason::patient_paused);
  EXPECT_TRUE(bench.judgement->asked(bench.now, {.asker = "n2", .patient = "n1", .round = 1}).patient_paused)
      << "and it tells those who ask";
  setup.kept = {};
  bench.judgement.emplace(setup, bench.now);
  bench.pass(10min);
  EXPECT_EQ(bench.treated(), Order::reset) << "that memory is what held it";
}

TEST(Judgement, TheLastWordOfADeadAgentDoesNotEndAPause) {
  Bench bench(3);
  Judgement::Setup setup{.self = "n0", .members = {"n0", "n1", "n2"}};
  setup.kept.paused = {"n1"};
  bench.judgement.emplace(setup, bench.now);
  bench.judgement->heard("n1", bench.now, {.agent_age = 20s});
  EXPECT_EQ(bench.judgement->kept().paused.size(), 1U);
  bench.now = bench.now + 1s;
  bench.judgement->probed("n1", bench.now, kDeadAgent);
  EXPECT_TRUE(bench.judgement->kept().paused.empty()) << "what is found there does";
}

TEST(Judgement, WhoIsNotFirstWaitsForItsTurn) {
  std::vector<std::string> all = {"n0", "n1", "n2", "n3", "n4", "n5"};
  auto second =
      std::ranges::find_if(all, [&](const auto& p) { return p != "n0" && order(p, all)[1] == "n0"; });
  ASSERT_NE(second, all.end());
  auto patient = *second, other = order(patient, all)[0];
  Bench with(6), without(6, {Reason::not_our_turn});
  for (auto* bench : {&with, &without}) {
    bench->able.insert(other);
    bench->fell(patient);
    bench->pass(25s);
  }
  EXPECT_EQ(with.count(Act::ask_lease), 0U);
  EXPECT_EQ(with.reason(patient), Reason::not_our_turn);
  EXPECT_GE(without.count(Act::ask_lease), 1U) << "the guard is what holds it";
  with.pass(20s);
  EXPECT_GE(with.count(Act::ask_lease), 1U) << "not for ever";
}

TEST(Judgement, NobodyTalksItOutOfWhatItHasDone) {
  Bench bench(4, {}, true, true);
  bench.ends_at_once = true;
  bench.fell("n1", kNothing);
  for (const char* w : {"n2", "n3"}) bench.sees[w] = Sees::nobody;
  auto resets = [&] { return bench.count(Act::treat); };
  while (resets() == 0 && bench.now < Instant{2h}) bench.pass(10s);
  ASSERT_EQ(resets(), 1U);
  // Of the next one, whose number can be guessed, a liar says beforehand that it ended an hour ago.
  for (int i = 0; i < 360; ++i) {
    std::uint64_t last = 0;
    for (const auto& d : bench.log)
      if (d.act == Act::treat) last = d.ticket;
    bench.treatments = {{"n1", "n0", last + 1, 3595s, true}};
    bench.pass(10s);
  }
  EXPECT_LE(resets(), 4U) << "three in an hour";
}

TEST(Judgement, AHealersOwnWordOfItsTreatmentCountsMoreThanOthers) {
  Bench bench(4);
  auto says = [&](Duration age, std::uint64_t round) {
    bench.judgement->asked(
        bench.now,
        {.asker = "n2", .patient = "n1", .round = round, .treated = Treatment{"n1", "n2", 7, age, true}});
  };
  says(3590s, 1);  // by another in its name
  says(0s, 2);
  says(3590s, 3);
  bench.pass(1min);
  EXPECT_EQ(bench.judgement->asked(bench.now, {.asker = "n3", .patient = "n1", .round = 1}).treatments.size(),
            1U);
}

TEST(Judgement, WhoHasLeftIsNoPatientAndShownAsSuch) {
  Bench bench(3);
  bench.fell("n1");
  bench.pass(10s);
  bench.judgement->roster(bench.now, {{"n1", Gossip::left}, {"n2", Gossip::alive}});
  bench.pass(5min);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  EXPECT_EQ(bench.reason("n1"), Reason::left);
}

TEST(Judgement, OfAStormPeopleAreToldOnceWhoeverBeginsAnewInIt) {
  const Question question{.asker = "n1", .patient = "n2", .round = 1};
  for (bool told_elsewhere : {false, true}) {
    Bench bench(5);
    bench.told_elsewhere = told_elsewhere;
    for (const char* peer : {"n2", "n3", "n4"}) bench.fell(peer);
    bench.pass(10s);
    EXPECT_EQ(bench.judgement->asked(bench.now, question).storm_told, told_elsewhere);
    bench.pass(5min);
    EXPECT_TRUE(bench.judgement->in_storm());
    EXPECT_EQ(bench.count(Act::tell), told_elsewhere ? 0U : 1U);
    EXPECT_TRUE(bench.judgement->asked(bench.now, question).storm_told) << "it is passed on";
  }
}

TEST(Judgement, ABrokenNetworkIsNotToldNodeByNode) {
  Bench bench(5);
  for (const char* peer : {"n2", "n3"}) {
    bench.fell(peer, kNothing);
    bench.sees[peer] = Sees::nobody;
  }
  for (const char* witness : {"n1", "n4"}) bench.sees[witness] = Sees::nobody;
  bench.pass(20min);
  EXPECT_EQ(bench.reason("n2"), Reason::no_reset);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  ASSERT_TRUE(bench.judgement->in_storm());
  // Of the two n0 would be the first to tell; of the mesh it is n4, which does not.
  EXPECT_EQ(bench.count(Act::tell), 1U);
  EXPECT_TRUE(
      std::ranges::all_of(bench.log, [](const auto& d) { return d.act != Act::tell || d.peer.empty(); }));
}

TEST(Judgement, WhoComesFirstAndTellsNobodyIsNotWaitedForForEver) {
  // One of them comes before n0 in telling of this patient.
  const std::vector<std::string> names = {"n0", "n1", "n2", "n3"};
  auto before_us = [&](const std::string& about) {
    return std::ranges::count_if(
        names, [&](const auto& n) { return n != about && weight(about, n) > weight(about, "n0"); });
  };
  auto second = std::ranges::find_if(names, [&](const auto& n) { return n != "n0" && before_us(n) == 1; });
  ASSERT_NE(second, names.end());
  std::vector<std::string> others;
  std::ranges::copy_if(names, std::back_inserter(others),
                       [&](const auto& n) { return n != "n0" && n != *second; });
  for (auto [tellers, minutes, tells] :
       {std::tuple{0U, 3, 0U}, {0U, 5, 1U}, {1U, 59, 0U}, {1U, 90, 1U}, {2U, 90, 0U}}) {
    Bench bench(4);
    bench.told.insert(others.begin(), others.begin() + tellers);
    bench.fell(*second, kNothing);
    bench.pass(minutes * 1min + 30s);
    EXPECT_EQ(bench.reason(*second), Reason::somebody_sees_it);
    EXPECT_EQ(bench.count(Act::tell), tells) << tellers << " " << minutes;
    const Question question{.asker = "n3", .patient = *second, .round = 1};
    EXPECT_EQ(bench.judgement->asked(bench.now, question).told, tells == 1);
  }
}

TEST(Judgement, WhatWasNotSeenWhileWeSleptCountsForThePatient) {
  Bench bench(3);
  bench.words["n1"] = {.gateways = Gateways::ill};
  bench.probes["n1"] = {true, Found{.gateways = Gateways::ill}};
  bench.pass(50s);
  // Stopped for half a minute: it may have been well, and ill anew.
  bench.now = bench.now + 30s;
  bench.pass(50s);
  EXPECT_EQ(bench.count(Act::treat), 0U);
  bench.pass(60s);
  EXPECT_EQ(bench.treated(), Order::heal);
}

TEST(Judgement, WhoIsLookedAtIsAlsoAskedForItsWord) {
  // Else one that only the mesh port was silent of would never be heard to be well again.
  Bench bench(9);
  std::string far;
  auto watched = bench.judgement->watches(bench.now);
  for (const auto& peer : bench.peers)
    if (std::ranges::find(watched, peer) == watched.end()) far = peer;
  ASSERT_FALSE(far.empty());
  bench.silent.insert(far);
  bench.judgement->asked(bench.now, {.asker = "n1", .patient = far, .round = 1});
  for (int i = 0; i < 40; ++i) {
    bench.judgement->asked(bench.now, {.asker = "n1", .patient = far, .round = 2});
    bench.pass(1s);
  }
  bench.pass(20s);  // nobody asks us any more
  bench.silent.clear();
  bench.pass(1min);
  EXPECT_TRUE(bench.judgement->idle(bench.now));
}

TEST(Judgement, WhatALiarMakesUsRememberIsBounded) {
  Bench bench(3);
  bench.fell("n1");
  Testimony lie{.witness = "n2", .patient = "n1"};
  for (unsigned i = 0; i < 1000; ++i) lie.treatments.push_back({"n1", "n2", i, 1min, true});
  for (unsigned i = 0; i < 1000; ++i)
    lie.treatments.push_back({"x" + std::to_string(i), "n2", i, 1min, true});
  lie.treatments.push_back({"n2", "n1", 1, -24h, true});
  for (int i = 0; i < 20; ++i) {
    bench.pass(1s);
    auto ask = std::ranges::find(bench.log, Act::ask, &Decision::act);
    if (ask != bench.log.end()) lie.round = ask->question.round;
    bench.judgement->testified(lie);
    bench.log.clear();
  }
  EXPECT_EQ(bench.judgement->kept().treatments.size(), 6U);
}

TEST(Judgement, WithoutItsMemoryItDoesNotVouchForClaims) {
  Bench bench(3, {}, false);
  Question question{.asker = "n1", .patient = "n2", .round = 1};
  EXPECT_FALSE(bench.judgement->asked(bench.now, question).remembers);
  bench.pass(11min);
  question.round = 2;
  EXPECT_TRUE(bench.judgement->asked(bench.now, question).remembers);
}

TEST(Judgement, AQuestionThatWasOvertakenWithdrawsNothing) {
  Bench bench(3);
  bench.judgement->asked(bench.now, {.asker = "n1", .patient = "n2", .round = 7, .claim = true});
  bench.judgement->asked(bench.now, {.asker = "n1", .patient = "n2", .round = 6, .claim = false});
  EXPECT_EQ(bench.judgement->kept().claims.size(), 1U);
  bench.judgement->asked(bench.now, {.asker = "n1", .patient = "n2", .round = 8, .claim = false});
  EXPECT_EQ(bench.judgement->kept().claims.size(), 0U);
}

TEST(Judgement, StrangersLeaveNoMark) {
  Bench bench(3);
  bench.judgement->asked(bench.now, {.asker = "mallory", .patient = "n2", .round = 1, .claim = true});
  bench.judgement->asked(bench.now, {.asker = "n1", .patient = "nobody", .round = 1, .claim = true});
  bench.judgement->testified({.witness = "mallory", .patient = "n1"});
  EXPECT_TRUE(bench.judgement->kept().claims.empty());
}

TEST(Judgement, AGrantThatComesTooLateIsGivenBack) {
  Bench bench(3);
  bench.judgement->lease_granted(bench.now, "n1", 42, 7, {});
  bench.decide();
  ASSERT_EQ(bench.count(Act::release), 1U);
  EXPECT_EQ(bench.log.back().ticket, 42U);
}

TEST(Judgement, ObserveOnlySaysWhatItWouldDo) {
  Bench bench(2);
  Judgement::Setup setup{
      .self = "n0", .members = {"n0", "n1"}, .limits = MeshLimits::of(Profile::observe_only)};
  bench.judgement.emplace(setup, bench.now);
  bench.fell("n1");
  bench.pass(5min);
  EXPECT_EQ(bench.count(Act::treat) + bench.count(Act::ask_lease), 0U);
  EXPECT_EQ(bench.reason("n1"), Reason::observe_only);
}

// Whatever comes in, in whatever order: no order without a lease, none while paused, none over the budget.
RC_GTEST_PROP(Judgement, KeepsItsGuardsWhateverComesIn, ()) {
  auto nodes = *rc::gen::inRange(2U, 6U);
  Judgement::Setup setup{.self = "n0"};
  for (unsigned i = 0; i < nodes; ++i) setup.members.push_back("n" + std::to_string(i));
  setup.resettable = setup.members;
  setup.has_store = true;
  Instant now{1h};
  Judgement judgement(setup, now);
  auto node = [&] { return "n" + std::to_string(*rc::gen::inRange(0U, nodes + 1)); };
  std::map<std::string, std::uint64_t> leased;  // by patient
  std::map<std::string, std::vector<Instant>> acts;
  std::vector<Decision> asked;
  bool paused = false;
  auto steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    now = now + std::chrono::milliseconds(*rc::gen::weightedElement<int>({{6, 900}, {3, 20}, {1, 20000}}));
    switch (*rc::gen::inRange(0, 9)) {
      case 0:
        judgement.heard(node(), now,
                        {.agent_age = 1s * *rc::gen::inRange(0, 9),
                         .gateways = static_cast<Gateways>(*rc::gen::inRange(0, 4))});
        break;
      case 1:
        judgement.probed(node(), now, *rc::gen::element(kDeadAgent, kDeadAndIll, kNothing, Probe{true, {}}));
        break;
      case 2:
        judgement.pause(paused = *rc::gen::weightedElement<bool>({{1, true}, {3, false}}));
        break;
      case 3:
        judgement.asked(now, {.asker = node(), .patient = node(), .claim = *rc::gen::arbitrary<bool>()});
        break;
      case 4:
        judgement.lease_lost(now, node(), *rc::gen::inRange(0U, 9U));
        break;
      default:
        break;
    }
    for (const auto& d : judgement.decide(now)) {
      if (d.act == Act::ask)
        for (const auto& w : d.witnesses)
          judgement.testified({.witness = w,
                               .patient = d.peer,
                               .round = d.question.round,
                               .sees = static_cast<Sees>(*rc::gen::inRange(0, 4))});
      if (d.act == Act::probe) judgement.probed(d.peer, now, kDeadAgent);
      if (d.act == Act::ask_lease) {
        leased[d.peer] = d.ticket;
        judgement.lease_granted(now, d.peer, d.ticket, 5, {});
      }
      if (d.act == Act::release && leased[d.peer] == d.ticket) leased.erase(d.peer);
      if (d.act != Act::treat) continue;
      RC_ASSERT(!paused);
      RC_ASSERT(leased[d.peer] == d.ticket);
      RC_ASSERT(d.peer != "n0");
      auto& of = acts[d.peer];
      of.push_back(now);
      RC_ASSERT(std::ranges::count_if(of, [&](Instant at) { return now - at < 1h; }) <= 3);
      judgement.treated(now, d.peer, d.ticket, Verdict::no_help);
    }
  }
}

}  // namespace
