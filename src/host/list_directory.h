// What both hosts do alike with a path once they have opened it, each in its own way: the names in a
// directory, a piece of a file.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "host/host.h"

namespace meshops {

/// Sorted, without "." and "..". `shown` is for error texts. At most kMostNames.
Result<std::vector<std::string>> list_directory(Fd directory, const std::filesystem::path& shown);
constexpr std::size_t kMostNames = 100'000;

FileInfo file_info(const struct stat& st);

/// Host::read_part() of an open file.
Result<FilePart> read_part_of(const Fd& file, const std::filesystem::path& shown, std::int64_t from,
                              std::size_t most);

}  // namespace meshops
