// The lease on a patient: one healer at a time, whatever ends when.
#include "mesh/lease_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "base/file.h"
#include "fakes/fake_clock.h"
#include "unit/base/temp_dir.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class LeaseOnAPatient : public testing::Test {
 protected:
  TempDir directory;
  RemotePlaces places{directory.path / "state", directory.path / "run"};
  FakeClock clock;
  LeaseFile lease{places, clock, "boot-1"};
};

TEST_F(LeaseOnAPatient, ASecondHealerIsToldWhoHeals) {
  auto beta = lease.take("beta");
  ASSERT_TRUE(beta) << beta.error().text();
  EXPECT_EQ(beta->fence, 1U);
  auto gamma = lease.take("gamma");
  ASSERT_FALSE(gamma);
  EXPECT_EQ(gamma.error().code(), "remote.leased");
  EXPECT_THAT(gamma.error().text(), HasSubstr("beta"));
  EXPECT_TRUE(lease.holds("beta", 1));
  EXPECT_EQ(lease.holds("gamma", 1).error().code(), "remote.leased");
}

TEST_F(LeaseOnAPatient, WhatIsDoneUnderItIsTheNextHealersHistory) {
  constexpr unsigned kPerHour = 3;
  auto beta = lease.take("beta", 41);
  ASSERT_TRUE(beta);
  EXPECT_TRUE(lease.history("alpha")->empty()) << "a lease alone is no treatment";
  EXPECT_EQ(lease.begin_deed("gamma", 1, "agent", kPerHour).error().code(), "remote.leased");
  EXPECT_EQ(lease.begin_deed("beta", 2, "agent", kPerHour).error().code(), "remote.no_lease");
  ASSERT_TRUE(lease.begin_deed("beta", 1, "agent", kPerHour));
  clock.advance(20s);
  std::vector<Treatment> open = {
      {.patient = "alpha", .healer = "beta", .number = 41, .age = 20s, .over = false}};
  EXPECT_EQ(*lease.history("alpha"), open);
  ASSERT_TRUE(lease.release("beta", 1));
  clock.advance(5min);
  std::vector<Treatment> over = {
      {.patient = "alpha", .healer = "beta", .number = 41, .age = 5min, .over = true}};
  EXPECT_EQ(*LeaseFile(places, clock, "boot-1").history("alpha"), over) << "another process reads it so";
}

TEST_F(LeaseOnAPatient, ATreatmentEndsWithItsLease) {
  ASSERT_TRUE(lease.take("beta", 41));
  ASSERT_TRUE(lease.begin_deed("beta", 1, "agent", 3));
  clock.advance(kLeaseLength + 60s);
  auto alone = *lease.history("alpha");
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_TRUE(alone[0].over);
  EXPECT_EQ(alone[0].age, 60s);
  ASSERT_TRUE(lease.take("gamma"));
  clock.advance(10s);
  EXPECT_EQ(lease.history("alpha")->at(0).age, 70s) << "not renewed by the next lease";
}

TEST_F(LeaseOnAPatient, ItIsAsLongAsHealersTakeItToBe) { EXPECT_EQ(kLeaseLength, MeshLimits{}.lease_term); }

TEST_F(LeaseOnAPatient, ItEndsByItselfAndTheNumberGrows) {
  ASSERT_TRUE(lease.take("beta"));
  clock.advance(kLeaseLength - 1s);
  EXPECT_FALSE(lease.take("gamma"));
  clock.advance(1s);
  EXPECT_EQ(lease.holds("beta", 1).error().code(), "remote.no_lease");
  EXPECT_EQ(lease.renew("beta", 1).error().code(), "remote.no_lease") << "too late: somebody may have come";
  auto gamma = lease.take("gamma");
  ASSERT_TRUE(gamma);
  EXPECT_EQ(gamma->fence, 2U);
}

TEST_F(LeaseOnAPatient, WhoGoesOnRenewsAndWhoIsThroughGivesBack) {
  auto beta = lease.take("beta");
  for (int i = 0; i < 10; ++i) {
    clock.advance(kLeaseLength - 1s);
    ASSERT_TRUE(lease.renew("beta", beta->fence));
  }
  EXPECT_FALSE(lease.release("gamma", beta->fence));
  EXPECT_FALSE(lease.release("beta", beta->fence + 1));
  EXPECT_TRUE(lease.release("beta", beta->fence));
  EXPECT_FALSE(lease.release("beta", beta->fence)) << "once";
  EXPECT_EQ(*lease.current(), std::nullopt);
  EXPECT_EQ(lease.take("gamma")->fence, beta->fence + 1);
}

TEST_F(LeaseOnAPatient, AHealerThatBeganAnewHasANewNumber) {
  ASSERT_EQ(lease.take("beta")->fence, 1U);
  ASSERT_EQ(lease.take("beta")->fence, 2U);
  EXPECT_FALSE(lease.holds("beta", 1)) << "what it asked before it died is worth nothing";
  EXPECT_TRUE(lease.holds("beta", 2));
}

TEST_F(LeaseOnAPatient, AClockThatJumpsChangesNothing) {
  ASSERT_TRUE(lease.take("beta"));
  clock.set_wall(clock.wall() + 24h * 365);
  EXPECT_FALSE(lease.take("gamma"));
  clock.set_wall(clock.wall() - 24h * 730);
  EXPECT_FALSE(lease.take("gamma"));
}

TEST_F(LeaseOnAPatient, ABootEndsItButNotTheNumber) {
  ASSERT_TRUE(lease.take("beta"));
  LeaseFile after(places, clock, "boot-2");
  EXPECT_FALSE(after.holds("beta", 1));
  EXPECT_EQ(after.take("gamma")->fence, 2U);
}

TEST_F(LeaseOnAPatient, WhileTheDiskTakesNothingItIsHeldInMemoryAndTheNumberStillGrows) {
  if (::geteuid() == 0) GTEST_SKIP() << "root writes everywhere: run it as another user";
  ASSERT_EQ(lease.take("beta")->fence, 1U);
  ASSERT_TRUE(lease.release("beta", 1));
  std::filesystem::permissions(places.state, std::filesystem::perms(0500));
  ASSERT_EQ(lease.take("beta")->fence, 2U);
  EXPECT_FALSE(lease.take("gamma"));
  std::filesystem::permissions(places.state, std::filesystem::perms(0700));
  // The disk is back, with an older text than memory has.
  EXPECT_FALSE(lease.take("gamma"));
  clock.advance(kLeaseLength);
  EXPECT_EQ(lease.take("gamma")->fence, 3U);
}

TEST_F(LeaseOnAPatient, ADamagedFileIsNoFreeBed) {
  ASSERT_TRUE(lease.take("beta"));
  ASSERT_TRUE(write_file_atomic(places.state / "healing-lease", "7\n{\"schema\":\"meshops.lease/1\"}\n"));
  EXPECT_EQ(lease.take("gamma").error().code(), "remote.not_kept");
  EXPECT_FALSE(lease.current());
}

TEST_F(LeaseOnAPatient, TheNodesOwnHealerGoesFirst) {
  LeaseFile agents(places, clock, "boot-1");
  ASSERT_TRUE(agents.begin_own("main", "tries restart_gateway against gateway_hung"));
  auto beta = lease.take("beta");
  ASSERT_FALSE(beta);
  EXPECT_EQ(beta.error().code(), "remote.leased");
  EXPECT_THAT(beta.error().text(), HasSubstr("main"));
  EXPECT_THAT(beta.error().text(), HasSubstr("restart_gateway"));
  EXPECT_THAT(beta.error().text(), HasSubstr("2026-11-24T05:40:00"));
  agents.end_own("main");
  EXPECT_TRUE(lease.take("beta"));
}

TEST_F(LeaseOnAPatient, WhileASiblingHealsTheOwnHealerBeginsNothingOfItsOwn) {
  LeaseFile agents(places, clock, "boot-1");
  ASSERT_TRUE(lease.take("beta"));
  EXPECT_EQ(agents.begin_own("main", "looks").error().code(), "remote.leased");
  EXPECT_FALSE(agents.own_treatment());
  // What the sibling asked for is another matter; and it may still renew and come again.
  ASSERT_TRUE(agents.begin_own("main", "looks", 1));
  EXPECT_TRUE(lease.renew("beta", 1));
  EXPECT_TRUE(lease.take("beta"));
  EXPECT_FALSE(agents.begin_own("second", "looks", 1)) << "asked for under a lease that is no more";
  clock.advance(kLeaseLength);
  EXPECT_EQ(lease.take("gamma").error().code(), "remote.leased") << "it is still at it";
  agents.end_own("main");
  EXPECT_TRUE(lease.take("gamma"));
}

TEST_F(LeaseOnAPatient, TwoGatewaysOfOneNodeAreTreatedAtOnce) {
  LeaseFile agents(places, clock, "boot-1");
  ASSERT_TRUE(agents.begin_own("main", "a"));
  ASSERT_TRUE(agents.begin_own("second", "b"));
  agents.end_own("main");
  EXPECT_EQ(agents.own_treatment()->gateway, "second");
  EXPECT_FALSE(lease.take("beta"));
  agents.end_own("second");
  EXPECT_TRUE(lease.take("beta"));
}

/// A child that does something for ever and is killed at an instant that nobody chose.
void killed_while(const std::function<void()>& work, useconds_t after) {
  auto pid = ::fork();
  if (pid == 0) {
    for (;;) work();
  }
  ::usleep(after);
  ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
}

TEST_F(LeaseOnAPatient, AnAgentThatIsKilledTreatsNoMore) {
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  auto pid = ::fork();
  if (pid == 0) {
    LeaseFile agents(places, clock, "boot-1");
    bool begun = agents.begin_own("main", "looks").has_value();
    (void)!::write(ready[1], begun ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char said = 0;
  ASSERT_EQ(::read(ready[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  EXPECT_FALSE(lease.take("beta"));
  ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(lease.take("beta"));
}

TEST_F(LeaseOnAPatient, AKillBetweenAnyTwoWritesLeavesItWhole) {
  std::uint64_t last = 0;
  for (useconds_t after = 500; after < 20'000; after += 900) {
    killed_while(
        [&] {
          auto taken = lease.take("beta");
          if (taken) (void)lease.release("beta", taken->fence);
        },
        after);
    auto now = lease.take("beta");
    ASSERT_TRUE(now) << now.error().text();
    EXPECT_GT(now->fence, last);
    last = now->fence;
    ASSERT_TRUE(lease.release("beta", last));
  }
}

TEST(LeaseText, ComesBackAsItWas) {
  Lease lease{.holder = "beta",
              .fence = 7,
              .ticket = 12,
              .expires = Instant{3723s},
              .boot = "b",
              .taken = *parse_iso8601("2026-11-24T05:40:00Z")};
  EXPECT_EQ(*parse_lease(to_json(lease)), lease);
  EXPECT_EQ(*parse_lease(""), Lease{});
  for (const char* bad : {"{}", "[]", "x", R"({"schema":"meshops.lease/1","holder":"b","fence":-1})"})
    EXPECT_FALSE(parse_lease(bad)) << bad;
}

}  // namespace
}  // namespace meshops::mesh
