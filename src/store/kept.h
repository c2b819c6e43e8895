// Bytes kept before something is changed, each under the SHA-256 of itself, readable by the agent only.
// Called by the healer and undo. Never forgets what an entry of the ledger still names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "store/errors.h"

namespace meshops::store {

class Kept {
 public:
  /// Made with mode 0700 when the first bytes come; its files have 0600.
  explicit Kept(std::filesystem::path directory) : directory_(std::move(directory)) {}
  /// On the disk when it returns; the same bytes are stored once. Gives their name (64 hexadecimal digits).
  /// `full` if the disk is: what cannot be kept must not be changed.
  Result<std::string> put(std::string_view bytes) const;
  /// `not_found` if they are not here; `damaged` if they are not what their name says any more.
  Result<std::string> get(const std::string& name) const;
  /// Removes all but those, and what a killed process left half-written; gives the bytes freed. Not between a
  /// put() and the entry of the ledger that names it.
  Result<std::uint64_t> keep_only(const std::set<std::string>& names) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace meshops::store
