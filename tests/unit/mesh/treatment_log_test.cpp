// What a patient remembers of its siblings' treatments, and when it has had enough of them.
#include "mesh/treatment_log.h"

#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kPerHour = 3;
const Instant kNow{5h};

TreatmentLog empty() { return *TreatmentLog::parse("", "boot-1", kNow); }

TEST(TreatmentLog, ThreeAnHourOverAllHealersAndNotOneMore) {
  auto log = empty();
  auto now = kNow;
  const char* healers[] = {"beta", "gamma", "delta"};
  for (std::uint64_t fence = 1; fence <= 3; ++fence, now = now + 10min) {
    ASSERT_TRUE(log.begin(healers[fence - 1], fence, fence, "agent", kPerHour, now));
    log.close_but(0, now + 1min);
  }
  auto fourth = log.begin("epsilon", 4, 4, "agent", kPerHour, now);
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().code(), "remote.spent");
  EXPECT_EQ(log.history("alpha", now).size(), 3U) << "what was refused is none";
  EXPECT_TRUE(log.begin("epsilon", 4, 4, "agent", kPerHour, kNow + 61min)) << "the first is an hour old";
}

TEST(TreatmentLog, OneLeaseIsOneTreatmentUnlessADeedIsRepeated) {
  auto log = empty();
  ASSERT_TRUE(log.begin("beta", 9, 1, "agent", kPerHour, kNow));
  ASSERT_TRUE(log.begin("beta", 9, 1, "heal:main", kPerHour, kNow));
  ASSERT_TRUE(log.begin("beta", 9, 1, "heal:second", kPerHour, kNow));
  EXPECT_EQ(log.history("alpha", kNow).size(), 1U);
  ASSERT_TRUE(log.begin("beta", 9, 1, "agent", kPerHour, kNow));
  ASSERT_TRUE(log.begin("beta", 9, 1, "agent", kPerHour, kNow));
  EXPECT_FALSE(log.begin("beta", 9, 1, "agent", kPerHour, kNow))
      << "a lease that is renewed for ever opens no door";
}

TEST(TreatmentLog, OpenOnesCountHoweverOldTheyAre) {
  auto log = empty();
  ASSERT_TRUE(log.begin("beta", 1, 1, "heal:main", 1, kNow));
  EXPECT_FALSE(log.begin("gamma", 1, 2, "heal:main", 1, kNow + 3h));
}

TEST(TreatmentLog, ComesBackAsItWasWritten) {
  auto log = empty();
  ASSERT_TRUE(log.begin("beta", 1, 1, "agent", kPerHour, kNow));
  log.close_but(0, kNow + 1min);
  ASSERT_TRUE(log.begin("gamma", 18446744073709551615U, 2, "heal:main", kPerHour, kNow + 2min));
  auto now = kNow + 3min;
  auto again = TreatmentLog::parse(log.text(), "boot-1", now);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->text(), log.text());
  std::vector<Treatment> wanted = {
      {.patient = "alpha", .healer = "beta", .number = 1, .age = 2min, .over = true},
      {.patient = "alpha", .healer = "gamma", .number = 18446744073709551615U, .age = 1min, .over = false}};
  EXPECT_EQ(again->history("alpha", now), wanted);
}

TEST(TreatmentLog, AfterABootAllIsDatedNowAndOver) {
  auto log = empty();
  ASSERT_TRUE(log.begin("beta", 1, 1, "agent", kPerHour, kNow));
  // Its clock begins anew: what it says of times is of another boot.
  Instant soon{20s};
  auto after = TreatmentLog::parse(log.text(), "boot-2", soon);
  ASSERT_TRUE(after);
  std::vector<Treatment> wanted = {
      {.patient = "alpha", .healer = "beta", .number = 1, .age = 0s, .over = true}};
  EXPECT_EQ(after->history("alpha", soon), wanted);
  auto written = TreatmentLog::parse(after->text(), "boot-2", soon + 5min);
  EXPECT_EQ(written->history("alpha", soon + 5min).at(0).age, 5min) << "dated once, not at each look";
}

TEST(TreatmentLog, ADamagedMemoryIsNoEmptyOne) {
  const std::string head = "meshops.treatments/1 boot-1\n";
  EXPECT_TRUE(TreatmentLog::parse(head, "boot-1", kNow));
  for (const auto& bad :
       {std::string("x"), std::string("meshops.treatments/2 boot-1\n"), head + "beta 1 1 5 -\n",
        head + "be/ta 1 1 5 - agent\n", head + "beta 1 1 -5 - agent\n", head + "beta 1 x 5 - agent\n",
        head + "beta 1 1 5 y agent\n", head + "beta 1 1 5 - a;b\n"}) {
    auto read = TreatmentLog::parse(bad, "boot-1", kNow);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code(), "remote.not_kept");
  }
}

TEST(TreatmentLog, OfManyTheOldestGoes) {
  auto log = empty();
  for (std::uint64_t i = 1; i <= 200; ++i) {
    ASSERT_TRUE(log.begin("beta", i, i, "agent", 1000, kNow));
    log.close_but(0, kNow);
  }
  auto read = TreatmentLog::parse(log.text(), "boot-1", kNow);
  ASSERT_TRUE(read);
  auto history = read->history("alpha", kNow);
  EXPECT_EQ(history.size(), TreatmentLog::kMost);
  EXPECT_EQ(history.back().number, 200U);
}

}  // namespace
}  // namespace meshops::mesh
