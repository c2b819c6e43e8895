// A Clock that stands still until a test moves it.
#pragma once

#include "base/time.h"

namespace meshops {

class FakeClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return wall_; }

  /// Both clocks go on by that much.
  void advance(Duration d) {
    now_ = now_ + d;
    wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(d);
  }
  void set_now(Instant t) { now_ = t; }
  /// The wall clock jumps; intervals must not notice.
  void set_wall(WallTime t) { wall_ = t; }

 private:
  Instant now_{std::chrono::hours(1)};
  WallTime wall_ = *parse_iso8601("2026-11-24T05:40:00Z");
};

}  // namespace meshops
