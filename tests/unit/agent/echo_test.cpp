// When this node's own answerer is started again.
#include "agent/echo.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

using namespace std::chrono_literals;
constexpr Instant kBegan{1h};

TEST(Echo, ASilenceCountsFromTheFirstCallOrTheLastAnswer) {
  EXPECT_FALSE(is_dumb(kBegan + 1h, {}, {}, {})) << "nobody has called";
  EXPECT_FALSE(is_dumb(kBegan + 19s, kBegan, {}, {}));
  EXPECT_TRUE(is_dumb(kBegan + 20s, kBegan, {}, {}));
  EXPECT_FALSE(is_dumb(kBegan + 1h, kBegan, kBegan + 1h - 19s, {}));
  EXPECT_TRUE(is_dumb(kBegan + 1h, kBegan, kBegan + 1h - 20s, {}));
}

TEST(Echo, AfterHelpItHasTwoMinutes) {
  auto helped = kBegan + 20s;
  EXPECT_FALSE(is_dumb(helped + 119s, kBegan, {}, helped));
  EXPECT_TRUE(is_dumb(helped + 2min, kBegan, {}, helped));
  EXPECT_FALSE(is_dumb(helped + 1h, kBegan, helped + 1h - 1s, helped));
}

}  // namespace
}  // namespace meshops
