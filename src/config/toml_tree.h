// A TOML text as a plain tree with positions, or the first place where it is no TOML, in our words.
// The parser of mesh.toml calls it. It hides toml++ whole, and never hands it a text that could exhaust the
// stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/mesh.h"

namespace meshops::toml_tree {

/// Both count from 1; columns in characters, not bytes.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Position&) const = default;
};

struct Entry;
struct Value;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;
/// A date or time: mesh.toml has none, so what it says does not matter.
struct Date {};

struct Value {
  Position at;
  std::variant<std::string, std::int64_t, double, bool, Date, Array, Table> is;
  bool inline_table = false;
};

struct Entry {
  std::string key;
  Position at;
  Value value;
};

struct SyntaxFault {
  Position at;
  ConfigCode code;
  std::string sentence;
  std::string hint;
};

/// Enough for a mesh of thousands of gateways; more is not a mesh.toml.
constexpr std::size_t kMostBytes = 1U << 20;
constexpr unsigned kMostNesting = 32;

std::expected<Table, SyntaxFault> read(std::string_view text);

}  // namespace meshops::toml_tree
