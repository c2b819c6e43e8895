// The tree behind yaml::Document. Only yaml*.cpp include it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/yaml.h"

namespace meshops::yaml::detail {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

struct Node {
  Kind kind = Kind::null;
  bool quoted = false, flow = false;
  std::uint32_t alias = kNone;  // the node that is meant instead
  std::uint32_t begin = 0, end = 0, line = 1, column = 1;
  std::string text, tag;
  std::vector<std::uint32_t> items;                              // of a sequence
  std::vector<std::pair<std::uint32_t, std::uint32_t>> members;  // of a mapping: key, value
};

struct Tree {
  std::string text;
  std::vector<Node> nodes;
  std::uint32_t root = kNone;

  /// Through aliases; one that names itself is null.
  const Node& node(std::uint32_t index) const {
    const auto* n = &nodes[index];
    for (int hops = 0; n->alias != kNone; ++hops) {
      static const Node nothing;
      if (hops > 8) return nothing;
      n = &nodes[n->alias];
    }
    return *n;
  }
};

/// False, and `problem` told, if it is not understood.
bool read(Tree& tree, Problem& problem);

}  // namespace meshops::yaml::detail
