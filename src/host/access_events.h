// What the kernel writes into a fanotify(7) descriptor, taken apart. Pure: whoever calls it owns the
// descriptors that the events name. Called by the watch over files and the fuzzer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace meshops {

struct AccessEvent {
  bool opened = false, read = false;
  bool overflow = false;  // the kernel's queue was full: events are missing; nothing else is set
  int fd = -1;            // the file, open for reading; -1: none
  pid_t pid = 0;          // 0: a process outside our namespace
  int pidfd = -1;         // -1: none
  bool ended = false;     // the process had ended before the event was fetched: its pid may be another's now
};
struct AccessEvents {
  std::vector<AccessEvent> all;
  /// The rest of the buffer was not as fanotify(7) says, and was not taken apart.
  bool broken = false;
};
AccessEvents parse_access_events(std::string_view buffer);

}  // namespace meshops
