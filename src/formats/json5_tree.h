// The lossless tree behind json5::Document, and what its characters mean. Only json5*.cpp include it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json5.h"
#include "formats/utf8.h"

namespace meshops::json5::detail {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

/// A value with the byte ranges of everything that belongs to it.
struct Node {
  Kind kind = Kind::null;
  bool boolean = false;
  bool overridden = false;  // a later member has the same key
  double number = 0;
  std::uint32_t begin = 0, end = 0;              // the value
  std::uint32_t key_begin = kNone, key_end = 0;  // its key with quotes; kNone for items and the root
  std::uint32_t comma = kNone;                   // offset of the comma after it
  std::uint32_t parent = kNone;
  std::string key;                      // decoded
  std::string string;                   // decoded
  std::vector<std::uint32_t> children;  // in the order of the text

  std::uint32_t start() const { return key_begin == kNone ? begin : key_begin; }
};

/// nodes[0] is the root; a parent stands before its children.
struct Tree {
  std::string text;
  std::vector<Node> nodes;

  const Node& operator[](std::uint32_t i) const { return nodes[i]; }
  /// The member that counts, or kNone.
  std::uint32_t child(std::uint32_t object, std::string_view key) const;
  std::uint32_t item(std::uint32_t array, std::size_t index) const;
  bool same(std::uint32_t a, const Tree& other, std::uint32_t b) const;
};

bool is_line_break(std::uint32_t c);  // LF, CR, U+2028, U+2029
bool is_space(std::uint32_t c);       // JSON5 white space and line breaks
bool is_id_start(std::uint32_t c);    // $ _ and letters; not the backslash
bool is_id_part(std::uint32_t c);

}  // namespace meshops::json5::detail
