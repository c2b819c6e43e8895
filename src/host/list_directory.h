// The names in an open directory. Called by both hosts, which open it each in their own way.
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

}  // namespace meshops
