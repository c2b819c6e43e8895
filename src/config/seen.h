// What a table of mesh.toml sets, and where: for the rules of the parser that need more than one key. Holds
// no value.
#pragma once

#include <map>
#include <string_view>

#include "config/toml_tree.h"

namespace meshops {

using toml_tree::Position;

/// One key that is set.
struct Set {
  Position key;
  Position value;
  bool good = false;
};
/// Which keys a table sets, and where.
struct Seen {
  Position at;
  std::map<std::string_view, Set> keys;
  bool has(std::string_view key) const { return keys.contains(key); }
  /// Absent, or set to something usable: further rules may rely on it.
  bool usable(std::string_view key) const {
    auto found = keys.find(key);
    return found == keys.end() || found->second.good;
  }
  Position value_at(std::string_view key) const {
    auto found = keys.find(key);
    return found == keys.end() ? at : found->second.value;
  }
};

}  // namespace meshops
