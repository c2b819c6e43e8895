// The scanner: which signatures stand in a log. Called by the diagnosis. It looks for the needles of all
// signatures at once and runs a pattern only on the lines around its own. Pure, and total on hostile bytes:
// time is linear in the text, memory does not grow with it, and a pattern that never is needed is never
// compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "diagnose/signatures.h"

namespace re2 {
class RE2;
}

namespace meshops::diagnose {

struct Hit {
  std::size_t signature = 0;
  std::size_t line = 0;   // from 1
  std::string_view text;  // the line, of a long one the kLineShown bytes around the match
};
constexpr std::size_t kLineShown = 512;
/// Of one signature: what repeats is not more certain for it.
constexpr std::size_t kHitsPerSignature = 3;
/// A line longer than a block is seen in pieces.
constexpr std::size_t kBlock = 256U << 10;
/// So much of a long line is looked at on each side of a needle; no pattern needs more.
constexpr std::size_t kReach = 1024;
/// A needle that stands everywhere without its pattern is not looked at for ever: so often per signature in a
/// block, half as often in the next one when all were in vain, down to the fewest; and of a weak signature so
/// often in the whole log.
constexpr std::size_t kTriesPerBlock = 48, kFewestTriesPerBlock = 12;
constexpr std::size_t kTriesOfWeak = 64;

/// Signatures made ready to be looked for together. May be used from several threads.
class Scanner {
 public:
  explicit Scanner(std::span<const Signature> signatures);
  ~Scanner();

  /// What was done for a scan, for tests and benches.
  struct Work {
    std::size_t needles = 0;  // found
    std::size_t tries = 0;    // patterns run, each on at most 2 * kReach bytes
  };
  /// The hits in `text`, by signature (its number in what the scanner was made of) and line.
  std::vector<Hit> scan(std::string_view text, Work* work = nullptr) const;

 private:
  friend class Reading;
  class Needles;
  const re2::RE2& expression(std::size_t signature) const;

  std::span<const Signature> signatures_;
  std::unique_ptr<const Needles> needles_;
  struct Expression {
    std::once_flag once;
    std::unique_ptr<re2::RE2> compiled;
  };
  mutable std::vector<Expression> expressions_;
};

/// With all signatures.
std::vector<Hit> scan(std::string_view text);

}  // namespace meshops::diagnose
