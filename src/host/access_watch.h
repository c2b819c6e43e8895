// The seam to the kernel's telling who opens files (fanotify): it notifies and never holds a reader up.
// Called by the agent's SecretWatch; the fake stands in tests/fakes/fake_access_watch.h.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/result.h"
#include "host/access_tally.h"

namespace meshops {

class AccessWatch {
 public:
  virtual ~AccessWatch() = default;
  /// Watches these from now on, and no others. A path whose file is replaced stays watched; one that is not
  /// there is watched once it comes. Gives those that cannot be, with the reason.
  virtual std::vector<std::pair<std::filesystem::path, Error>> watch(
      const std::set<std::filesystem::path>& files) = 0;
  /// What happened since the last call; not what this process did itself.
  virtual FileAccesses take() = 0;
};

/// `stirred` is called, from another thread, when there is something to take after there was nothing.
/// `not_permitted` without CAP_SYS_ADMIN, `not_here` on a kernel without fanotify.
Result<std::unique_ptr<AccessWatch>> fanotify_watch(std::function<void()> stirred);

}  // namespace meshops
