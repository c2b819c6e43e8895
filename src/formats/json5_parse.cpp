#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "formats/json5_tree.h"

namespace meshops::json5 {

using namespace detail;

namespace {

/// UTF-16 code units in, UTF-8 out: "\uD83D\uDE00" is one character, as in JavaScript; half of a pair is
/// U+FFFD.
class Decoded {
 public:
  explicit Decoded(std::string& out) : out_(out) {}
  void unit(std::uint32_t u) {
    bool low = u >= 0xDC00 && u <= 0xDFFF;
    if (high_ != 0 && low) {
      append_utf8(out_, 0x10000U + ((high_ - 0xD800U) << 10U) + (u - 0xDC00U));
      high_ = 0;
      return;
    }
    finish();
    if (u >= 0xD800 && u <= 0xDBFF) {
      high_ = u;
    } else {
      append_utf8(out_, low ? 0xFFFD : u);
    }
  }
  void finish() {
    if (high_ != 0) append_utf8(out_, 0xFFFD);
    high_ = 0;
  }

 private:
  std::string& out_;
  std::uint32_t high_ = 0;
};

bool is_digit(std::uint32_t c) { return c >= '0' && c <= '9'; }
int hex_digit(std::uint32_t c) {
  if (is_digit(c)) return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A' + 10);
  return -1;
}

// from_chars leaves the value alone when it is out of range; JavaScript rounds to Infinity or 0.
double out_of_range(std::string_view digits) {
  auto e = digits.find_first_of("eE");
  auto mantissa = digits.substr(0, e);
  auto point = std::min(mantissa.find('.'), mantissa.size());
  auto first = mantissa.find_first_not_of("0.");
  // 10^order is the size of the mantissa; the text limit keeps it far from overflow.
  auto order = first == std::string_view::npos
                   ? 0
                   : static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  if (e != std::string_view::npos) {
    auto exponent = digits.substr(e + 1);
    bool negative = exponent.starts_with('-');
    if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
    // Nineteen nines and more saturate.
    auto size = to_number<std::int64_t>(exponent).value_or(std::numeric_limits<std::int64_t>::max() / 2);
    size = std::min(size, std::numeric_limits<std::int64_t>::max() / 2);
    order += negative ? -size : size;
  }
  return order > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

double decimal(std::string_view digits) {
  double value = 0;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return code == std::errc::result_out_of_range ? out_of_range(digits) : value;
}

double hexadecimal(std::string_view digits) {
  double value = 0;
  auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::hex);
  return code == std::errc::result_out_of_range ? std::numeric_limits<double>::infinity() : value;
}

class Parser {
 public:
  explicit Parser(Tree& tree) : tree_(tree), text_(tree.text) {}

  bool document() {
    std::uint32_t root = 0;
    if (!skip_space() || !value(kNone, 0, root) || !skip_space()) return false;
    return at_end() || expected("the end of the text");
  }

  Problem problem;

 private:
  bool at_end() const { return at_ >= text_.size(); }
  CodePoint here() const { return code_point(text_, at_); }
  char byte(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::uint32_t offset() const { return static_cast<std::uint32_t>(at_); }

  bool wrong_at(std::size_t at, std::string what, Json5Code code = Json5Code::syntax) {
    problem = {.code = code, .at = position_of(text_, at), .what = std::move(what)};
    return false;
  }
  bool wrong(std::string what) { return wrong_at(at_, std::move(what)); }
  bool expected(std::string_view what) {
    if (at_end()) return wrong(fmt::format("expected {}, found the end of the text", what));
    auto c = here();
    if (is_line_break(c.value)) return wrong(fmt::format("expected {}, found the end of the line", what));
    return wrong(fmt::format("expected {}, found '{}'", what, printable(text_.substr(at_, c.length))));
  }

  bool skip_space() {
    while (!at_end()) {
      if (byte() == '/' && byte(1) == '/') {
        for (auto c = here(); c.length != 0 && !is_line_break(c.value); c = here()) at_ += c.length;
      } else if (byte() == '/' && byte(1) == '*') {
        auto close = text_.find("*/", at_ + 2);
        if (close == std::string_view::npos) return wrong("the comment is never closed with '*/'");
        at_ = close + 2;
      } else if (auto c = here(); is_space(c.value)) {
        at_ += c.length;
      } else {
        break;
      }
    }
    return true;
  }

  std::uint32_t add(std::uint32_t parent) {
    auto i = static_cast<std::uint32_t>(tree_.nodes.size());
    tree_.nodes.emplace_back().parent = parent;
    if (parent != kNone) tree_.nodes[parent].children.push_back(i);
    return i;
  }

  bool value(std::uint32_t parent, std::size_t depth, std::uint32_t& node) {
    node = add(parent);
    return value_of(node, depth);
  }

  bool value_of(std::uint32_t node, std::size_t depth) {
    tree_.nodes[node].begin = offset();
    bool good = false;
    char c = byte();
    if (c == '{' || c == '[') {
      if (depth >= kDepthLimit)
        return wrong_at(at_, fmt::format("nested deeper than {} levels", kDepthLimit), Json5Code::too_deep);
      good = c == '{' ? object(node, depth) : array(node, depth);
    } else if (c == '"' || c == '\'') {
      tree_.nodes[node].kind = Kind::string;
      good = string(tree_.nodes[node].string);
    } else if (is_digit(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.' || c == 'I' ||
               c == 'N') {
      good = number(tree_.nodes[node]);
    } else if (c == 'n') {
      tree_.nodes[node].kind = Kind::null;
      good = word("null");
    } else if (c == 't' || c == 'f') {
      tree_.nodes[node].kind = Kind::boolean;
      tree_.nodes[node].boolean = c == 't';
      good = word(c == 't' ? "true" : "false");
    } else {
      return expected("a value");
    }
    tree_.nodes[node].end = offset();
    return good;
  }

  bool word(std::string_view w) {
    auto begin = at_;
    for (char c : w) {
      if (byte() != c) {
        // A bare word is more often a forgotten quote than a mistyped null.
        at_ = begin;
        return expected("a value");
      }
      ++at_;
    }
    return not_followed_by_name();
  }

  bool not_followed_by_name() {
    auto c = here();
    if (c.length != 0 && (is_id_part(c.value) || c.value == '\\')) return expected("a separator");
    return true;
  }

  bool object(std::uint32_t node, std::size_t depth) {
    auto open = at_++;
    tree_.nodes[node].kind = Kind::object;
    while (true) {
      if (!skip_space()) return false;
      if (at_end()) return never_closed(open, '{', '}');
      if (byte() == '}') break;
      auto member = add(node);
      tree_.nodes[member].key_begin = offset();
      if (!key(tree_.nodes[member].key)) return false;
      tree_.nodes[member].key_end = offset();
      if (!skip_space()) return false;
      if (byte() != ':') return expected("':' after the key");
      ++at_;
      if (!skip_space() || !value_of(member, depth + 1) || !skip_space()) return false;
      if (byte() == ',') {
        tree_.nodes[member].comma = offset();
        ++at_;
      } else if (byte() != '}') {
        return at_end() ? never_closed(open, '{', '}') : expected("',' or '}'");
      }
    }
    ++at_;
    mark_overridden(node);
    return true;
  }

  bool array(std::uint32_t node, std::size_t depth) {
    auto open = at_++;
    tree_.nodes[node].kind = Kind::array;
    while (true) {
      if (!skip_space()) return false;
      if (at_end()) return never_closed(open, '[', ']');
      if (byte() == ']') break;
      std::uint32_t item = 0;
      if (!value(node, depth + 1, item) || !skip_space()) return false;
      if (byte() == ',') {
        tree_.nodes[item].comma = offset();
        ++at_;
      } else if (byte() != ']') {
        return at_end() ? never_closed(open, '[', ']') : expected("',' or ']'");
      }
    }
    ++at_;
    return true;
  }

  bool never_closed(std::size_t open, char opener, char closer) {
    auto at = position_of(text_, open);
    return wrong(fmt::format("expected '{}' for the '{}' of line {}, column {}, found the end of the text",
                             closer, opener, at.line, at.column));
  }

  void mark_overridden(std::uint32_t object) {
    std::unordered_map<std::string_view, std::uint32_t> last;
    for (auto i : tree_.nodes[object].children) {
      auto [it, fresh] = last.try_emplace(tree_.nodes[i].key, i);
      if (fresh) continue;
      tree_.nodes[it->second].overridden = true;
      it->second = i;
    }
  }

  bool key(std::string& out) {
    if (byte() == '"' || byte() == '\'') return string(out);
    auto c = here();
    if (!is_id_start(c.value) && c.value != '\\') return expected("a key or '}'");
    bool first = true;
    for (; c.length != 0 && (is_id_part(c.value) || c.value == '\\'); c = here(), first = false) {
      auto begin = at_;
      auto value = c.value;
      at_ += c.length;
      if (value == '\\') {
        if (byte() != 'u') return expected("'u' after '\\' in a key");
        ++at_;
        if (!hex(4, value)) return false;
        if (first ? !is_id_start(value) : !is_id_part(value))
          return wrong_at(begin, "this escape stands for a character that a key without quotes cannot have");
      }
      append_utf8(out, value);
    }
    return true;
  }

  bool hex(int digits, std::uint32_t& value) {
    value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      int d = hex_digit(static_cast<unsigned char>(byte()));
      if (d < 0) return expected("a hexadecimal digit");
      value = value * 16 + static_cast<std::uint32_t>(d);
    }
    return true;
  }

  bool string(std::string& out) {
    auto open = at_;
    char quote = byte();
    ++at_;
    Decoded decoded(out);
    while (true) {
      auto c = here();
      if (c.length == 0 || c.value == '\n' || c.value == '\r') {
        auto at = position_of(text_, open);
        return wrong(
            fmt::format("the string of line {}, column {} is not closed on its line", at.line, at.column));
      }
      at_ += c.length;
      if (c.value == static_cast<unsigned char>(quote)) break;
      if (c.value != '\\') {
        decoded.finish();
        append_utf8(out, c.value);
      } else if (!escape(decoded, out)) {
        return false;
      }
    }
    decoded.finish();
    return true;
  }

  bool escape(Decoded& decoded, std::string& out) {
    auto c = here();
    if (c.length == 0) return expected("a character after '\\'");
    std::uint32_t value = c.value;
    switch (c.value) {
      case 'b':
        value = '\b';
        break;
      case 'f':
        value = '\f';
        break;
      case 'n':
        value = '\n';
        break;
      case 'r':
        value = '\r';
        break;
      case 't':
        value = '\t';
        break;
      case 'v':
        value = '\v';
        break;
      case 'x':
      case 'u':
        ++at_;
        if (!hex(c.value == 'x' ? 2 : 4, value)) return false;
        decoded.unit(value);
        return true;
      case '0':
        if (is_digit(static_cast<unsigned char>(byte(1)))) return wrong("octal escapes are not allowed");
        value = 0;
        break;
      case '\r':  // a line continuation adds nothing; CR LF is one line break
        at_ += byte(1) == '\n' ? 2 : 1;
        return true;
      default:
        if (is_digit(c.value)) return wrong("octal escapes are not allowed");
        if (is_line_break(c.value)) {
          at_ += c.length;
          return true;
        }
    }
    at_ += c.length;
    decoded.finish();
    append_utf8(out, value);
    return true;
  }

  bool number(Node& node) {
    node.kind = Kind::number;
    bool negative = byte() == '-';
    if (byte() == '-' || byte() == '+') ++at_;
    double size = 0;
    if (byte() == 'I') {
      if (!word("Infinity")) return false;
      size = std::numeric_limits<double>::infinity();
    } else if (byte() == 'N') {
      if (!word("NaN")) return false;
      size = std::numeric_limits<double>::quiet_NaN();
    } else if (byte() == '0' && (byte(1) == 'x' || byte(1) == 'X')) {
      at_ += 2;
      auto begin = at_;
      while (hex_digit(static_cast<unsigned char>(byte())) >= 0) ++at_;
      if (at_ == begin) return expected("a hexadecimal digit");
      size = hexadecimal(text_.substr(begin, at_ - begin));
    } else if (!decimal_literal(size)) {
      return false;
    }
    node.number = negative ? -size : size;
    return not_followed_by_name();
  }

  bool decimal_literal(double& size) {
    auto begin = at_;
    auto digits = [&] {
      auto from = at_;
      while (is_digit(static_cast<unsigned char>(byte()))) ++at_;
      return at_ - from;
    };
    auto whole = digits();
    if (whole > 1 && text_[begin] == '0') return wrong_at(begin, "a number does not begin with 0");
    std::size_t fraction = 0;
    if (byte() == '.') {
      ++at_;
      fraction = digits();
    }
    if (whole + fraction == 0) return expected("a digit");
    if (byte() == 'e' || byte() == 'E') {
      ++at_;
      if (byte() == '+' || byte() == '-') ++at_;
      if (digits() == 0) return expected("a digit of the exponent");
    }
    size = decimal(text_.substr(begin, at_ - begin));
    return true;
  }

  Tree& tree_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Document> Document::parse(std::string_view text, Problem* problem) {
  auto tree = std::make_shared<Tree>();
  Problem found;
  if (text.size() > kTextLimit) {
    found = {
        .code = Json5Code::too_large, .at = {}, .what = fmt::format("more than {}", bytes_text(kTextLimit))};
  } else {
    tree->text = text;
    Parser parser(*tree);
    if (parser.document()) return Document(std::move(tree));
    found = std::move(parser.problem);
  }
  if (problem != nullptr) *problem = found;
  return fail(found.code, "line {}, column {}: {}", found.at.line, found.at.column, found.what);
}

const std::string& Document::text() const { return tree_->text; }

}  // namespace meshops::json5
