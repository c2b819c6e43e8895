#include "audit/line_edit.h"

#include <algorithm>

#include "base/text.h"

namespace meshops::audit {

namespace {

/// Where a line begins; the size of the text if there is no such line.
std::size_t offset_of(std::string_view text, std::size_t line) {
  std::size_t at = 0;
  for (; line > 1; --line) {
    auto end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
  }
  return at;
}

}  // namespace

std::string with_words(std::string_view text, std::size_t line, std::size_t column, std::size_t length,
                       std::string_view words) {
  std::string out(text);
  auto at = std::min(offset_of(text, line) + column - 1, out.size());
  return out.replace(at, std::min(length, out.size() - at), words);
}

std::string without_line(std::string_view text, std::size_t line) {
  auto begin = offset_of(text, line), end = offset_of(text, line + 1);
  return std::string(text.substr(0, begin)) + std::string(text.substr(end));
}

std::string with_line_below(std::string_view text, std::size_t line, std::string_view added) {
  auto at = offset_of(text, line + 1);
  std::string out(text.substr(0, at));
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  return out + std::string(added) + "\n" + std::string(text.substr(at));
}

std::string_view line_of(std::string_view text, std::size_t line) {
  auto lines = split(text, '\n');
  return line >= 1 && line <= lines.size() ? lines[line - 1] : std::string_view();
}

std::string with_line(std::string_view text, std::size_t line, std::string_view instead) {
  std::string out;
  std::size_t number = 0;
  for (auto old : split(text, '\n')) {
    if (++number > 1) out += '\n';
    out += number == line ? instead : old;
  }
  return out;
}

std::string with_line_above(std::string_view text, std::size_t line, std::string_view above) {
  return with_line(text, line, std::string(above) + "\n" + std::string(line_of(text, line)));
}

}  // namespace meshops::audit
