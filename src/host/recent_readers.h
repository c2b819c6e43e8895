// Who a reader was when it was last seen, for a moment: the events of a process that has just ended are still
// its own. Asked by the watch over files. Pure.
#pragma once

#include <map>

#include "base/time.h"
#include "host/access_tally.h"

namespace meshops {

class RecentReaders {
 public:
  /// Pids are given out in turn: for one to be another process's within this, all of them must have been used
  /// up.
  static constexpr auto kFor = std::chrono::seconds(1);
  static constexpr std::size_t kMost = 256;

  /// What can be said of it now, with what was seen of the same process a moment ago.
  Reader complete(Reader seen, Instant now);

 private:
  struct Seen {
    Reader reader;
    Instant at;
  };
  std::map<pid_t, Seen> seen_;
};

}  // namespace meshops
