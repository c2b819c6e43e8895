// Each is done once, however many there are and however few at a time.
#include "base/side_by_side.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace meshops {
namespace {

TEST(SideBySide, DoesEachOnceAndReturnsWhenAllAreDone) {
  for (std::size_t count : {0U, 1U, 7U, 100U})
    for (std::size_t at_once : {1U, 3U, 200U}) {
      std::vector<int> done(count, 0);
      side_by_side(count, at_once, [&](std::size_t i) { ++done[i]; });
      EXPECT_EQ(done, std::vector<int>(count, 1)) << count << " " << at_once;
    }
}

TEST(SideBySide, HasNoMoreThanSoManyAtATime) {
  std::atomic<int> now = 0, most = 0;
  side_by_side(50, 3, [&](std::size_t) {
    int mine = ++now;
    for (int seen = most; mine > seen && !most.compare_exchange_weak(seen, mine);) {
    }
    --now;
  });
  EXPECT_LE(most, 3);
}

}  // namespace
}  // namespace meshops
