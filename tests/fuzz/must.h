// What a fuzz target claims: if it does not hold, the fuzzer has found something.
#pragma once

#include <cstdlib>

/// abort() and not assert(): the fuzzer must see it in every build type.
inline void must(bool holds) {
  if (!holds) std::abort();
}
