// Text to tree: a recursive reader by indentation (YAML 1.2.2, chapters 6 to 9).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "formats/utf8.h"
#include "formats/yaml_cursor.h"
#include "formats/yaml_tree.h"

namespace meshops::yaml::detail {

namespace {

class Reader : Cursor {
 public:
  Reader(Tree& tree, Problem& problem) : Cursor(tree.text, problem), tree_(tree) {}

  bool document() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = line_start_ = 3;
    if (!to_content()) return !failed_;
    while (more() && peek() == '%' && column() == 0) {
      while (more() && peek() != '\n') ++at_;
      if (!to_content()) return !failed_;
    }
    if (marker("---")) {
      at_ += 3;
    } else if (marker("...")) {
      return true;
    }
    tree_.root = block(-1, false, true);
    if (failed_) return false;
    if (to_content() && !marker("---") && !marker("..."))
      bad("this belongs to nothing above it: look at the indentation");
    return !failed_;
  }

 private:
  std::uint32_t make(Kind kind) {
    Node node{.kind = kind};
    node.begin = node.end = static_cast<std::uint32_t>(at_);
    node.line = static_cast<std::uint32_t>(line_);
    node.column = static_cast<std::uint32_t>(column()) + 1;
    tree_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }
  Node& node(std::uint32_t index) { return tree_.nodes[index]; }
  void end_here(std::uint32_t index) { node(index).end = static_cast<std::uint32_t>(at_); }

  struct Depth {
    explicit Depth(Reader& r) : reader(r) {
      if (++reader.depth_ > kDepthLimit) reader.bad("nested too deep");
    }
    ~Depth() { --reader.depth_; }
    Reader& reader;
  };

  // --- properties ---

  struct Properties {
    std::string tag, anchor;
    bool any = false;
  };
  std::string name() {
    auto begin = at_;
    while (!blank_or_break(0) && !(flow_depth_ > 0 && flow_mark(peek()))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  void properties(Properties& p) {
    while (peek() == '&' || peek() == '!') {
      p.any = true;
      if (peek() == '&') {
        ++at_;
        p.anchor = name();
      } else if (peek(1) == '<') {
        auto begin = at_;
        while (!at_break() && peek() != '>') ++at_;
        if (peek() == '>') ++at_;
        p.tag = text_.substr(begin, at_ - begin);
      } else {
        p.tag = name();
      }
      skip_blanks();
    }
  }
  std::uint32_t give(std::uint32_t index, const Properties& p) {
    if (failed_) return index;
    if (!p.tag.empty()) node(index).tag = p.tag;
    if (!p.anchor.empty()) anchors_[p.anchor] = index;
    return index;
  }
  std::uint32_t alias() {
    auto index = make(Kind::null);
    ++at_;
    auto found = anchors_.find(name());
    if (found == anchors_.end()) {
      bad("an alias for an anchor that is not there");
      return index;
    }
    node(index).alias = found->second;
    end_here(index);
    return index;
  }

  // --- block style ---

  /// The node that comes next, which must be indented deeper than `parent`. `in_mapping`: as the value of a
  /// key, where a sequence may stand as deep as the key. `fresh`: nothing stands before it on its line but
  /// dashes, so that it may be a mapping without a break.
  std::uint32_t block(int parent, bool in_mapping, bool fresh) {
    Depth depth(*this);
    if (failed_) return make(Kind::null);
    auto absent = make(Kind::null);  // where it is, if nothing comes
    skip_blanks();
    Properties p;
    auto before = at_;
    auto before_column = column();
    properties(p);
    bool same_line_properties = p.any;
    auto after = at_;
    if (rest_of_line()) {
      same_line_properties = false;
      fresh = true;
      if (!to_content() || failed_) return give(absent, p);
      bool dash = peek() == '-' && blank_or_break(1);
      if (marker("---") || marker("...") || column() < parent ||
          (column() == parent && !(in_mapping && dash))) {
        return give(absent, p);
      }
      if (indented_by_tab()) {
        bad("a tab where blanks indent");
        return absent;
      }
      if (!p.any || !implicit_properties()) {
        before = at_;
        before_column = column();
        bool had = p.any;
        auto line = line_;
        properties(p);
        same_line_properties = !had && p.any && line == line_ && !at_break();
        after = at_;
        if (at_break() || peek() == '#') {
          // Properties alone on a line: the node is below.
          same_line_properties = false;
          if (!to_content() || column() <= parent) return give(absent, p);
        }
      }
    } else {
      at_ = after;
    }
    if (peek() == '-' && blank_or_break(1)) {
      if (!fresh) bad("a sequence begins on a line of its own");
      return give(sequence(column()), p);
    }
    if (fresh && ((peek() == '?' && blank_or_break(1)) || is_key())) {
      // "&a key: v": the anchor is the key's.
      if (same_line_properties) {
        at_ = before;
        return mapping(before_column);
      }
      return give(mapping(column()), p);
    }
    if (peek() == '|' || peek() == '>') return give(block_scalar(parent), p);
    return give(inline_node(parent), p);
  }
  bool indented_by_tab() const {
    return text_.substr(line_start_, at_ - line_start_).find('\t') != std::string_view::npos && fresh_line();
  }
  bool fresh_line() const {
    for (auto c : text_.substr(line_start_, at_ - line_start_))
      if (!blank(c)) return false;
    return true;
  }
  /// Whether properties here belong to a key and not to the node that has its own already.
  bool implicit_properties() { return (peek() == '&' || peek() == '!') && is_key(); }

  /// Whether an implicit key begins here: a scalar on this line with ": " behind it.
  bool is_key() {
    auto at = at_;
    bool found = false;
    Properties ignored;
    if (peek() == '&' || peek() == '!') properties(ignored);
    if (peek() == '"' || peek() == '\'') {
      char quote = text_[at_++];
      while (!at_break() && peek() != quote) at_ += quote == '"' && peek() == '\\' ? 2 : 1;
      at_ = std::min(at_, text_.size());
      if (peek() == quote) {
        // 'it''s'
        while (quote == '\'' && peek(1) == '\'') {
          at_ += 2;
          while (!at_break() && peek() != quote) ++at_;
        }
        ++at_;
        skip_blanks();
        found = peek() == ':' && blank_or_break(1);
      }
    } else if (peek() == '[' || peek() == '{') {
      found = false;  // a collection as a key: nobody's configuration has one
    } else {
      while (!at_break()) {
        if (peek() == ':' && blank_or_break(1)) {
          found = true;
          break;
        }
        if (peek() == '#' && at_ > at && blank(text_[at_ - 1])) break;
        ++at_;
      }
    }
    at_ = at;
    return found;
  }

  std::uint32_t sequence(int indent) {
    auto index = make(Kind::sequence);
    while (!failed_) {
      ++at_;  // the dash
      auto item = block(indent, false, true);
      node(index).items.push_back(item);
      node(index).end = std::max(node(index).end, node(item).end);
      if (!to_content() || column() != indent || !(peek() == '-' && blank_or_break(1)) || marker("---"))
        break;
    }
    if (more() && column() > indent) bad("this belongs to nothing above it: look at the indentation");
    return index;
  }

  std::uint32_t mapping(int indent) {
    auto index = make(Kind::mapping);
    while (!failed_) {
      std::uint32_t key = kNone;
      if (peek() == '?' && blank_or_break(1)) {
        ++at_;
        key = block(indent, false, true);
        if (!to_content() || column() != indent || peek() != ':') {
          auto value = make(Kind::null);
          node(index).members.emplace_back(key, value);
          if (!more() || column() != indent) break;
          continue;
        }
      } else {
        if (!is_key()) {
          bad("expected 'key: value'");
          break;
        }
        key = simple_key();
      }
      skip_blanks();
      if (failed_ || peek() != ':') break;
      ++at_;
      auto value = block(indent, true, false);
      node(index).members.emplace_back(key, value);
      node(index).end = std::max({node(index).end, node(value).end, node(key).end});
      if (!to_content() || column() != indent || marker("---") || marker("...")) break;
      if (indented_by_tab()) bad("a tab where blanks indent");
    }
    if (more() && column() > indent) bad("this belongs to nothing above it: look at the indentation");
    return index;
  }

  std::uint32_t simple_key() {
    Properties p;
    properties(p);
    if (peek() == '*') return give(alias(), p);
    if (peek() == '"' || peek() == '\'') return give(quoted(), p);
    auto index = make(Kind::scalar);
    auto begin = at_;
    while (!at_break() && !(peek() == ':' && blank_or_break(1))) ++at_;
    node(index).text = trim(text_.substr(begin, at_ - begin));
    node(index).end = static_cast<std::uint32_t>(begin + node(index).text.size());
    return give(index, p);
  }
  /// A flow collection, an alias or a scalar that is no block.
  std::uint32_t inline_node(int parent) {
    std::uint32_t index = kNone;
    if (peek() == '[' || peek() == '{') {
      index = flow();
    } else if (peek() == '*') {
      index = alias();
    } else if (peek() == '"' || peek() == '\'') {
      index = quoted();
    } else {
      return plain(parent);
    }
    if (failed_) return index;
    if (!rest_of_line()) bad(peek() == ':' ? "a second value on this line" : "expected the end of the line");
    return index;
  }

  std::uint32_t plain(int parent) {
    auto index = make(Kind::scalar);
    if (peek() == '@' || peek() == '`' || peek() == '%' || peek() == ']' || peek() == '}' || peek() == ',') {
      bad(fmt::format("a plain value cannot begin with '{}'", peek()));
      return index;
    }
    std::string text;
    std::size_t breaks = 0;
    while (true) {
      auto begin = at_;
      auto end = at_;
      while (!at_break()) {
        if (peek() == ':' && blank_or_break(1)) {
          bad("a second value on this line");
          return index;
        }
        if (peek() == '#' && at_ > begin && blank(text_[at_ - 1])) break;
        if (!blank(peek())) end = at_ + 1;
        ++at_;
      }
      if (!text.empty()) text += breaks > 1 ? std::string(breaks - 1, '\n') : " ";
      text += text_.substr(begin, end - begin);
      node(index).end = static_cast<std::uint32_t>(end);
      bool comment = peek() == '#';
      rest_of_line();
      if (comment) break;
      // It goes on where the next line is deeper; a comment or a key ends it.
      auto at = at_, line = line_, start = line_start_;
      breaks = 0;
      bool goes_on = false;
      while (more() && at_break()) {
        if (peek() == '\r') ++at_;
        next_line();
        ++breaks;
        skip_blanks();
        if (!at_break()) {
          goes_on = column() > parent && peek() != '#' && !marker("---") && !marker("...");
          break;
        }
      }
      if (!goes_on) {
        at_ = at;
        line_ = line;
        line_start_ = start;
        break;
      }
    }
    settle(index, std::move(text));
    return index;
  }

  /// What an unquoted text is.
  void settle(std::uint32_t index, std::string text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
      node(index).kind = Kind::null;
    node(index).text = std::move(text);
  }

  std::uint32_t block_scalar(int parent) {
    auto index = make(Kind::scalar);
    node(index).quoted = true;
    bool folded = text_[at_++] == '>';
    char chomp = ' ';
    int indent = -1;
    while (peek() == '+' || peek() == '-' || (peek() >= '1' && peek() <= '9')) {
      if (peek() == '+' || peek() == '-')
        chomp = peek();
      else
        indent = std::max(parent, 0) + (peek() - '0');
      ++at_;
    }
    end_here(index);
    if (!rest_of_line()) {
      bad("expected the end of the line");
      return index;
    }
    std::string out;
    std::size_t blank_lines = 0;
    bool first = true, was_deeper = false;
    while (more()) {
      // At the end of the line before; the next one may be ours.
      auto start = at_ + 1;
      auto end = std::min(text_.find('\n', start), text_.size());
      if (start >= text_.size()) break;
      auto line = text_.substr(start, end - start);
      if (line.ends_with('\r')) line.remove_suffix(1);
      auto first_char = line.find_first_not_of(' ');
      bool empty = first_char == std::string_view::npos;
      if (!empty) {
        if (indent < 0) {
          if (static_cast<int>(first_char) <= parent) break;
          indent = static_cast<int>(first_char);
        }
        if (static_cast<int>(first_char) < indent) break;
        if (indent == 0 && (line.starts_with("---") || line.starts_with("..."))) break;
      }
      next_line();
      at_ = end;
      if (empty) {
        ++blank_lines;
        continue;
      }
      auto body = line.substr(static_cast<std::size_t>(indent));
      bool deeper = blank(body.front());
      if (first)
        out.append(blank_lines, '\n');
      else if (!folded || deeper || was_deeper)
        out.append(blank_lines + 1, '\n');
      else
        out += blank_lines > 0 ? std::string(blank_lines, '\n') : " ";
      out += body;
      first = false;
      was_deeper = deeper;
      blank_lines = 0;
      node(index).end = static_cast<std::uint32_t>(start + line.size());
    }
    if (chomp != '-' && !out.empty()) out += '\n';
    if (chomp == '+') out.append(blank_lines, '\n');
    node(index).text = std::move(out);
    return index;
  }

  /// In quotes of either kind, over several lines if need be.
  std::uint32_t quoted() {
    auto index = make(Kind::scalar);
    node(index).quoted = true;
    char quote = text_[at_++];
    std::string out;
    while (true) {
      if (!more()) {
        bad("a quote is not closed");
        return index;
      }
      char c = peek();
      if (c == quote) {
        ++at_;
        if (quote == '\'' && peek() == '\'') {
          out += '\'';
          ++at_;
          continue;
        }
        break;
      }
      if (at_break()) {
        fold(out);
      } else if (c == '\\' && quote == '"') {
        escape(out);
      } else {
        out += c;
        ++at_;
      }
    }
    node(index).text = std::move(out);
    end_here(index);
    return index;
  }
  /// A break inside quotes is a blank; empty lines are breaks.
  void fold(std::string& out) {
    while (!out.empty() && blank(out.back())) out.pop_back();
    std::size_t breaks = 0;
    while (more() && at_break()) {
      if (peek() == '\r') ++at_;
      if (!more()) return;
      next_line();
      ++breaks;
      skip_blanks();
    }
    out += breaks > 1 ? std::string(breaks - 1, '\n') : " ";
  }
  void escape(std::string& out) {
    ++at_;
    if (at_break()) {
      if (peek() == '\r') ++at_;
      if (more()) next_line();
      skip_blanks();
      return;
    }
    char c = text_[at_++];
    std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) {
      auto code = to_number<std::uint32_t>(text_.substr(at_, digits), 16);
      if (!code || at_ + digits > text_.size()) return bad("expected hexadecimal digits");
      append_utf8(out, *code);
      at_ += digits;
      return;
    }
    constexpr std::string_view kFrom = "0abtnvfre";
    constexpr std::string_view kTo("\0\a\b\t\n\v\f\r\x1b", 9);
    auto known = kFrom.find(c);
    out += known == std::string_view::npos ? c : kTo[known];
  }

  // --- flow style ---

  bool flow_content() {
    if (!to_content()) {
      bad("a bracket is not closed");
      return false;
    }
    return true;
  }

  std::uint32_t flow() {
    Depth depth(*this);
    bool braces = peek() == '{';
    char closing = braces ? '}' : ']';
    auto index = make(braces ? Kind::mapping : Kind::sequence);
    node(index).flow = true;
    if (failed_) return index;
    ++at_;
    ++flow_depth_;
    while (flow_content() && peek() != closing) {
      if (peek() == '?' && blank_or_break(1)) {
        ++at_;
        if (!flow_content()) break;
      }
      auto key_at = at_;
      auto first = flow_value();
      if (failed_ || !flow_content()) break;
      std::uint32_t second = kNone;
      // JSON's "a":1 needs no blank behind the colon.
      if (peek() == ':' && (blank_or_break(1) || flow_mark(peek(1)) || braces || node(first).quoted)) {
        ++at_;
        if (!flow_content()) break;
        if (peek() == ',' || peek() == closing)
          second = make(Kind::null);
        else
          second = flow_value();
        if (failed_ || !flow_content()) break;
      }
      if (braces) {
        if (second == kNone) second = make(Kind::null);
        node(index).members.emplace_back(first, second);
      } else if (second != kNone) {
        auto pair = make(Kind::mapping);
        node(pair).flow = true;
        node(pair).begin = static_cast<std::uint32_t>(key_at);
        node(pair).members.emplace_back(first, second);
        node(index).items.push_back(pair);
      } else {
        node(index).items.push_back(first);
      }
      if (peek() == ',') {
        ++at_;
      } else if (peek() != closing) {
        bad(fmt::format("expected ',' or '{}'", closing));
        break;
      }
    }
    --flow_depth_;
    if (more()) ++at_;
    end_here(index);
    return index;
  }

  std::uint32_t flow_value() {
    Properties p;
    properties(p);
    if (p.any && !flow_content()) return make(Kind::null);
    if (peek() == '[' || peek() == '{') return give(flow(), p);
    if (peek() == '*') return alias();
    if (peek() == '"' || peek() == '\'') return give(quoted(), p);
    auto index = make(Kind::scalar);
    std::string text;
    while (more()) {
      auto begin = at_;
      auto end = at_;
      while (!at_break() && !flow_mark(peek())) {
        if (peek() == ':' && (blank_or_break(1) || flow_mark(peek(1)))) break;
        if (peek() == '#' && at_ > begin && blank(text_[at_ - 1])) break;
        if (!blank(peek())) end = at_ + 1;
        ++at_;
      }
      if (end > begin) {
        if (!text.empty()) text += ' ';
        text += text_.substr(begin, end - begin);
        node(index).end = static_cast<std::uint32_t>(end);
      }
      if (!at_break() || !more()) break;
      if (!to_content() || flow_mark(peek()) || peek() == ':') break;
    }
    if (text.empty() && more() && !flow_mark(peek()) && peek() != ':') bad("expected a value");
    settle(index, std::move(text));
    return give(index, p);
  }

  Tree& tree_;
  std::size_t depth_ = 0;
  std::size_t flow_depth_ = 0;
  std::map<std::string, std::uint32_t> anchors_;
};

}  // namespace

bool read(Tree& tree, Problem& problem) { return Reader(tree, problem).document(); }

}  // namespace meshops::yaml::detail
