// What benches measure by: wall clocks lie on a shared machine. Called by the benches only.
#pragma once

#include <ctime>

namespace meshops::bench {

/// Of this process so far.
inline double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

}  // namespace meshops::bench
