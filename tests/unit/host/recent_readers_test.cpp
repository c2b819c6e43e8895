#include "host/recent_readers.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

using namespace std::chrono_literals;

const Instant kNow{1h};
Reader cat() {
  return {.pid = 100, .start_ticks = 5, .uid = 1000, .exe = "/usr/bin/cat", .comm = "cat", .cgroup = "/x"};
}
Reader body() { return {.pid = 100, .start_ticks = 5, .uid = 1000, .exe = "", .comm = "cat", .cgroup = "/"}; }

TEST(RecentReaders, WhatHasJustEndedIsWhoItWas) {
  RecentReaders recent;
  recent.complete(cat(), kNow);
  EXPECT_EQ(recent.complete(body(), kNow + 1ms).exe, "/usr/bin/cat");
  auto gone = recent.complete({.pid = 100}, kNow + 2ms);
  EXPECT_EQ(gone.exe, "/usr/bin/cat");
  EXPECT_EQ(gone.uid, 1000U);
}

TEST(RecentReaders, NotForLongAndNotForAnotherProcess) {
  RecentReaders recent;
  recent.complete(cat(), kNow);
  EXPECT_EQ(recent.complete({.pid = 100}, kNow + 2s).exe, "");
  EXPECT_EQ(recent.complete({.pid = 101}, kNow).exe, "");
  auto other = body();
  other.start_ticks = 6;
  EXPECT_EQ(recent.complete(other, kNow).exe, "");
  EXPECT_EQ(recent.complete({.pid = 0}, kNow).exe, "");
}

TEST(RecentReaders, WhatIsSeenAnewCounts) {
  RecentReaders recent;
  recent.complete(cat(), kNow);
  auto next = cat();
  next.exe = "/usr/bin/less";  // the same process runs another program now
  EXPECT_EQ(recent.complete(next, kNow).exe, "/usr/bin/less");
  EXPECT_EQ(recent.complete(body(), kNow).exe, "/usr/bin/less");
}

TEST(RecentReaders, AFloodIsForgotten) {
  RecentReaders recent;
  for (pid_t pid = 1; pid <= static_cast<pid_t>(RecentReaders::kMost) + 1; ++pid) {
    auto reader = cat();
    reader.pid = pid;
    recent.complete(reader, kNow);
  }
  EXPECT_EQ(recent.complete({.pid = 1}, kNow).exe, "");
}

}  // namespace
}  // namespace meshops
