// Mounted file systems with what is free on them. Called by LocalHost; the text of mountinfo is parsed pure.
// Never touches a remote or automounted file system: statvfs() on one whose server is gone does not return.
#pragma once

#include <string_view>
#include <vector>

#include "host/host.h"

namespace meshops {

/// proc_pid_mountinfo(5) → local file systems that store something, without their sizes. Of several mounts on
/// one point the last is the one seen.
std::vector<FileSystemInfo> parse_mountinfo(std::string_view text);

/// What statvfs(3) says of one.
struct Space {
  std::uint64_t blocks = 0, free = 0, available = 0, block_bytes = 0;
  std::uint64_t inodes = 0, inodes_free = 0, inodes_available = 0;
};
/// Sizes as df shows them; false for one that stores nothing.
bool set_space(FileSystemInfo& system, const Space& space);

/// Those of this process's mount namespace, with sizes.
Result<std::vector<FileSystemInfo>> local_file_systems();

}  // namespace meshops
