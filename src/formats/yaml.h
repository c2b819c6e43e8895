// YAML 1.2 as configuration files use it, read with positions: block and flow collections, every scalar
// style, anchors, aliases, merge keys and tags; the first document only. Called by readers of Compose files.
// Pure and total: never throws, expands no alias (they are references), stops at the first thing it does not
// understand and says where.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::yaml {

/// Deeper nesting is refused: a hostile file cannot use up the stack.
constexpr std::size_t kDepthLimit = 100;
/// An offset takes 32 bits.
constexpr std::size_t kTextLimit = 16U << 20;

enum class Kind { absent, null, scalar, sequence, mapping };

/// Both count from 1; a column is one byte.
struct Problem {
  std::size_t line = 1, column = 1;
  std::string what;
};

namespace detail {
struct Tree;
}
struct Member;

/// One value inside a Document, which it keeps alive; cheap to copy. An alias is the value it names. An
/// absent one answers every question with nothing, so lookups chain.
class Value {
 public:
  Value() = default;
  Value(std::shared_ptr<const detail::Tree> tree, std::uint32_t node) : tree_(std::move(tree)), node_(node) {}

  /// Whether there is a value (also null).
  explicit operator bool() const { return tree_ != nullptr; }
  Kind kind() const;
  bool is_mapping() const { return kind() == Kind::mapping; }
  bool is_sequence() const { return kind() == Kind::sequence; }
  bool is_scalar() const { return kind() == Kind::scalar; }

  /// The text of a scalar, without quotes; of anything else "".
  std::string text() const;
  /// Written in quotes or as a block: text, whatever it looks like.
  bool quoted() const;
  /// "!reset", "!!str"; empty if it has none.
  std::string tag() const;
  /// true yes on / false no off, in any case, unquoted.
  std::optional<bool> boolean() const;

  /// The value at a key: its own (the last of duplicates), else one that a merge key (<<) brings.
  Value at(std::string_view key) const;
  /// Its own only.
  Value own(std::string_view key) const;
  template <class... Rest>
  Value find(std::string_view key, const Rest&... rest) const {
    if constexpr (sizeof...(rest) == 0)
      return at(key);
    else
      return at(key).find(rest...);
  }
  /// Own members in the order of the text, then those that merge keys bring.
  std::vector<Member> members() const;
  std::vector<Value> items() const;

  /// Byte offsets of the first byte and one past the last; 1-based line and column of the first.
  std::size_t begin() const;
  std::size_t end() const;
  std::size_t line() const;
  std::size_t column() const;
  /// In braces or brackets.
  bool flow() const;
  /// The same node of the same document.
  bool same_node(const Value& other) const { return tree_ == other.tree_ && node_ == other.node_; }

 private:
  friend class Editor;
  std::shared_ptr<const detail::Tree> tree_;
  std::uint32_t node_ = 0;
};

struct Member {
  Value key;
  Value value;
  bool merged = false;  // by a merge key
};

class Document {
 public:
  static Document parse(std::string_view text);
  /// What the text was not understood for; then root() is absent.
  const std::optional<Problem>& problem() const { return problem_; }
  /// Absent of an empty document.
  Value root() const;
  const std::string& text() const;

 private:
  std::shared_ptr<const detail::Tree> tree_;
  std::optional<Problem> problem_;
};

/// The text with `value` (written as it shall stand) at `path` below `mapping`: missing mappings on the way
/// are made, in the indentation of their neighbours, behind the last own member; every other byte stays.
/// Nothing if there is a value already, or if the new text would not read as the old one and that value.
std::optional<std::string> insert(const Document& document, const Value& mapping,
                                  const std::vector<std::string>& path, std::string_view value);

}  // namespace meshops::yaml
