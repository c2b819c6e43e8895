#include "formats/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "formats/yaml_tree.h"

namespace meshops::yaml {

using detail::kNone;
using detail::Node;

namespace {

constexpr int kMergeHops = 16;

/// The mappings that a "<<" member brings, nearest first.
std::vector<std::uint32_t> merges(const detail::Tree& tree, const Node& node) {
  std::vector<std::uint32_t> out;
  for (const auto& [key, value] : node.members) {
    const auto& k = tree.node(key);
    if (k.quoted || k.text != "<<") continue;
    const auto& v = tree.node(value);
    if (v.kind == Kind::mapping) out.push_back(value);
    if (v.kind == Kind::sequence) out.insert(out.end(), v.items.begin(), v.items.end());
  }
  return out;
}

std::uint32_t own_member(const detail::Tree& tree, const Node& node, std::string_view key) {
  for (auto i = node.members.size(); i-- > 0;)
    if (tree.node(node.members[i].first).text == key) return node.members[i].second;
  return kNone;
}

std::uint32_t member(const detail::Tree& tree, std::uint32_t index, std::string_view key, int hops,
                     int& looks) {
  const auto& node = tree.node(index);
  if (node.kind != Kind::mapping) return kNone;
  if (auto own = own_member(tree, node, key); own != kNone) return own;
  if (hops >= kMergeHops) return kNone;
  for (auto merged : merges(tree, node)) {
    // Anchors that merge each other many times over: enough is enough.
    if (--looks < 0) return kNone;
    if (auto found = member(tree, merged, key, hops + 1, looks); found != kNone) return found;
  }
  return kNone;
}

}  // namespace

Kind Value::kind() const { return tree_ ? tree_->node(node_).kind : Kind::absent; }
std::string Value::text() const { return is_scalar() ? tree_->node(node_).text : ""; }
bool Value::quoted() const { return tree_ && tree_->node(node_).quoted; }
std::string Value::tag() const { return tree_ ? tree_->node(node_).tag : ""; }
bool Value::flow() const { return tree_ && tree_->node(node_).flow; }
std::size_t Value::begin() const { return tree_ ? tree_->node(node_).begin : 0; }
std::size_t Value::end() const { return tree_ ? tree_->node(node_).end : 0; }
std::size_t Value::line() const { return tree_ ? tree_->node(node_).line : 0; }
std::size_t Value::column() const { return tree_ ? tree_->node(node_).column : 0; }

std::optional<bool> Value::boolean() const {
  if (!is_scalar() || quoted()) return std::nullopt;
  auto word = lower(text());
  if (word == "true" || word == "yes" || word == "on" || word == "y") return true;
  if (word == "false" || word == "no" || word == "off" || word == "n") return false;
  return std::nullopt;
}

Value Value::at(std::string_view key) const {
  if (!tree_) return {};
  int looks = 1000;
  auto found = member(*tree_, node_, key, 0, looks);
  return found == kNone ? Value() : Value(tree_, found);
}

Value Value::own(std::string_view key) const {
  if (!is_mapping()) return {};
  auto found = own_member(*tree_, tree_->node(node_), key);
  return found == kNone ? Value() : Value(tree_, found);
}

std::vector<Member> Value::members() const {
  std::vector<Member> out;
  if (!is_mapping()) return out;
  std::set<std::string> seen;
  int looks = 1000;
  auto add = [&](auto&& self, std::uint32_t index, int hops) -> void {
    const auto& node = tree_->node(index);
    if (node.kind != Kind::mapping || hops > kMergeHops || --looks < 0) return;
    std::set<std::string> mine;
    for (const auto& [key, value] : node.members) {
      const auto& k = tree_->node(key);
      if ((!k.quoted && k.text == "<<") || seen.contains(k.text) || !mine.insert(k.text).second) continue;
      // Of duplicates the last one counts.
      auto last = own_member(*tree_, node, k.text);
      out.push_back({Value(tree_, key), Value(tree_, last == kNone ? value : last), hops > 0});
    }
    seen.insert(mine.begin(), mine.end());
    for (auto merged : merges(*tree_, node)) self(self, merged, hops + 1);
  };
  add(add, node_, 0);
  return out;
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (!is_sequence()) return out;
  for (auto item : tree_->node(node_).items) out.emplace_back(tree_, item);
  return out;
}

Document Document::parse(std::string_view text) {
  Document document;
  auto tree = std::make_shared<detail::Tree>();
  Problem problem;
  if (text.size() > kTextLimit) {
    document.problem_ = {.what = "larger than 16 MiB"};
  } else {
    tree->text = text;
    if (!detail::read(*tree, problem)) {
      document.problem_ = problem;
      tree->nodes.clear();
      tree->root = kNone;
    }
  }
  document.tree_ = std::move(tree);
  return document;
}

Value Document::root() const {
  return tree_ == nullptr || tree_->root == kNone ? Value() : Value(tree_, tree_->root);
}

const std::string& Document::text() const {
  static const std::string nothing;
  return tree_ ? tree_->text : nothing;
}

namespace {

/// Number of values below the root that are told apart by their place, up to a limit: what an edit may change
/// by exactly what it adds.
std::size_t scalars(const Value& value, int depth, int& looks) {
  if (depth > 100 || --looks < 0) return 0;
  std::size_t sum = 1;
  for (const auto& m : value.members()) sum += m.merged ? 0 : scalars(m.value, depth + 1, looks);
  for (const auto& item : value.items()) sum += scalars(item, depth + 1, looks);
  return sum;
}

}  // namespace

/// Makes the new text of an insert.
class Editor {
 public:
  static std::optional<std::string> insert(const Document& document, Value at, std::vector<std::string> path,
                                           std::string_view value) {
    const auto& text = document.text();
    // Down to the deepest mapping that is there.
    while (path.size() > 1) {
      auto next = at.own(path.front());
      if (!next.is_mapping()) {
        if (next && next.kind() != Kind::null) return std::nullopt;
        if (next) return std::nullopt;  // "deploy:" with nothing below: somebody has to say what it means
        break;
      }
      at = next;
      path.erase(path.begin());
    }
    if (!at.is_mapping() || at.own(path.front())) return std::nullopt;
    auto break_text = text.find("\r\n") != std::string::npos ? std::string("\r\n") : std::string("\n");
    std::string out = text;
    if (at.flow()) {
      std::string piece = std::string(value);
      for (auto i = path.size(); i-- > 1;) piece = fmt::format("{{{}: {}}}", path[i], piece);
      piece = fmt::format("{}: {}", path[0], piece);
      auto end = at.end();
      if (end < at.begin() + 2 || text[end - 1] != '}') return std::nullopt;
      auto last = text.find_last_not_of(" \t\r\n", end - 2);
      bool first = text[last] == '{' || text[last] == ',';
      out.insert(last + 1, (first ? (text[last] == '{' ? "" : " ") : ", ") + piece);
      return verified(document, out, path.size());
    }
    auto indent = at.column() - 1;
    auto step = step_of(text, at);
    std::string piece;
    for (std::size_t i = 0; i < path.size(); ++i) {
      piece += std::string(indent + i * step, ' ') + path[i] + ":";
      piece += i + 1 == path.size() ? " " + std::string(value) + break_text : break_text;
    }
    auto end = text.find('\n', std::min(at.end(), text.size()));
    if (end == std::string::npos)
      out += break_text + piece.substr(0, piece.size() - break_text.size());
    else
      out.insert(end + 1, piece);
    return verified(document, out, path.size());
  }

 private:
  /// How much deeper a child stands here: as the mapping's own nearest child mapping does, else two.
  static std::size_t step_of(const std::string&, const Value& at) {
    for (const auto& m : at.members())
      if (!m.merged && m.value.is_mapping() && !m.value.flow() && m.value.column() > at.column() &&
          m.value.line() > m.key.line())
        return m.value.column() - at.column();
    return 2;
  }
  static std::optional<std::string> verified(const Document& before, std::string out, std::size_t added) {
    auto after = Document::parse(out);
    if (after.problem()) return std::nullopt;
    int looks = 100'000, more_looks = 100'000;
    auto old_count = scalars(before.root(), 0, looks);
    auto new_count = scalars(after.root(), 0, more_looks);
    if (looks < 0 || more_looks < 0) return std::nullopt;
    // An alias of the mapping shows the addition a second time.
    if (new_count < old_count + added) return std::nullopt;
    return out;
  }
};

std::optional<std::string> insert(const Document& document, const Value& mapping,
                                  const std::vector<std::string>& path, std::string_view value) {
  if (path.empty()) return std::nullopt;
  return Editor::insert(document, mapping, path, value);
}

}  // namespace meshops::yaml
