// The output file of a gateway that meshops runs itself: opened for the child, rotated under it without
// losing a byte.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"

namespace meshops {

/// Opens for appending; a new file is 0600 and belongs to `owner`.
Result<Fd> open_gateway_log(const std::filesystem::path& path, const std::optional<Account>& owner);

/// When the file has more than `max_bytes`, its content moves to PATH.1 (.1 to .2 … `keep` at most). The
/// writer keeps its descriptor, so the bytes are taken off the front of the same file: with
/// FALLOC_FL_COLLAPSE_RANGE, which loses nothing (ext4, xfs); on other file systems by truncation, which can
/// lose what is written in that very moment. Returns the number of bytes taken off the front.
Result<std::uint64_t> rotate_gateway_log(const std::filesystem::path& path, std::uint64_t max_bytes,
                                         unsigned keep);

/// The whole lines from byte `from` on, which is moved behind them; nothing for `from`: the newest there are.
/// Of more than 1 MiB the newest.
Result<std::string> new_lines(const std::filesystem::path& path, std::optional<std::uint64_t>& from);

/// The last `lines` lines, reading at most 1 MiB from the end.
Result<std::string> tail_file(const std::filesystem::path& path, std::size_t lines);

}  // namespace meshops
