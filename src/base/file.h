// Files read whole with a limit, written whole or not at all. Edges call it; pure rooms never do.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshops {

MESHOPS_ERROR_CODES(FileCode, "file", not_found, not_permitted, too_large, not_regular, empty, io);

/// errno as an Error of this room: "cannot read /x" because "permission denied".
Error file_error(int error_number, std::string_view doing, const std::filesystem::path& path);

constexpr std::size_t kReadLimit = 16U << 20;
/// The whole file, at most `limit` bytes (also for /proc, whose sizes lie). Refuses directories, FIFOs and
/// devices, which could block for ever.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = kReadLimit);

struct WriteOptions {
  /// Mode of a new file; an existing one keeps its own.
  mode_t mode = 0600;
  /// Owner and group of a new file; an existing one keeps its own (when we may).
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};
/// After it returns the file has exactly these bytes, also through a power cut; if it fails the old bytes are
/// untouched. Temp file beside it, fsync, rename, fsync of the directory. A symbolic link is followed, so the
/// link stays.
Status write_file_atomic(const std::filesystem::path& path, std::string_view bytes,
                         const WriteOptions& options = {});

/// Makes the directory and its parents (new ones with `mode`); good if it exists.
Status make_directories(const std::filesystem::path& path, mode_t mode = 0700);

}  // namespace meshops
