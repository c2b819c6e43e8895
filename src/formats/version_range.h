// Version numbers and npm's ranges of them ("engines" of a package.json). Called by the close look at a
// gateway. Pure; what it does not understand it says nothing about.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace meshops {

/// Dotted numbers, at most three count: "v24.16.0", "2026.9.6"; what follows a '-' or '+' is not looked at,
/// and what is missing is 0. Nothing if one of them is no version.
std::optional<std::strong_ordering> compare_versions(std::string_view a, std::string_view b);

/// Whether a version is in a range as npm writes them: ">=24.16.0 <25 || >=26.1.0", "^20.1", "~1.2", "22.x",
/// "*". Nothing if either is not understood (hyphen ranges, tags).
std::optional<bool> in_version_range(std::string_view version, std::string_view range);

}  // namespace meshops
