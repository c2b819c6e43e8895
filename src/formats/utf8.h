// UTF-8 one code point at a time, for the parsers of this room. Total: a broken byte reads as U+FFFD, as in
// Node.js.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meshops {

struct CodePoint {
  std::uint32_t value = 0;
  std::uint32_t length = 0;  // in bytes; 1 for a broken byte, 0 at the end of the text
};
CodePoint code_point(std::string_view text, std::size_t at);
void append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace meshops
