// A place in YAML text and the steps over what means nothing. Only yaml_parse.cpp includes it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "formats/yaml.h"

namespace meshops::yaml::detail {

class Cursor {
 protected:
  Cursor(std::string_view text, Problem& problem) : text_(text), problem_(problem) {}

  bool more() const { return at_ < text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  int column() const { return static_cast<int>(at_ - line_start_); }
  static bool blank(char c) { return c == ' ' || c == '\t'; }
  bool at_break(std::size_t ahead = 0) const {
    return at_ + ahead >= text_.size() || peek(ahead) == '\n' ||
           (peek(ahead) == '\r' && (at_ + ahead + 1 >= text_.size() || peek(ahead + 1) == '\n'));
  }
  bool blank_or_break(std::size_t ahead) const { return at_break(ahead) || blank(peek(ahead)); }
  bool marker(std::string_view what) const {
    return column() == 0 && text_.substr(at_).starts_with(what) && blank_or_break(3);
  }
  static bool flow_mark(char c) { return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'; }

  void bad(std::string what) {
    if (failed_) return;
    failed_ = true;
    problem_ = {.line = line_, .column = static_cast<std::size_t>(column()) + 1, .what = std::move(what)};
    at_ = text_.size();
  }
  void next_line() {
    if (!more()) return;
    ++at_;
    ++line_;
    line_start_ = at_;
  }
  void skip_blanks() {
    while (blank(peek())) ++at_;
  }
  /// Over blanks and a comment, to the break. False if something else stands there.
  bool rest_of_line() {
    auto begin = at_;
    skip_blanks();
    if (peek() == '#' && (at_ > begin || at_ == line_start_ || blank(text_[at_ - 1])))
      while (!at_break()) ++at_;
    if (peek() == '\r') ++at_;
    return !more() || peek() == '\n';
  }
  /// To the next thing that is no blank, break or comment. False at the end.
  bool to_content() {
    while (more() && rest_of_line()) next_line();
    return more();
  }

  std::string_view text_;
  Problem& problem_;
  std::size_t at_ = 0, line_ = 1, line_start_ = 0;
  bool failed_ = false;
};

}  // namespace meshops::yaml::detail
