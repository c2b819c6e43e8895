// Bytes kept before something is changed, each under the SHA-256 of itself, readable by the agent only.
// Called by the healer and undo. Never forgets what an entry of the ledger still names.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace meshops::store {

class Kept {
 public:
  explicit Kept(std::filesystem::path directory) : directory_(std::move(directory)) {}
  /// On the disk when it returns; the same bytes are stored once. Gives their name.
  Result<std::string> put(std::string_view bytes) const;
  /// `damaged` if they are not what their name says any more.
  Result<std::string> get(const std::string& name) const;
  /// Removes all but those; gives the bytes freed.
  Result<std::uint64_t> keep_only(const std::set<std::string>& names) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace meshops::store
