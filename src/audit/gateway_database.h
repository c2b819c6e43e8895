// A close look at a gateway's database, on a copy in memory: the live file is never opened as a database.
// Called by GW-011.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "audit/site.h"

namespace meshops::audit {

/// What is wrong with a database, in words ("it has no byte", "database disk image is malformed"); nothing:
/// nothing was found. An Error: it could not be looked at whole, and why.
Result<std::optional<std::string>> damage_of(const Site& site, const std::filesystem::path& path);

/// PRAGMA user_version out of its header; nothing if there is no readable header.
std::optional<std::uint32_t> user_version_of(const Site& site, const std::filesystem::path& path);

/// PRAGMA quick_check on a copy: "ok", or what it says. An Error where that says nothing about the file (a
/// schema newer than our SQLite).
Result<std::string> quick_check(std::string copy);

}  // namespace meshops::audit
