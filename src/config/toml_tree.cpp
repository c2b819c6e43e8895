#include "config/toml_tree.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_UNRELEASED_FEATURES 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

namespace meshops::toml_tree {

static_assert(TOML_MAX_NESTED_VALUES == kMostNesting);

namespace {

Position position(const toml::source_position& at) {
  return {std::max<std::uint32_t>(1, at.line), std::max<std::uint32_t>(1, at.column)};
}

Value convert(const toml::node& node, Position fallback);

Table convert_table(const toml::table& table) {
  Table out;
  out.reserve(table.size());
  for (auto&& [key, node] : table) {
    // Tables that exist only as part of a dotted key have no place of their own.
    auto at = position(key.source().begin);
    out.push_back({std::string(key.str()), at, convert(node, at)});
  }
  return out;
}

Value convert(const toml::node& node, Position fallback) {
  auto at = node.source().begin ? position(node.source().begin) : fallback;
  if (const auto* text = node.as_string()) return {at, text->get()};
  if (const auto* number = node.as_integer()) return {at, number->get()};
  if (const auto* number = node.as_floating_point()) return {at, number->get()};
  if (const auto* boolean = node.as_boolean()) return {at, boolean->get()};
  if (const auto* table = node.as_table()) return {at, convert_table(*table), table->is_inline()};
  if (const auto* array = node.as_array()) {
    Array out;
    out.reserve(array->size());
    for (const auto& element : *array) out.push_back(convert(element, at));
    return {at, std::move(out)};
  }
  return {at, Date{}};
}

constexpr std::string_view kQuoteIt = "texts stand in quotes: key = \"text\"";

/// What toml++ 3.3 must not be given; each found by the fuzzer or by reading its parser:
/// - It bounds how deep values nest but not how many parts a dotted key has; its tables are then freed by
///   recursion, which a line of a million "a.a.a" turns into a stack overflow.
/// - It asserts (or, built with NDEBUG by clang, assumes) that a table header begins with a key, which "[`"
///   breaks, and that '}' never stands where a list expects a value.
/// - Where it looks for blanks, characters such as U+00E9 lead it to a __builtin_unreachable(). Outside of
///   texts and comments TOML allows none of them anyway; within a text it looks for blanks only after a
///   backslash. A quote within a bare word begins no text for it: it reads on for the word's end.
/// Knows just enough TOML: up to the first syntax error, where toml++ stops too, it sees strings, comments
/// and brackets as toml++ does.
class Hazards {
 public:
  explicit Hazards(std::string_view text) : text_(text) {}

  std::optional<SyntaxFault> first() {
    unsigned dots = 0;
    std::string open;  // brackets not yet closed
    bool line_begins = true, in_header = false, after_equals = false;
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // a byte order mark, which toml++ skips too
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      if (c == '[' && line_begins && open.empty()) {
        if (!header_has_key())
          return SyntaxFault{here(), ConfigCode::syntax, "a table header without a name, expected [name]",
                             ""};
        in_header = true;
      }
      if (c == '"' || c == '\'') {
        bool in_value = after_equals || (!in_header && open.ends_with('['));
        if (!may_begin_text(in_value))
          return SyntaxFault{here(), ConfigCode::syntax, "a quote in the middle of a word",
                             std::string(kQuoteIt)};
        if (!skip_string(c))
          return SyntaxFault{here(), ConfigCode::syntax,
                             "a letter beyond ASCII right after a backslash, which meshops cannot read",
                             "write the text without the backslash at the end of its line"};
        line_begins = false;
        continue;
      }
      if (beyond_ascii(c))
        return SyntaxFault{here(), ConfigCode::syntax,
                           "a character that may stand only in a text or a comment", std::string(kQuoteIt)};
      if (c == '.' && ++dots > kMostNesting)
        return SyntaxFault{here(), ConfigCode::syntax, "a key with more dots than any key of mesh.toml has",
                           ""};
      if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '}') {
        dots = 0;
        after_equals = c == '=';
      }
      if (c == '[' || c == '{') open += c;
      if ((c == ']' || c == '}') && !open.empty()) {
        if (open.back() != (c == ']' ? '[' : '{'))
          return SyntaxFault{here(), ConfigCode::syntax,
                             c == ']' ? "a table in braces that is not closed, expected '}'"
                                      : "a list that is not closed, expected ']'",
                             ""};
        open.pop_back();
      }
      if (c == '\n' && in_header) {
        open.clear();  // a header that is not closed is for toml++ to report
        in_header = false;
      }
      line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t' || c == '\r'));
      ++at_;
    }
    return std::nullopt;
  }

 private:
  Position here() const {
    auto before = text_.substr(0, at_);
    auto line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0: the first line
    auto is_lead = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
    return {static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1),
            static_cast<std::uint32_t>(std::ranges::count_if(line, is_lead) + 1)};
  }
  /// Of the header at at_: what follows its brackets, or is an error that toml++ itself reports.
  bool header_has_key() const {
    constexpr std::string_view kBlank = " \t";
    auto next = text_.find_first_not_of(kBlank, at_ + 1);
    if (next < text_.size() && text_[next] == '[') next = text_.find_first_not_of(kBlank, next + 1);
    constexpr std::string_view kFine = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-\"']";
    return next >= text_.size() || kFine.contains(text_[next]);
  }
  /// False where toml++ reads over the quote at at_ as part of a bare word, in search of the word's end.
  bool may_begin_text(bool in_value) const {
    if (at_ == 0) return true;
    char before = text_[at_ - 1];
    return std::string_view(" \t\r\n=[]{},\"'\xBF").contains(before) || (before == '.' && !in_value);
  }
  static bool beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }
  /// False at a backslash that toml++ must not see.
  bool skip_string(char quote_mark) {
    std::string three(3, quote_mark);
    bool many_lines = text_.substr(at_).starts_with(three);
    at_ += many_lines ? 3 : 1;
    while (at_ < text_.size()) {
      if (quote_mark == '"' && text_[at_] == '\\') {
        auto next = at_ + 1;
        if (many_lines) next = std::min(text_.find_first_not_of(" \t\r\n", next), text_.size());
        if (many_lines && next < text_.size() && beyond_ascii(text_[next])) return false;
        at_ += 2;
      } else if (many_lines && text_.substr(at_).starts_with(three)) {
        at_ += 3;
        // Up to two more quotes are part of the text before its end.
        for (int n = 0; n < 2 && at_ < text_.size() && text_[at_] == quote_mark; ++n) ++at_;
        return true;
      } else if (!many_lines && (text_[at_] == quote_mark || text_[at_] == '\n')) {
        if (text_[at_] == quote_mark) ++at_;
        return true;
      } else {
        ++at_;
      }
    }
    at_ = std::min(at_, text_.size());  // a backslash as the last byte
    return true;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

/// What a toml++ message holds → what we say. The first row whose both texts occur decides. Values are never
/// repeated: the line that is wrong may be the one with a secret on it.
struct Wording {
  std::string_view scope;
  std::string_view reason;
  std::string_view say;
  std::string_view hint;
};
constexpr Wording kWordings[] = {
    {"string", "end-of-file", "a text that never ends, expected its closing quote"},
    {"string", "control characters",
     "a text that never ends (or a raw control character), expected its closing quote",
     "a text over several lines stands between three quotes: \"\"\""},
    {"string", "escape sequence", "a backslash that TOML does not know",
     "write a plain backslash as \\\\ or put the text in single quotes"},
    {"string", "line-ending", "a backslash followed by blanks and more text"},
    {"unicode", "", "a \\u escape that is no character, expected its hexadecimal digits"},
    {"literal string", "", "a raw control character in a text"},
    {"comment", "", "a control character in a comment"},
    {"table header", "blank bare keys", "a table without a name, expected [name]"},
    {"table header", "contiguous", "blanks between the brackets, expected [[name]]"},
    {"table header", "expected ']'", "a table header that does not end, expected ']'"},
    {"table header", "comment or whitespace",
     "something after the table header, expected the end of the line"},
    {"table header", "into existing inline", "a table that was closed by its braces cannot get more keys"},
    {"table header", "end-of-file", "a table header that does not end, expected ']'"},
    {"array", "saw comma", "a comma too many, expected a value or ']'"},
    {"array", "expected comma", "a list that is not closed, expected ',' or ']'"},
    {"array", "", "a list that does not end, expected ']'"},
    {"inline table", "saw comma", "a comma too many, expected a key or '}'"},
    {"inline table", "dangling", "a comma before '}', which TOML does not allow"},
    {"inline table", "expected comma", "a table in braces that is not closed, expected ',' or '}'",
     "a table in braces stands on one line"},
    {"inline table", "", "a table in braces that does not end, expected a key or '}'",
     "a table in braces stands on one line"},
    {"", "multi-line strings", "a text over several lines as a key"},
    {"", "nested value depth", "values nested too deeply"},
    {"key-value pair", "expected '='", "a key without a value, expected '=' after it"},
    {"key-value pair", "expected value", "a key without a value, expected one after '='"},
    {"key-value pair", "end-of-file", "a key without a value, expected '=' and a value"},
    {"key-value pair", "comment or whitespace", "more than one value after '=', expected the end of the line",
     kQuoteIt},
    {"key", "", "something that is no key, expected letters, digits, '-', '_' or a text in quotes"},
    {"value", "end-of-file", "a key without a value, expected one after '='"},
    {"value", "control character", "a control character where a value should be"},
    {"", "leading zeroes", "a number that begins with 0"},
    {"", "not representable", "a number too large"},
    {"", "underscores", "an underscore at a wrong place in a number"},
    {"", "could not determine",
     "a value of no known kind, expected a text, a number, true, false, [list] or {table}", kQuoteIt},
    {"boolean", "", "a value of no known kind, expected true or false", kQuoteIt},
    {"floating-point", "", "a value that is not quite a number", kQuoteIt},
    {"integer", "", "a value that is not quite a number", kQuoteIt},
    {"date", "", "a value that is not quite a date", kQuoteIt},
    {"time", "", "a value that is not quite a time", kQuoteIt},
    {"root table", "", "something that is no key and no table, expected key = value, [table] or a # comment"},
    {"", "utf-8", "bytes that are not UTF-8, expected text in UTF-8"},
    {"", "'\\r'", "a carriage return without a line feed"},
};

/// The name in "cannot redefine existing table 'x'"; toml++ has made it one line, but it may hold anything.
std::string_view last_quoted(std::string_view text) {
  auto end = text.rfind('\'');
  if (end == std::string_view::npos || end == 0) return {};
  auto begin = text.find('\'');
  return begin < end ? text.substr(begin + 1, end - begin - 1) : std::string_view{};
}

SyntaxFault in_our_words(const toml::parse_error& problem) {
  auto at = position(problem.source().begin);
  std::string_view said = problem.description();
  constexpr std::string_view kPrefix = "Error while parsing ";
  std::string_view scope, reason = said;
  if (said.starts_with(kPrefix)) {
    auto rest = said.substr(kPrefix.size());
    auto colon = std::min(rest.find(": "), rest.size());
    scope = rest.substr(0, colon);
    reason = rest.substr(std::min(colon + 2, rest.size()));
  }
  if (reason.starts_with("cannot redefine")) {
    auto name = last_quoted(reason);
    if (reason.starts_with("cannot redefine existing table '") && scope == "table header")
      return {at, ConfigCode::duplicate,
              fmt::format("the table [{}] stands here a second time", printable(name)),
              "put its keys together under one header"};
    if (name.empty())
      return {at, ConfigCode::duplicate, "a key that already has a value gets a second one", ""};
    return {at, ConfigCode::duplicate, fmt::format("{} is given a second time", quote(name)),
            "keep one of the two"};
  }
  for (const auto& row : kWordings)
    if (scope.find(row.scope) != std::string_view::npos && reason.find(row.reason) != std::string_view::npos)
      return {at, ConfigCode::syntax, std::string(row.say), std::string(row.hint)};
  return {at, ConfigCode::syntax, "this is not TOML, expected key = value, [table] or a # comment", ""};
}

}  // namespace

std::expected<Table, SyntaxFault> read(std::string_view text) {
  if (text.size() > kMostBytes)
    return std::unexpected(SyntaxFault{
        {},
        ConfigCode::syntax,
        fmt::format("the file has {}, expected at most {}", bytes_text(text.size()), bytes_text(kMostBytes)),
        ""});
  if (auto hazard = Hazards(text).first()) return std::unexpected(std::move(*hazard));
  auto parsed = toml::parse(text);
  if (!parsed) return std::unexpected(in_our_words(parsed.error()));
  return convert_table(parsed.table());
}

}  // namespace meshops::toml_tree
