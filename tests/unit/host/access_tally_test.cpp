#include "host/access_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");
const std::string kFile = "/home/claw/.openclaw/.env";

Reader cat(pid_t pid = 100, uid_t uid = 1000) {
  return {.pid = pid, .start_ticks = 5, .uid = uid, .exe = "/usr/bin/cat", .comm = "cat", .cgroup = "/x"};
}

TEST(AccessTally, TenThousandReadsOfOneKindAreOneEntry) {
  AccessTally tally;
  for (int i = 0; i < 10'000; ++i) {
    tally.add(kFile, cat(100 + i), true, false, kNow + i * 1ms);
    tally.add(kFile, cat(100 + i), false, true, kNow + i * 1ms);
  }
  auto seen = tally.take();
  ASSERT_EQ(seen.all.size(), 1U);
  EXPECT_EQ(seen.all[0].times, 10'000U);
  EXPECT_TRUE(seen.all[0].read);
  EXPECT_EQ(seen.all[0].first, kNow);
  EXPECT_EQ(seen.all[0].last, kNow + 9'999ms);
  EXPECT_EQ(seen.all[0].reader.pid, 10'099) << "the last of them";
  EXPECT_TRUE(seen.missed.empty());
  EXPECT_TRUE(tally.empty());
}

TEST(AccessTally, WhatTellsReadersApartKeepsThemApart) {
  AccessTally tally;
  tally.add(kFile, cat(), true, true, kNow);
  tally.add("/etc/other.env", cat(), true, true, kNow);
  tally.add(kFile, cat(1, 0), true, true, kNow);
  for (auto change : {+[](Reader& r) { r.login = 1001; }, +[](Reader& r) { r.exe = "/usr/bin/less"; },
                      +[](Reader& r) { r.comm = "kat"; }, +[](Reader& r) { r.cgroup = "/y"; },
                      +[](Reader& r) { r.uid = std::nullopt; }}) {
    auto other = cat();
    change(other);
    tally.add(kFile, other, true, true, kNow);
  }
  EXPECT_EQ(tally.take().all.size(), 8U);
}

TEST(AccessTally, OnlyOpenedIsNotRead) {
  AccessTally tally;
  tally.add(kFile, cat(), true, false, kNow);
  EXPECT_FALSE(tally.take().all.at(0).read);
}

TEST(AccessTally, AReadOfWhatWasOpenBeforeCountsOnce) {
  AccessTally tally;
  tally.add(kFile, cat(), false, true, kNow);
  tally.add(kFile, cat(), false, true, kNow);
  EXPECT_EQ(tally.take().all.at(0).times, 1U);
}

TEST(AccessTally, AClockThatIsSetBackDoesNotTurnFirstAndLastRound) {
  AccessTally tally;
  tally.add(kFile, cat(), true, true, kNow);
  tally.add(kFile, cat(), true, true, kNow - 1h);
  auto seen = tally.take();
  EXPECT_EQ(seen.all.at(0).first, kNow - 1h);
  EXPECT_EQ(seen.all.at(0).last, kNow);
}

TEST(AccessTally, AFloodOfDifferentReadersIsCountedNotKept) {
  AccessTally tally;
  for (std::size_t i = 0; i < AccessTally::kMost + 7; ++i) {
    auto reader = cat();
    reader.comm = std::to_string(i);
    tally.add(kFile, reader, true, true, kNow);
  }
  auto seen = tally.take();
  EXPECT_EQ(seen.all.size(), AccessTally::kMost);
  EXPECT_THAT(seen.missed, ElementsAre(HasSubstr("7 accesses were not told apart")));
  EXPECT_TRUE(tally.take().missed.empty()) << "told once";
}

TEST(AccessTally, WhatIsMissedIsSaidOnce) {
  AccessTally tally;
  tally.missed("the queue was full");
  tally.missed("the queue was full");
  EXPECT_FALSE(tally.empty());
  EXPECT_THAT(tally.take().missed, ElementsAre("the queue was full"));
}

}  // namespace
}  // namespace meshops
