// What became of a gateway's turns, and what that makes of the layer `works`. Pure: an Adapter reads the
// signs in the gateway's own log, the Keeper feeds them, together with the outcome of canaries.
#pragma once

#include <optional>
#include <string>

#include "gateway/health.h"

namespace meshops {

struct TurnSign {
  enum class Kind {
    began,           // a new generation of the gateway: the turns before it say nothing any more
    succeeded,       // a turn ended well
    failed,          // a turn ended badly
    failed_as_told,  // the same, but a `failed` right before it may have told of this very turn
  };
  Kind kind = Kind::began;
  std::string why;  // of a failure, one line without keys
};

class Turns {
 public:
  void saw(const TurnSign& sign, WallTime at, std::optional<Duration> latency = {});
  /// Nothing seen: a new process.
  void forget() { *this = {}; }
  /// ok after a turn that succeeded; failing when two in a row failed, or all that were seen. One failure
  /// among successes is a matter of that turn. Not every good turn leaves a sign (a chat channel's may not),
  /// so a failure speaks for a quarter of an hour only.
  LayerHealth works(WallTime now) const;
  /// When the last sign of a turn was; the epoch if none was seen.
  WallTime last() const { return last_; }

 private:
  bool succeeded_ = false;    // once at least
  unsigned failures_ = 0;     // since the last success
  bool just_failed_ = false;  // the last sign was `failed`
  std::string why_;
  WallTime last_{};   // the last sign of a turn
  WallTime since_{};  // the first of the failures, or the last success before none
  std::optional<Duration> latency_;
};

}  // namespace meshops
