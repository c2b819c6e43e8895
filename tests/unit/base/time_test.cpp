#include "base/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace meshops {
namespace {
using namespace std::chrono_literals;

TEST(Time, DurationsAreRead) {
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1h 30min"), 90min);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("0"), 0s);
}
TEST(Time, WhatIsNoDurationIsRefused) {
  for (auto text :
       {"", "90", "s", "5 parsecs", "-3s", "1.5s", "99999999999999999999s", "9223372036854775807d", "1h30"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}
TEST(Time, PeopleGetTwoUnits) {
  EXPECT_EQ(about(450ms), "450 ms");
  EXPECT_EQ(about(12s), "12 s");
  EXPECT_EQ(about(125min), "2 h 5 min");
  EXPECT_EQ(about(100h), "4 d 4 h");
}
TEST(Time, TimestampsAreUtcIso) {
  WallTime t{std::chrono::milliseconds(1'764'000'000'123)};
  EXPECT_EQ(iso8601(t), "2025-11-24T16:00:00.123Z");
  EXPECT_EQ(parse_iso8601("2025-11-24T16:00:00.123Z"), t);
  EXPECT_EQ(parse_iso8601("2025-11-24T16:00:00Z"), t - 123ms);
}
TEST(Time, WhatIsNoTimestampIsRefused) {
  for (auto text :
       {"", "2025-11-24", "2025-13-24T16:00:00Z", "2025-02-30T16:00:00Z", "2025-11-24T25:00:00Z",
        "2025-11-24T16:00:00", "2025-11-24T16:00:00.Z", "2025-11-24T16:00:00.1xZ", "abcd-ef-ghTij:kl:mnZ"})
    EXPECT_EQ(parse_iso8601(text), std::nullopt) << text;
}
RC_GTEST_PROP(TimeProperty, DurationTextReadsBack, ()) {
  auto ms = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
  RC_ASSERT(parse_duration(duration_text(std::chrono::milliseconds(ms))) == std::chrono::milliseconds(ms));
}
RC_GTEST_PROP(TimeProperty, TimestampReadsBack, ()) {
  WallTime t{std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 253'402'300'799'000))};
  RC_ASSERT(parse_iso8601(iso8601(t)) == t);
}

}  // namespace
}  // namespace meshops
