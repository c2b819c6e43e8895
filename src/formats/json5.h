// JSON5 (spec.json5.org) read with positions and edited without losing a comment: OpenClaw's configuration is
// JSON5. Called by config reading, audit rules and remedies. Pure: text in, text out; never throws, never
// touches a file.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/result.h"

namespace meshops::json5 {

/// syntax, too_deep, too_large: the text; no_such_path, wrong_type: the path does not fit it; refused: an
/// edit that would have changed something else as well.
MESHOPS_ERROR_CODES(Json5Code, "json5", syntax, too_deep, too_large, no_such_path, wrong_type, refused);

/// Deeper nesting is refused, so that a hostile file cannot use up the stack. OpenClaw's own schema needs
/// about 10.
constexpr std::size_t kDepthLimit = 512;
/// A byte offset takes 32 bits in the tree.
constexpr std::size_t kTextLimit = 64U << 20;

/// Both count from 1; a column is one Unicode code point; LF, CR LF and a lone CR end a line.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
  bool operator==(const Position&) const = default;
};
Position position_of(std::string_view text, std::size_t offset);

enum class Kind { absent, null, boolean, number, string, array, object };
/// "a number", "an object": for sentences.
std::string_view kind_text(Kind kind);

/// A key of an object or an index of an array.
using Step = std::variant<std::string, std::size_t>;
using Path = std::vector<Step>;
/// channels.telegram["bot token"].allow[0]; the empty path is "the document".
std::string path_text(const Path& path);

namespace detail {
struct Tree;
}

struct Member;

/// One value inside a Document, which it keeps alive; cheap to copy. An absent one answers every question
/// with nothing, so lookups chain: root.find("gateway", "auth").find("token").as_string().
class Value {
 public:
  Value() = default;
  Value(std::shared_ptr<const detail::Tree> tree, std::uint32_t node) : tree_(std::move(tree)), node_(node) {}

  /// Whether there is a value (also null).
  explicit operator bool() const { return tree_ != nullptr; }
  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }
  bool is_object() const { return kind() == Kind::object; }
  bool is_array() const { return kind() == Kind::array; }

  /// The value if it is of that kind. Broken UTF-8 and lone surrogates read as U+FFFD, as in Node.js.
  std::optional<std::string> as_string() const;
  std::optional<bool> as_bool() const;
  /// As JavaScript sees it: 1e999 is Infinity, NaN is possible.
  std::optional<double> as_number() const;
  /// A number that is whole and fits: 18789, 0x4965, 1e3; integer literals are exact to the last digit.
  std::optional<std::int64_t> as_int() const;

  /// The value at a key (std::string-like) or index. Of duplicate keys the last one counts, as in JSON.parse.
  Value at(std::string_view key) const;
  Value at(std::size_t index) const;
  Value find(const Path& path) const;
  template <class First, class... Rest>
    requires(!std::is_same_v<std::remove_cvref_t<First>, Path>)
  Value find(const First& first, const Rest&... rest) const {
    Value next;
    if constexpr (std::is_integral_v<First>) {
      next = at(static_cast<std::size_t>(first));
    } else {
      next = at(std::string_view(first));
    }
    if constexpr (sizeof...(rest) == 0) {
      return next;
    } else {
      return next.find(rest...);
    }
  }
  /// Members of an object in the order of the text, without those that a later duplicate overrides.
  std::vector<Member> members() const;
  /// Items of an array.
  std::vector<Value> items() const;
  /// Number of members() or items(); 0 for anything else.
  std::size_t size() const;

  /// The bytes in the text: "0x10", "'a'", "{ b: 1 }" with the comments inside. Lives as long as this Value.
  std::string_view source() const;
  /// Byte offset in the text of the value's first byte, and one past its last.
  std::size_t begin() const;
  std::size_t end() const;
  /// Where the value begins, and where its key does (the value, if it has no key).
  Position position() const;
  Position key_position() const;

  /// Same kinds and values; order of keys and number spelling do not matter, NaN equals NaN.
  friend bool same(const Value& a, const Value& b);

 private:
  std::shared_ptr<const detail::Tree> tree_;
  std::uint32_t node_ = 0;
};
bool same(const Value& a, const Value& b);

struct Member {
  std::string key;
  Value value;
};

/// Where and why a text is not JSON5, for callers that draw it; the Error says the same in one sentence.
struct Problem {
  Json5Code code = Json5Code::syntax;
  Position at;
  std::string what;
};

class Editing;

class Document {
 public:
  /// The whole text. "line 7, column 3: expected ',' or '}', found 'p'".
  static Result<Document> parse(std::string_view text, Problem* problem = nullptr);

  Value root() const { return {tree_, 0}; }
  template <class... Steps>
  Value find(const Steps&... steps) const {
    return root().find(steps...);
  }
  const std::string& text() const;

 private:
  friend class Editing;
  explicit Document(std::shared_ptr<const detail::Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const detail::Tree> tree_;
};

/// Strict JSON on one line ({"a":1,"b":[true,null]}). Infinity and NaN, which JSON lacks, become null.
std::string to_json(const Value& value);
/// "text" as a JSON string with its quotes; broken UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);
/// Whether the key needs no quotes in JSON5.
bool is_identifier(std::string_view key);

// Edits give the whole new text; every byte that is not part of the edit stays. What they made is parsed
// again and compared with the old document: an edit that would change anything else is refused instead.

/// Puts the first value of `value` (JSON5 text; comments around it are dropped) at the path. A new key goes
/// to the end of its object in the style of its neighbours (indent, quotes, colon, trailing comma; one-line
/// objects stay on one line); missing objects on the way are made; the index one past the end appends.
Result<std::string> set(std::string_view text, const Path& path, std::string_view value);
/// Takes out the member or item (all duplicates of the key), with its comma, its line if it had one for
/// itself, and the comments behind it on the same line. Comments on lines of their own stay: they are
/// somebody's words.
Result<std::string> erase(std::string_view text, const Path& path);
/// Gives the key at the path a new name, in the quotes it had. Refused if a sibling has the name.
Result<std::string> rename_key(std::string_view text, const Path& path, std::string_view new_name);

}  // namespace meshops::json5
