#include "formats/json5.h"

#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "formats/json5_tree.h"

namespace meshops::json5 {

using namespace detail;

Position position_of(std::string_view text, std::size_t offset) {
  Position p;
  offset = std::min(offset, text.size());
  for (std::size_t i = 0; i < offset;) {
    auto c = code_point(text, i);
    i += c.length;
    bool ends_line = c.value == '\n' || (c.value == '\r' && (i >= text.size() || text[i] != '\n'));
    if (ends_line) {
      ++p.line;
      p.column = 1;
    } else {
      ++p.column;
    }
  }
  return p;
}

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::absent:
      return "absent";
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "";
}

std::string path_text(const Path& path) {
  if (path.empty()) return "the document";
  std::string out;
  for (const auto& step : path) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      out += fmt::format("[{}]", *index);
    } else if (const auto& key = std::get<std::string>(step); is_identifier(key)) {
      out += (out.empty() ? "" : ".") + key;
    } else {
      out += "[" + json_string(key) + "]";
    }
  }
  return out;
}

bool is_identifier(std::string_view key) {
  for (std::size_t i = 0; i < key.size();) {
    auto c = code_point(key, i);
    if (i == 0 ? !is_id_start(c.value) : !is_id_part(c.value)) return false;
    i += c.length;
  }
  return !key.empty();
}

std::uint32_t Tree::child(std::uint32_t object, std::string_view key) const {
  const auto& node = nodes[object];
  if (node.kind != Kind::object) return kNone;
  for (auto i : node.children)
    if (!nodes[i].overridden && nodes[i].key == key) return i;
  return kNone;
}

std::uint32_t Tree::item(std::uint32_t array, std::size_t index) const {
  const auto& node = nodes[array];
  return node.kind == Kind::array && index < node.children.size() ? node.children[index] : kNone;
}

bool Tree::same(std::uint32_t a, const Tree& other, std::uint32_t b) const {
  const auto& x = nodes[a];
  const auto& y = other.nodes[b];
  if (x.kind != y.kind) return false;
  switch (x.kind) {
    case Kind::absent:
    case Kind::null:
      return true;
    case Kind::boolean:
      return x.boolean == y.boolean;
    case Kind::number:
      return x.number == y.number || (std::isnan(x.number) && std::isnan(y.number));
    case Kind::string:
      return x.string == y.string;
    case Kind::array:
      if (x.children.size() != y.children.size()) return false;
      for (std::size_t i = 0; i < x.children.size(); ++i)
        if (!same(x.children[i], other, y.children[i])) return false;
      return true;
    case Kind::object: {
      std::unordered_map<std::string_view, std::uint32_t> mine;
      for (auto i : x.children)
        if (!nodes[i].overridden) mine.emplace(nodes[i].key, i);
      std::size_t theirs = 0;
      for (auto i : y.children) {
        if (other.nodes[i].overridden) continue;
        ++theirs;
        auto it = mine.find(other.nodes[i].key);
        if (it == mine.end() || !same(it->second, other, i)) return false;
      }
      return theirs == mine.size();
    }
  }
  return false;
}

bool same(const Value& a, const Value& b) {
  if (!a || !b) return !a && !b;
  return a.tree_->same(a.node_, *b.tree_, b.node_);
}

Kind Value::kind() const { return tree_ ? (*tree_)[node_].kind : Kind::absent; }

std::optional<std::string> Value::as_string() const {
  if (kind() != Kind::string) return std::nullopt;
  return (*tree_)[node_].string;
}

std::optional<bool> Value::as_bool() const {
  if (kind() != Kind::boolean) return std::nullopt;
  return (*tree_)[node_].boolean;
}

std::optional<double> Value::as_number() const {
  if (kind() != Kind::number) return std::nullopt;
  return (*tree_)[node_].number;
}

std::optional<std::int64_t> Value::as_int() const {
  if (kind() != Kind::number) return std::nullopt;
  auto digits = source();
  bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  if (auto exact = to_number<std::uint64_t>(digits, hex ? 16 : 10)) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (*exact > kMost + (negative ? 1 : 0)) return std::nullopt;
    // The negation in unsigned arithmetic is defined for the smallest value too.
    return static_cast<std::int64_t>(negative ? 0 - *exact : *exact);
  }
  double n = (*tree_)[node_].number;
  constexpr double kExact = 9007199254740992.0;  // 2^53: every whole number up to it has its own double
  if (!(std::abs(n) <= kExact) || std::trunc(n) != n) return std::nullopt;
  return static_cast<std::int64_t>(n);
}

Value Value::at(std::string_view key) const {
  auto i = tree_ ? tree_->child(node_, key) : kNone;
  return i == kNone ? Value{} : Value{tree_, i};
}

Value Value::at(std::size_t index) const {
  auto i = tree_ ? tree_->item(node_, index) : kNone;
  return i == kNone ? Value{} : Value{tree_, i};
}

Value Value::find(const Path& path) const {
  Value v = *this;
  for (const auto& step : path) {
    const auto* index = std::get_if<std::size_t>(&step);
    v = index != nullptr ? v.at(*index) : v.at(std::get<std::string>(step));
  }
  return v;
}

std::vector<Member> Value::members() const {
  std::vector<Member> out;
  if (kind() != Kind::object) return out;
  for (auto i : (*tree_)[node_].children)
    if (!(*tree_)[i].overridden) out.push_back({(*tree_)[i].key, Value{tree_, i}});
  return out;
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (kind() != Kind::array) return out;
  for (auto i : (*tree_)[node_].children) out.emplace_back(tree_, i);
  return out;
}

std::size_t Value::size() const {
  std::size_t n = 0;
  if (kind() == Kind::object || kind() == Kind::array)
    for (auto i : (*tree_)[node_].children) n += (*tree_)[i].overridden ? 0 : 1;
  return n;
}

std::string_view Value::source() const {
  return tree_ ? std::string_view(tree_->text).substr(begin(), end() - begin()) : std::string_view{};
}
std::size_t Value::begin() const { return tree_ ? (*tree_)[node_].begin : 0; }
std::size_t Value::end() const { return tree_ ? (*tree_)[node_].end : 0; }
Position Value::position() const { return tree_ ? position_of(tree_->text, begin()) : Position{}; }
Position Value::key_position() const {
  return tree_ ? position_of(tree_->text, (*tree_)[node_].start()) : Position{};
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    auto c = code_point(text, i);
    i += c.length;
    switch (c.value) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        // U+2028 and U+2029 are legal in JSON but end a line in older JavaScript.
        if (c.value < 0x20 || c.value == 0x7F || c.value == 0x2028 || c.value == 0x2029) {
          out += fmt::format("\\u{:04x}", c.value);
        } else {
          append_utf8(out, c.value);
        }
    }
  }
  return out + '"';
}

namespace {

// The source text when it is a JSON number already: nothing of a 20-digit identifier is lost.
std::string json_number(std::string_view source, double value) {
  if (!std::isfinite(value)) return "null";
  auto digits = source.starts_with('-') ? source.substr(1) : source;
  bool plain = !digits.empty() && digits[0] >= '0' && digits[0] <= '9' &&
               digits.find_first_of("xX") == std::string_view::npos;
  if (auto point = digits.find('.'); point != std::string_view::npos)
    plain = plain && point + 1 < digits.size() && digits[point + 1] >= '0' && digits[point + 1] <= '9';
  return plain ? std::string(source) : fmt::format("{}", value);
}

}  // namespace

std::string to_json(const Value& value) {
  switch (value.kind()) {
    case Kind::absent:
    case Kind::null:
      return "null";
    case Kind::boolean:
      return *value.as_bool() ? "true" : "false";
    case Kind::number:
      return json_number(value.source(), *value.as_number());
    case Kind::string:
      return json_string(*value.as_string());
    case Kind::array: {
      std::string out = "[";
      for (const auto& item : value.items()) out += (out.size() > 1 ? "," : "") + to_json(item);
      return out + "]";
    }
    case Kind::object: {
      std::string out = "{";
      for (const auto& [key, v] : value.members())
        out += (out.size() > 1 ? "," : "") + json_string(key) + ":" + to_json(v);
      return out + "}";
    }
  }
  return "null";
}

}  // namespace meshops::json5
