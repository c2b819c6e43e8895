#include <algorithm>

#include "formats/json5_tree.h"

namespace meshops::json5 {

using namespace detail;

namespace {

/// Bytes [begin, end) of the text become `with`.
struct Edit {
  std::size_t begin, end;
  std::string with;
};

// `edits` lie apart, in the order of the text.
std::string applied(std::string_view text, const std::vector<Edit>& edits) {
  std::string out;
  std::size_t at = 0;
  for (const auto& edit : edits) {
    out += text.substr(at, edit.begin - at);
    out += edit.with;
    at = edit.end;
  }
  return out += text.substr(at);
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

/// The text around a place, line by line.
class Layout {
 public:
  explicit Layout(std::string_view text) : text_(text) {}

  /// Just behind the last line break before `at`.
  std::size_t line_begin(std::size_t at) const {
    while (at > 0) {
      if (text_[at - 1] == '\n' || text_[at - 1] == '\r') break;
      if (at >= 3 && text_[at - 3] == '\xE2' && is_line_break(code_point(text_, at - 3).value)) break;
      --at;
    }
    return at;
  }
  bool all_space(std::size_t begin, std::size_t end) const {
    while (begin < end) {
      auto c = code_point(text_, begin);
      if (!is_space(c.value)) return false;
      begin += c.length;
    }
    return true;
  }
  bool first_on_line(std::size_t at) const { return all_space(line_begin(at), at); }
  /// The blanks (ASCII only: nothing odd is copied) that the line of `at` begins with.
  std::string_view indent(std::size_t at) const {
    auto begin = line_begin(at);
    return text_.substr(begin, skip_blanks(begin) - begin);
  }
  std::size_t skip_blanks(std::size_t at) const {
    while (at < text_.size() && is_blank(text_[at])) ++at;
    return at;
  }
  std::size_t blanks_before(std::size_t at) const {
    while (at > 0 && is_blank(text_[at - 1])) --at;
    return at;
  }
  std::string_view break_at(std::size_t at) const {
    if (text_.substr(at).starts_with("\r\n")) return text_.substr(at, 2);
    auto c = code_point(text_, at);
    return is_line_break(c.value) ? text_.substr(at, c.length) : std::string_view{};
  }
  std::string_view break_before(std::size_t at) const {
    for (std::size_t length : {3U, 2U, 1U})
      if (at >= length && break_at(at - length).size() == length) return text_.substr(at - length, length);
    return "\n";
  }

  /// What follows `at` on its line: blanks and comments (a block comment may pull in more lines).
  struct Rest {
    std::size_t end;       // the line break, or the next token
    std::size_t comments;  // one past the last comment, or `at`
    bool at_break;
  };
  Rest rest_of_line(std::size_t at) const {
    Rest rest{at, at, false};
    while (true) {
      auto c = code_point(text_, rest.end);
      rest.at_break = c.length == 0 || is_line_break(c.value);
      if (rest.at_break) return rest;
      auto ahead = text_.substr(rest.end, 2);
      if (is_space(c.value)) {
        rest.end += c.length;
      } else if (ahead == "/*") {
        rest.end = rest.comments = text_.find("*/", rest.end + 2) + 2;
      } else if (ahead == "//") {
        while (c.length != 0 && !is_line_break(c.value)) c = code_point(text_, rest.end += c.length);
        rest.comments = rest.end;
      } else {
        return rest;
      }
    }
  }

 private:
  std::string_view text_;
};

/// How members are written around the one object or array that is edited.
class Surroundings {
 public:
  Surroundings(const Tree& tree, std::uint32_t container)
      : tree_(tree), text_(tree.text), layout_(tree.text), container_(container) {}

  std::string key(std::string_view name) const {
    char style = key_style();
    if (style == 'n') {
      if (is_identifier(name)) return std::string(name);
      style = '"';
    }
    return quoted(name, style);
  }

  static std::string quoted(std::string_view name, char quote) {
    auto json = json_string(name);
    if (quote == '"') return json;
    std::string out = "'";
    for (std::size_t i = 1; i + 1 < json.size(); ++i) {
      if (json[i] == '\\') {
        if (json[i + 1] != '"') out += '\\';
        out += json[++i];
      } else {
        out += json[i] == '\'' ? "\\'" : json.substr(i, 1);
      }
    }
    return out + "'";
  }

  std::string colon() const {
    for (auto i : node().children) {
      const auto& m = tree_[i];
      if (m.key_begin == kNone) break;
      auto between = text_.substr(m.key_end, m.begin - m.key_end);
      if (std::ranges::all_of(between, [](char c) { return c == ':' || is_blank(c); }))
        return std::string(between);
    }
    return ": ";
  }

  /// `{ key: value }` in the same hand: what is made on the way to a deeper key.
  std::string object_around(const std::string& name, const std::string& value) const {
    std::string_view pad = key_style() == 'n' ? " " : "";
    return fmt::format("{{{}{}{}{}{}}}", pad, key(name), colon(), value, pad);
  }

  /// Adds a member (with its key) or an item behind the last one.
  std::vector<Edit> insert(const std::string& member) const {
    const auto& children = node().children;
    std::size_t close = node().end - 1;
    auto close_line = layout_.line_begin(close);
    bool own_line = close_line > node().begin && layout_.all_space(close_line, close);
    if (children.empty()) {
      if (own_line) {
        auto line_break = layout_.break_before(close_line);
        return {{close_line, close_line, indent(close) + member + std::string(line_break)}};
      }
      auto blanks = text_.substr(layout_.blanks_before(close), close - layout_.blanks_before(close));
      return {{close, close, member + std::string(blanks)}};
    }
    const auto& last = tree_[children.back()];
    bool trailing = last.comma != kNone;
    std::size_t behind = trailing ? last.comma + 1 : last.end;
    std::string tail = trailing ? "," : "";
    Edit added{};
    if (own_line) {
      added.begin = layout_.rest_of_line(behind).end;
      added.with = std::string(layout_.break_at(added.begin)) + indent(close) + member + tail;
    } else {
      added.begin = std::max(behind, layout_.blanks_before(close));
      added.with = separator() + member + tail;
    }
    added.end = added.begin;
    if (trailing) return {added};
    return {{last.end, last.end, ","}, added};
  }

  std::vector<Edit> remove(std::uint32_t child) const {
    const auto& children = node().children;
    auto at = std::ranges::find(children, child);
    const Node* previous = at == children.begin() ? nullptr : &tree_[*std::prev(at)];
    bool is_last = std::next(at) == children.end();
    const auto& m = tree_[child];
    std::size_t start = m.start();
    std::size_t end = m.comma != kNone ? m.comma + 1 : m.end;
    std::size_t floor = previous != nullptr ? previous->comma + 1 : node().begin + 1;
    auto rest = layout_.rest_of_line(end);

    Edit gone{};
    if (layout_.first_on_line(start) && rest.at_break) {  // whole lines
      gone.begin = layout_.line_begin(start);
      gone.end = rest.end + layout_.break_at(rest.end).size();
    } else if (rest.at_break) {  // the end of a line
      gone.begin = std::max(floor, layout_.blanks_before(start));
      gone.end = rest.end;
    } else if (!is_last) {  // before another one on the same line
      gone.begin = start;
      gone.end = layout_.skip_blanks(end);
    } else {  // before the bracket on the same line
      bool nothing_between = layout_.first_on_line(start) && layout_.all_space(floor, start);
      gone.begin = nothing_between ? floor : std::max(floor, layout_.blanks_before(start));
      gone.end = rest.comments;
    }
    std::vector<Edit> edits;
    if (is_last && m.comma == kNone && previous != nullptr)
      edits.push_back({previous->comma, previous->comma + 1U, ""});
    edits.push_back(std::move(gone));
    return edits;
  }

 private:
  const Node& node() const { return tree_[container_]; }

  /// '"', '\'' or 'n' for none: of the siblings, else of the objects around, else of the first key in the
  /// text.
  char key_style() const {
    for (auto around = container_; around != kNone; around = tree_[around].parent) {
      const auto& children = tree_[around].children;
      if (!children.empty() && tree_[children.back()].key_begin != kNone)
        return style_of(tree_[children.back()]);
    }
    for (const auto& n : tree_.nodes)
      if (n.key_begin != kNone) return style_of(n);
    return '"';
  }
  char style_of(const Node& n) const {
    char c = text_[n.key_begin];
    return c == '"' || c == '\'' ? c : 'n';
  }

  /// What stands before a member on its own line.
  std::string indent(std::size_t close) const {
    const auto& children = node().children;
    for (auto i = children.rbegin(); i != children.rend(); ++i) {
      auto start = tree_[*i].start();
      if (layout_.first_on_line(start)) return std::string(layout_.indent(start));
    }
    return std::string(layout_.indent(close)) + unit();
  }
  /// One level of indentation: the first seen in the text.
  std::string unit() const {
    for (const auto& n : tree_.nodes) {
      if (n.parent == kNone || !layout_.first_on_line(n.start())) continue;
      auto inner = layout_.indent(n.start());
      auto outer = layout_.indent(tree_[n.parent].begin);
      if (inner.size() > outer.size() && inner.starts_with(outer))
        return std::string(inner.substr(outer.size()));
    }
    return "  ";
  }
  /// Between a comma and the next member on the same line.
  std::string separator() const {
    const auto& children = node().children;
    for (std::size_t i = 0; i + 1 < children.size(); ++i) {
      std::size_t from = tree_[children[i]].comma + 1, to = tree_[children[i + 1]].start();
      if (layout_.skip_blanks(from) == to) return std::string(text_.substr(from, to - from));
    }
    const auto& first = tree_[children.front()];
    bool dense = first.key_begin != kNone && text_[first.begin - 1] == ':';
    return dense ? "" : " ";
  }

  const Tree& tree_;
  std::string_view text_;
  Layout layout_;
  std::uint32_t container_;
};

enum class Change { set, erase, rename };

std::vector<std::uint32_t> effective(const Tree& tree, std::uint32_t object, const std::string& without) {
  std::vector<std::uint32_t> out;
  for (auto i : tree[object].children)
    if (!tree[i].overridden && tree[i].key != without) out.push_back(i);
  return out;
}

/// Whether the documents agree on everything but what stands at the path; `name` is the last key in the new
/// one.
bool others_same(const Tree& old, std::uint32_t a, const Tree& now, std::uint32_t b, const Path& path,
                 std::size_t i, Change change, const std::string& name) {
  if (i == path.size()) return true;
  if (old[a].kind != now[b].kind) return false;
  bool last = i + 1 == path.size();
  if (const auto* key = std::get_if<std::string>(&path[i])) {
    auto mine = effective(old, a, *key);
    auto theirs = effective(now, b, last && change == Change::rename ? name : *key);
    if (!std::ranges::equal(mine, theirs,
                            [&](auto m, auto t) { return old[m].key == now[t].key && old.same(m, now, t); }))
      return false;
    if (last) return true;
    auto x = old.child(a, *key), y = now.child(b, *key);
    return x != kNone && y != kNone && others_same(old, x, now, y, path, i + 1, change, name);
  }
  auto index = std::get<std::size_t>(path[i]);
  auto mine = old[a].children, theirs = now[b].children;
  auto drop = [&](auto& items) {
    if (index < items.size()) items.erase(items.begin() + static_cast<std::ptrdiff_t>(index));
  };
  drop(mine);
  if (!last || change == Change::set) drop(theirs);
  if (!std::ranges::equal(mine, theirs, [&](auto m, auto t) { return old.same(m, now, t); })) return false;
  if (last) return true;
  auto x = old.item(a, index), y = now.item(b, index);
  return x != kNone && y != kNone && others_same(old, x, now, y, path, i + 1, change, name);
}

std::uint32_t step_into(const Tree& tree, std::uint32_t node, const Step& step) {
  const auto* index = std::get_if<std::size_t>(&step);
  return index != nullptr ? tree.item(node, *index) : tree.child(node, std::get<std::string>(step));
}

}  // namespace

/// An edit in progress: the tree it starts from, and the check of what it made.
class Editing {
 public:
  static Result<Editing> begin(std::string_view text) { return Editing(TRY(Document::parse(text)).tree_); }
  const Tree& tree() const { return *tree_; }

  Result<std::uint32_t> find(const Path& path, std::string_view doing) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
      node = step_into(*tree_, node, path[i]);
      if (node == kNone) {
        auto missing = Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        return fail(Json5Code::no_such_path, "cannot {} {}: there is no {}", doing, path_text(path),
                    path_text(missing));
      }
    }
    return node;
  }

  /// The new text, if it parses, agrees with the old one everywhere but at the path and has `wanted` there.
  Result<std::string> checked(std::string made, const Path& path, Change change, const Value& wanted,
                              const std::string& name = {}) const {
    auto again = Document::parse(made);
    if (!again) {
      return std::unexpected(
          error(Json5Code::refused, "cannot edit {}: the new text would not be JSON5", path_text(path))
              .because(again.error()));
    }
    auto renamed = path;
    if (change == Change::rename) renamed.back() = name;
    bool arrived = same(again->find(renamed), wanted) ||
                   (change == Change::erase && std::holds_alternative<std::size_t>(path.back()));
    if (!arrived || !others_same(*tree_, 0, *again->tree_, 0, path, 0, change, name))
      return fail(Json5Code::refused, "cannot edit {}: something else would change as well", path_text(path));
    return made;
  }

 private:
  explicit Editing(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

Result<std::string> set(std::string_view text, const Path& path, std::string_view value) {
  auto editing = TRY(Editing::begin(text));
  auto parsed = Document::parse(value);
  if (!parsed) {
    return std::unexpected(error(Json5Code::syntax, "cannot set {}: the value is not JSON5", path_text(path))
                               .because(parsed.error()));
  }
  const auto& tree = editing.tree();
  auto wanted = std::string(parsed->root().source());

  std::uint32_t node = 0;
  std::size_t depth = 0;
  while (depth < path.size()) {
    const auto& container = tree[node];
    const auto* index = std::get_if<std::size_t>(&path[depth]);
    auto so_far = Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth));
    if (container.kind != (index != nullptr ? Kind::array : Kind::object)) {
      return fail(Json5Code::wrong_type, "cannot set {}: {} is {}, not {}", path_text(path),
                  path_text(so_far), kind_text(container.kind), index != nullptr ? "an array" : "an object");
    }
    auto next = step_into(tree, node, path[depth]);
    if (next == kNone) {
      if (index != nullptr && *index != container.children.size()) {
        return fail(Json5Code::no_such_path, "cannot set {}: {} has {} items", path_text(path),
                    path_text(so_far), container.children.size());
      }
      break;
    }
    node = next;
    ++depth;
  }

  const auto* key = depth == path.size() ? nullptr : std::get_if<std::string>(&path[depth]);
  if (depth == path.size()) {
    auto made = applied(text, {{tree[node].begin, tree[node].end, wanted}});
    return editing.checked(std::move(made), path, Change::set, parsed->root());
  }

  // What is missing below the deepest object that exists is made inside out.
  Surroundings around(tree, node);
  for (auto i = path.size() - 1; i > depth; --i) {
    if (const auto* inner = std::get_if<std::string>(&path[i])) {
      wanted = around.object_around(*inner, wanted);
    } else if (std::get<std::size_t>(path[i]) == 0) {
      wanted = fmt::format("[{}]", wanted);
    } else {
      return fail(Json5Code::no_such_path, "cannot set {}: its array does not exist yet", path_text(path));
    }
  }
  auto expected = TRY(Document::parse(wanted));
  auto member = key != nullptr ? around.key(*key) + around.colon() + wanted : wanted;
  auto changed = Path(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth) + 1);
  return editing.checked(applied(text, around.insert(member)), changed, Change::set, expected.root());
}

Result<std::string> erase(std::string_view text, const Path& path) {
  if (path.empty()) return fail(Json5Code::no_such_path, "cannot erase the document itself");
  auto editing = TRY(Editing::begin(text));
  auto first = TRY(editing.find(path, "erase"));
  auto container = editing.tree()[first].parent;
  const auto* key = std::get_if<std::string>(&path.back());

  // Duplicates go one by one, from behind: the offsets before them stay right, the tree is parsed anew.
  std::string made(text);
  auto doubles = key == nullptr ? 1
                                : std::ranges::count(editing.tree()[container].children, *key,
                                                     [&](std::uint32_t i) { return editing.tree()[i].key; });
  constexpr std::ptrdiff_t kMostDoubles = 16;  // each costs a parse
  if (doubles > kMostDoubles)
    return fail(Json5Code::refused, "cannot erase {}: the key is there {} times", path_text(path), doubles);
  for (; doubles > 0; --doubles) {
    auto step = TRY(Editing::begin(made));
    auto node = TRY(step.find(path, "erase"));
    made = applied(made, Surroundings(step.tree(), step.tree()[node].parent).remove(node));
  }
  return editing.checked(std::move(made), path, Change::erase, {});
}

Result<std::string> rename_key(std::string_view text, const Path& path, std::string_view new_name) {
  if (path.empty() || !std::holds_alternative<std::string>(path.back()))
    return fail(Json5Code::wrong_type, "cannot rename {}: it has no key", path_text(path));
  auto editing = TRY(Editing::begin(text));
  auto node = TRY(editing.find(path, "rename"));
  const auto& tree = editing.tree();
  const auto& member = tree[node];
  for (auto i : tree[member.parent].children) {
    if (tree[i].key == new_name && i != node) {
      return fail(Json5Code::refused, "cannot rename {}: there is already a {}", path_text(path),
                  path_text({std::string(new_name)}));
    }
    if (tree[i].overridden && tree[i].key == member.key)
      return fail(Json5Code::refused, "cannot rename {}: the key is there twice", path_text(path));
  }
  char quote = text[member.key_begin];
  bool bare = quote != '"' && quote != '\'';
  auto key = bare && is_identifier(new_name) ? std::string(new_name)
                                             : Surroundings::quoted(new_name, bare ? '"' : quote);
  auto made = applied(text, {{member.key_begin, member.key_end, key}});
  auto document = TRY(Document::parse(text));
  return editing.checked(std::move(made), path, Change::rename, document.find(path), std::string(new_name));
}

}  // namespace meshops::json5
