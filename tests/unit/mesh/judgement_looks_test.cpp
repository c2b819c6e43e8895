// Whom a node looks at, and how closely: in a mesh of twenty, by hand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>

#include "mesh/judgement.h"
#include "mesh/rendezvous.h"

using namespace meshops;
using namespace meshops::mesh;
using namespace std::chrono_literals;
using Act = Decision::Act;

namespace {

constexpr std::string_view kSelf = "n00";

/// A mesh of twenty in which all are well and nobody is asked for anything, until the test does it.
class Twenty {
 public:
  Twenty() {
    Judgement::Setup setup{.self = std::string(kSelf)};
    for (int i = 0; i < 20; ++i) setup.members.push_back(fmt::format("n{:02}", i));
    names = setup.members;
    judgement.emplace(setup, now);
    pass(10s);
  }
  /// One for whom so many others, at least and at most, come before us as healers.
  std::string patient_with(std::ptrdiff_t least, std::ptrdiff_t most) const {
    for (const auto& patient : names) {
      if (patient == kSelf) continue;
      auto before = std::ranges::count_if(names, [&](const auto& other) {
        return other != patient && weight(patient, other) > weight(patient, kSelf);
      });
      if (before >= least && before <= most) return patient;
    }
    ADD_FAILURE() << "no such patient among twenty";
    return {};
  }
  void pass(Duration time) {
    for (auto end = now + time; now < end; now = now + 500ms) {
      for (const auto& peer : judgement->watches(now))
        if (peer != silent) judgement->heard(peer, now, peer == gone ? kGone : kWell);
      for (auto& d : judgement->decide(now)) {
        if (d.act == Act::knock) judgement->knocked(d.peer, now, greets);
        if (d.act == Act::ask && answered)
          for (const auto& w : d.witnesses)
            if (w != silent)
              judgement->testified({.witness = w, .patient = d.peer, .round = d.question.round});
        log.push_back(std::move(d));
      }
    }
  }
  Testimony asked_about(const std::string& patient) {
    return judgement->asked(
        now, {.asker = names[1] == patient ? names[2] : names[1], .patient = patient, .round = 1});
  }
  std::size_t count(Act act, const std::string& peer) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(log, [&](const auto& d) { return d.act == act && d.peer == peer; }));
  }

  static inline const Word kWell{.gateways = Gateways::well};
  static inline const Word kGone{.agent_age = 20s, .agent_gone = true, .gateways = Gateways::well};
  Instant now{1h};
  std::vector<std::string> names;
  std::optional<Judgement> judgement;
  std::string silent, gone;
  bool greets = true, answered = true;
  Decisions log;
};

TEST(Looks, WhoComesFarBehindTellsWhatItHears) {
  Twenty mesh;
  auto patient = mesh.gone = mesh.patient_with(9, 15);
  EXPECT_EQ(mesh.asked_about(patient).sees, Sees::nothing_yet);
  mesh.pass(5s);
  EXPECT_EQ(mesh.asked_about(patient).sees, Sees::trouble) << "its own node says that its agent ended";
  EXPECT_EQ(mesh.count(Act::probe, patient) + mesh.count(Act::knock, patient), 0U);
}

TEST(Looks, WhereNothingIsHeardItKnocks) {
  Twenty mesh;
  auto patient = mesh.silent = mesh.patient_with(9, 15);
  mesh.asked_about(patient);
  mesh.pass(5s);
  EXPECT_GE(mesh.count(Act::knock, patient), 1U);
  EXPECT_EQ(mesh.count(Act::probe, patient), 0U);
  EXPECT_EQ(mesh.asked_about(patient).sees, Sees::trouble) << "somebody speaks SSH there";
  mesh.greets = false;
  mesh.pass(5s);
  EXPECT_EQ(mesh.asked_about(patient).sees, Sees::nobody);
  EXPECT_FALSE(mesh.asked_about(patient).can_heal);
}

TEST(Looks, ItsFirstHealersLookOverSsh) {
  Twenty mesh;
  auto patient = mesh.silent = mesh.patient_with(3, 6);
  mesh.asked_about(patient);
  mesh.pass(5s);
  EXPECT_GE(mesh.count(Act::probe, patient), 1U);
  EXPECT_EQ(mesh.count(Act::knock, patient), 0U);
}

TEST(Looks, IfNobodyBeforeItIsAbleItLooksInTheEnd) {
  Twenty mesh;
  auto patient = mesh.silent = mesh.patient_with(7, 8);
  for (int i = 0; i < 40; ++i) mesh.asked_about(patient), mesh.pass(4s);
  EXPECT_GE(mesh.count(Act::probe, patient), 1U);
}

TEST(Looks, NoWitnessIsLookedAtThatAnswers) {
  Twenty mesh;
  mesh.silent = mesh.patient_with(0, 2);
  mesh.pass(20s);
  ASSERT_GE(mesh.count(Act::ask, mesh.silent), 5U);
  for (const auto& name : mesh.names)
    EXPECT_EQ(name == mesh.silent ? 0U : mesh.count(Act::probe, name), 0U) << name;
}

TEST(Looks, AWitnessThatDoesNotAnswerIsHeardAndThenLookedAt) {
  Twenty mesh;
  mesh.silent = mesh.patient_with(0, 2);
  mesh.answered = false;
  mesh.pass(20s);
  std::size_t looked_at = 0;
  for (const auto& name : mesh.names)
    if (name != mesh.silent) looked_at += mesh.count(Act::probe, name);
  EXPECT_GE(looked_at, 1U);
}

TEST(Looks, WhoCaresForAPeerAsksAtOnce) {
  Twenty mesh;
  auto patient = mesh.silent = mesh.patient_with(9, 15);
  mesh.pass(20s);
  EXPECT_EQ(mesh.count(Act::ask, patient), 0U) << "it does not even watch that one";
  mesh.judgement->care_for(mesh.now, {patient});
  mesh.pass(2s);
  EXPECT_EQ(mesh.count(Act::ask, patient), 0U) << "silence before that was ours";
  mesh.pass(4s);
  EXPECT_GE(mesh.count(Act::ask, patient), 1U);
  EXPECT_GE(mesh.count(Act::probe, patient), 1U);
}

TEST(Looks, APauseIsBelievedFromOutsideOnlyIfItIsNewerThanItsOwnWord) {
  Twenty mesh;
  auto patient = mesh.patient_with(0, 2);
  auto paused = [&] { return mesh.asked_about(patient).patient_paused; };
  mesh.judgement->paused_outside(patient, mesh.now - 30s);
  EXPECT_FALSE(paused()) << "it has said since that it is not";
  mesh.silent = patient;
  mesh.pass(10s);
  mesh.judgement->paused_outside(patient, mesh.now - 5s);
  EXPECT_TRUE(paused());
  mesh.silent.clear();
  mesh.pass(2s);
  EXPECT_FALSE(paused()) << "its own word ends it";
}

}  // namespace
