// Small text functions that the standard library lacks. Pure; used everywhere.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshops {

/// Pieces between separators; "a,,b" gives three, "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
/// Words between runs of blanks; never an empty one.
std::vector<std::string_view> words(std::string_view text);
/// Without blanks, tabs and line ends at both sides.
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
std::string join(std::span<const std::string> parts, std::string_view separator);
inline std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return join(std::span<const std::string>(parts), separator);
}

/// The whole of `text` as a number in `base`; nothing if anything else stands there.
template <class T>
std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// The candidate a person most likely meant (Damerau–Levenshtein, at most a third of the letters wrong), or
/// nothing.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Text that may come from anywhere, made safe for one line of a terminal: control characters and broken
/// UTF-8 as \xNN.
std::string printable(std::string_view text);
/// Without what may be a key or a token ("sk-…", or twenty and more letters and digits in one word): errors
/// of others like to quote them.
std::string without_keys(std::string_view text);
/// printable() in single quotes, cut in the middle of long texts.
std::string quote(std::string_view text, std::size_t at_most = 80);

bool valid_utf8(std::string_view text);
/// As many UTF-16 units as the text has: SARIF and editors count columns in them. A broken byte is one.
std::size_t utf16_length(std::string_view text);
/// For a URI (RFC 3986): all but letters, digits, "-._~" and those of `keep` as %NN.
std::string percent_encoded(std::string_view text, std::string_view keep = {});

/// "1.5 GiB", "12 KiB", "7 B".
std::string bytes_text(std::uint64_t bytes);
/// "10MiB", "512k", "3 GB" → bytes; nothing if it is not a size.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace meshops
