#include "agent/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using mesh::BotLease;
using mesh::Polls;
using Act = BotLease::Verdict::Act;
using Because = BotLease::Verdict::Because;
using testing::HasSubstr;

/// Node beta of three, whose gateway spare stands by for alpha/main.
struct OnBeta : testing::Test {
  TempDir directory;
  FakeClock clock;
  std::unique_ptr<store::Ledger> ledger = *store::Ledger::open(directory.path / "ledger.sqlite");
  store::Kept kept{directory.path / "kept"};
  std::vector<alert::Alert> told;
  Records records{.ledger = *ledger,
                  .kept = kept,
                  .incidents = Incidents(directory.path / "incidents"),
                  .tell = [this](const alert::Alert& alert) { told.push_back(alert); },
                  .judge = {}};
  Mesh mesh;
  mesh::MeshLimits limits = mesh::MeshLimits::of(Profile::normal);
  std::optional<mesh::Judgement> judgement;
  std::optional<Leases> leases;
  Leases::Gateway gateway;
  BotLease::Verdict verdict;

  OnBeta() {
    mesh.node = "beta";
    mesh.socket = directory.path / "agent.sock";
    for (const char* node : {"alpha", "beta", "gamma"}) {
      NodeSpec spec;
      spec.name = node;
      mesh.nodes.push_back(spec);
    }
    GatewaySpec primary;
    primary.name = "main";
    primary.node = "alpha";
    gateway.spec.name = "spare";
    gateway.spec.node = "beta";
    gateway.spec.stands_by_for = "alpha/main";
    gateway.polls = Polls::wants;
    gateway.ends_within = 45s;
    mesh.gateways = {primary, gateway.spec};
    begin();
  }
  /// The agent begins.
  void begin() {
    mesh::Judgement::Setup setup;
    setup.self = mesh.node;
    setup.members = {"alpha", "beta", "gamma"};
    setup.limits = limits;
    judgement.emplace(setup, clock.now());
    Leases::Home home{.gateways = [this] { return std::vector{gateway}; },
                      .obey =
                          [this](const std::string& name, const BotLease::Verdict& given) {
                            EXPECT_EQ(name, gateway.spec.name);
                            verdict = given;
                            // As the Keeper does.
                            if (given.act == Act::poll && gateway.polls == Polls::wants)
                              gateway.polls = Polls::runs;
                            else if (given.act == Act::yield)
                              gateway.polls = Polls::wants;
                          }};
    leases.emplace(mesh, limits, clock, records, home);
  }
  /// For that long, each second: alpha's gateway says so, and its agent spoke so long ago.
  void alpha_says(std::optional<mesh::LeaseWord> word, Duration agent_age, Duration how_long = 1s) {
    for (auto t = 0s; t < how_long; t += 1s) {
      clock.advance(1s);
      serf::Member alpha{
          .name = "alpha", .address = {}, .port = 0, .state = serf::MemberState::alive, .tags = {}};
      if (word) alpha.tags["lease"] = mesh::lease_tag({{mesh::lease_group("alpha", "main"), *word}});
      leases->hear(
          {alpha,
           {.name = "gamma", .address = {}, .port = 0, .state = serf::MemberState::alive, .tags = {}}});
      for (const char* peer : {"alpha", "gamma"}) {
        mesh::Word heard{.gateways = mesh::Gateways::well};
        if (std::string_view(peer) == "alpha") heard.agent_age = agent_age;
        judgement->heard(peer, clock.now(), heard);
      }
      judgement->decide(clock.now());
      leases->tick(clock.now(), *judgement);
    }
  }
  std::vector<std::string> headlines() const {
    std::vector<std::string> out;
    for (const auto& alert : told) out.push_back(alert.headline);
    return out;
  }
};

TEST_F(OnBeta, TheTagOfADeadAgentIsNotBelieved) {
  alpha_says(mesh::LeaseWord{Polls::idle}, 10s, 1h);
  EXPECT_EQ(verdict.act, Act::hold);
  EXPECT_EQ(verdict.because, Because::not_proven);
}

TEST_F(OnBeta, TakesOverAndGivesBackAndPeopleAreToldOfEachOnce) {
  alpha_says(mesh::LeaseWord{Polls::runs}, 0s, 30s);
  EXPECT_EQ(verdict.because, Because::has_it);
  EXPECT_TRUE(told.empty());
  alpha_says(mesh::LeaseWord{Polls::idle}, 0s, 30s);
  EXPECT_EQ(gateway.polls, Polls::runs);
  ASSERT_EQ(headlines(),
            std::vector<std::string>{"spare takes over from alpha/main, which is proven stopped"});
  alpha_says(mesh::LeaseWord{Polls::wants}, 0s, 5s);
  EXPECT_EQ(gateway.polls, Polls::wants);
  alpha_says(mesh::LeaseWord{Polls::runs}, 0s, 30s);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].headline, "alpha/main has its bot again; spare stands by");
}

TEST_F(OnBeta, AnAgentThatBeginsAnewKnowsThatItTookOver) {
  alpha_says(mesh::LeaseWord{Polls::idle}, 0s, 30s);
  ASSERT_EQ(gateway.polls, Polls::runs);
  begin();
  alpha_says(std::nullopt, 0s, 1min);
  EXPECT_EQ(verdict.act, Act::poll);
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(OnBeta, WhatTheBootStartedIsStopped) {
  gateway.polls = Polls::runs;
  alpha_says(std::nullopt, 0s, 10s);
  EXPECT_EQ(gateway.polls, Polls::runs) << "who has the bot may be heard in a moment";
  alpha_says(std::nullopt, 0s, 10s);
  EXPECT_EQ(gateway.polls, Polls::wants);
}

TEST_F(OnBeta, NothingIsSaidOfAGatewayThatWasNotLookedAt) {
  gateway.polls.reset();
  verdict.node = "untouched";
  alpha_says(mesh::LeaseWord{Polls::runs}, 0s);
  EXPECT_EQ(verdict.node, "untouched");
  EXPECT_EQ(leases->tag(), "");
}

TEST_F(OnBeta, TheTwoAreNoTwinsThatPeopleMustHearOf) {
  alpha_says(mesh::LeaseWord{Polls::runs}, 0s);
  EXPECT_TRUE(leases->agreed("spare", "alpha"));
  EXPECT_FALSE(leases->agreed("spare", "gamma"));
  EXPECT_THAT(leases->nodes(), testing::ElementsAre("alpha")) << "it is to be heard each second";
}

TEST_F(OnBeta, APrimaryHearsOfItsStandByFromTheGossipAlone) {
  mesh.node = "alpha";
  mesh.gateways = {mesh.gateways[0]};
  gateway.spec = mesh.gateways[0];
  begin();
  auto word = mesh::lease_tag({{mesh::lease_group("alpha", "main"), {Polls::runs}}});
  serf::Member beta{
      .name = "beta", .address = {}, .port = 0, .state = serf::MemberState::alive, .tags = {{"lease", word}}};
  leases->hear({beta});
  judgement->heard("beta", clock.now(), {});
  leases->tick(clock.now(), *judgement);
  EXPECT_EQ(verdict.act, Act::hold);
  EXPECT_EQ(verdict.node, "beta");
  EXPECT_THAT(leases->tag(), HasSubstr("=w"));
}

TEST_F(OnBeta, APromiseIsMeasuredThroughARestartOfTheAgent) {
  mesh.gateways[1].yields_alone = 1min;
  gateway.spec.yields_alone = 1min;
  begin();
  alpha_says(mesh::LeaseWord{Polls::idle}, 0s, 30s);
  ASSERT_EQ(gateway.polls, Polls::runs);
  EXPECT_THAT(leases->tag(), HasSubstr("=r105")) << "the time alone and the longest stop";
  auto silent_for = [&](Duration how_long) {
    for (auto t = 0s; t < how_long; t += 1s) {
      clock.advance(1s);
      leases->hear({});
      judgement->decide(clock.now());
      leases->tick(clock.now(), *judgement);
    }
  };
  silent_for(40s);
  begin();
  EXPECT_EQ(gateway.polls, Polls::runs);
  silent_for(30s);
  EXPECT_EQ(gateway.polls, Polls::wants);
  EXPECT_EQ(verdict.because, Because::alone);
}

}  // namespace
}  // namespace meshops
