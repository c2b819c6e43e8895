// Time: the Clock seam, durations and timestamps as text.
// Decisions take Instants as arguments; only edges ask a Clock. Data is UTC ISO-8601; people get "2 min ago".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meshops {

using Duration = std::chrono::nanoseconds;
/// Monotonic, counts through suspend (CLOCK_BOOTTIME): what intervals are measured with. Means nothing after
/// a reboot.
struct Instant {
  Duration since_boot{};
  auto operator<=>(const Instant&) const = default;
  friend Instant operator+(Instant a, Duration d) { return {a.since_boot + d}; }
  friend Instant operator-(Instant a, Duration d) { return {a.since_boot - d}; }
  friend Duration operator-(Instant a, Instant b) { return a.since_boot - b.since_boot; }
};
/// What the wall clock says; may jump. For records and people, never for intervals.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// The first of the five seams.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  WallTime wall() const override;
};

/// "2026-11-24T05:40:00.123Z"
std::string iso8601(WallTime t);
/// The inverse; also accepts seconds without fraction. Nothing if it is not a UTC time.
std::optional<WallTime> parse_iso8601(std::string_view text);

/// "90s", "1h30m", "250ms", "2d"; also a bare "0". Units: ms s m h d, also min, sec. Nothing if it is not a
/// duration.
std::optional<Duration> parse_duration(std::string_view text);
/// The inverse, exact: "1h30m", "250ms", "0s".
std::string duration_text(Duration d);
/// For people, two units at most and rounded: "12 s", "3 min", "2 h 5 min", "4 d".
std::string about(Duration d);

inline double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace meshops
