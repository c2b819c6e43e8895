// What ties evidence together: combinations that mean more than their parts, evidence that speaks against a
// cause, and which cause explains which other away. Tables only; called by the diagnosis and its tests.
#pragma once

#include <span>
#include <string_view>

#include "diagnose/signatures.h"

namespace meshops::diagnose {

/// All of these seen together. Ids of signatures or of facts (facts.cpp); empty ones are unused.
struct Combination {
  std::string_view id;
  Points to[2];
  std::string_view all[3];
  std::string_view why;
};
std::span<const Combination> combinations();

/// One piece of evidence that makes a cause less likely, by so many percent.
struct Contradiction {
  std::string_view id;
  Cause cause{};
  int percent = 0;
};
std::span<const Contradiction> contradictions();

/// When `primary` is likely, so much of `secondary` is its doing.
struct Explains {
  Cause primary{};
  Cause secondary{};
  int percent = 0;
};
std::span<const Explains> explanations();

}  // namespace meshops::diagnose
