// Paths resolved inside a directory as if it were "/". Called by RootedHost and its tests.
// Never leaves the directory, whatever symbolic links and ".." stand in it.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "base/result.h"

namespace meshops {

enum class Resolver {
  kernel,   // openat2(2) with RESOLVE_IN_ROOT, Linux 5.6: absolute links are taken inside the root
  by_hand,  // older: a link that leads out is refused, also an absolute one that is meant for inside
};

/// An O_PATH descriptor. With `follow_last` false a last symbolic link is opened itself.
Result<Fd> open_in_root(const std::filesystem::path& root, const std::filesystem::path& path,
                        bool follow_last, Resolver resolver = Resolver::kernel);

}  // namespace meshops
