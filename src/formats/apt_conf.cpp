#include "formats/apt_conf.h"

#include <optional>

#include "base/text.h"

namespace meshops::apt {

namespace {

constexpr std::size_t kDeepest = 64, kMost = 20'000;

struct Token {
  std::string_view text;  // without quotes
  std::size_t offset = 0, length = 0;
  std::size_t line = 1, column = 1;
  bool quoted = false;
  bool is(char c) const { return !quoted && text.size() == 1 && text[0] == c; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  /// Nothing at the end.
  std::optional<Token> next() {
    blanks();
    if (at_ >= text_.size()) return std::nullopt;
    Token token{.offset = at_, .line = line_, .column = at_ - line_begin_ + 1};
    char c = text_[at_];
    if (c == '"') {
      auto end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) end = text_.size();
      token.text = text_.substr(at_ + 1, end - at_ - 1);
      token.quoted = true;
      move(end < text_.size() ? end + 1 : end);
    } else if (c == '{' || c == '}' || c == ';') {
      token.text = text_.substr(at_, 1);
      move(at_ + 1);
    } else {
      auto end = text_.find_first_of(" \t\r\n\"{};", at_);
      if (end == std::string_view::npos) end = text_.size();
      token.text = text_.substr(at_, end - at_);
      move(end);
    }
    token.length = at_ - token.offset;
    return token;
  }

 private:
  bool begins(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void move(std::size_t to) {
    for (; at_ < to; ++at_)
      if (text_[at_] == '\n') {
        ++line_;
        line_begin_ = at_ + 1;
      }
  }
  /// Comments are blanks: "//", "#" to the end of the line, and "/* … */".
  void blanks() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        move(at_ + 1);
      } else if (begins("/*")) {
        auto end = text_.find("*/", at_ + 2);
        move(end == std::string_view::npos ? text_.size() : end + 2);
      } else if (begins("//") || c == '#') {
        auto end = text_.find('\n', at_);
        move(end == std::string_view::npos ? text_.size() : end);
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, line_begin_ = 0;
};

}  // namespace

std::vector<Setting> parse_conf(std::string_view text) {
  std::vector<Setting> out;
  std::vector<std::string> scopes;
  std::vector<Token> statement;
  Lexer lexer(text);
  auto prefix = [&scopes] { return scopes.empty() ? std::string() : scopes.back() + "::"; };
  auto finish = [&] {
    if (statement.size() >= 2 && !statement[0].quoted && out.size() < kMost) {
      const auto& name = statement[0];
      const auto& value = statement[1];
      out.push_back({.name = prefix() + lower(name.text),
                     .value = std::string(value.text),
                     .line = name.line,
                     .column = name.column,
                     .offset = value.offset,
                     .length = value.length});
    }
    statement.clear();
  };
  while (auto token = lexer.next()) {
    if (token->is(';')) {
      finish();
    } else if (token->is('{')) {
      auto name = statement.empty() ? std::string() : lower(statement[0].text);
      if (scopes.size() < kDeepest) scopes.push_back(prefix() + name);
      statement.clear();
    } else if (token->is('}')) {
      finish();
      if (!scopes.empty()) scopes.pop_back();
    } else if (statement.size() < 4) {
      statement.push_back(*token);
    }
  }
  finish();
  return out;
}

}  // namespace meshops::apt
