// Edits of a file's text that keep every other byte. Called by rules that mend. Line and column count from 1.
// Pure and total.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meshops::audit {

/// Without its line end; empty if there is no such line.
std::string_view line_of(std::string_view text, std::size_t line);
std::string with_line(std::string_view text, std::size_t line, std::string_view instead);
std::string with_line_above(std::string_view text, std::size_t line, std::string_view above);
/// A new line below that one; 0: above the first.
std::string with_line_below(std::string_view text, std::size_t line, std::string_view added);
std::string without_line(std::string_view text, std::size_t line);
/// `length` bytes of that place replaced.
std::string with_words(std::string_view text, std::size_t line, std::size_t column, std::size_t length,
                       std::string_view words);

}  // namespace meshops::audit
