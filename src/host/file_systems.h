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

/// Those of this process's mount namespace, with sizes.
Result<std::vector<FileSystemInfo>> local_file_systems();

}  // namespace meshops
