// What lies in the object store, for people and for programs. Called by `meshops mesh store`. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/store_words.h"

namespace meshops::cli {

// Not inside StoreRow: clang 19 gets lost in an optional of a nested template.
template <class T>
struct StoreRead {
  T what;
  Duration age{};
};

/// A node's two objects, each as it was read; nothing where none lies there.
struct StoreRow {
  std::string node;
  Result<std::optional<StoreRead<mesh::Beat>>> beat;
  Result<std::optional<StoreRead<mesh::StoreLease>>> lease;
};
struct StoreLook {
  std::string mesh;
  std::string store;  // ObjectStore::text()
  Status conditions;  // prove_conditions()
  std::vector<StoreRow> rows;

  /// Conditions hold, each node's heartbeat is fresh, and all could be read.
  bool good() const;
};
std::string for_people(const StoreLook& look);
/// meshops.mesh-store/1
std::string to_json(const StoreLook& look);

}  // namespace meshops::cli
