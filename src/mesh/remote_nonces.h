// The requests that a patient has seen: each is good once. A list of nonces with the end of their time; old
// ones are forgotten, but never the newest thousand, so that a clock that jumps back opens no door. Called
// by RemoteGate. Pure; where it is kept is the shelf's.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace meshops::mesh {

class SeenNonces {
 public:
  /// Of these, whether they have ended or not, none is forgotten; and more than that which have not ended
  /// are refused: nobody asks as often.
  static constexpr std::size_t kKept = 1024, kMost = 4096;

  static Result<SeenNonces> parse(std::string_view text);
  std::string text() const;

  /// Seen from now on; `replayed` if it has been, `not_kept` if there are too many.
  Status see(std::string_view nonce, WallTime until, WallTime now);
  std::size_t size() const { return seen_.size(); }

 private:
  struct Seen {
    std::string nonce;
    WallTime until{};
  };
  std::deque<Seen> seen_;  // oldest first
};

}  // namespace meshops::mesh
