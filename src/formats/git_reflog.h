// git's reflogs (.git/logs/…): what a reference pointed to, and why it moved. Called by rules of the audit.
// Pure and total: lines that are none are left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::git {

struct ReflogEntry {
  std::string from, to;  // object ids in lower-case hex; all zeros: nothing
  std::int64_t at = 0;   // seconds since 1970
  std::string message;
  std::size_t line = 1;
};
/// Oldest first, as they stand.
std::vector<ReflogEntry> parse_reflog(std::string_view text);

/// "0000…": no object.
bool is_null_id(std::string_view id);

}  // namespace meshops::git
