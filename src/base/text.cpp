#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

namespace meshops {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string_view> found;
  for (auto begin = text.find_first_not_of(kBlank); begin != std::string_view::npos;) {
    auto end = std::min(text.find_first_of(kBlank, begin), text.size());
    found.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBlank, end);
  }
  return found;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\v\f";
  auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (const auto& part : parts) {
    if (&part != &parts.front()) out += separator;
    out += part;
  }
  return out;
}

namespace {
// Optimal string alignment: insert, delete, change, and swap of neighbours each cost one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}
}  // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongestWord =
      64;  // the table is quadratic and the word may come from a hostile file
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  auto folded = lower(word);
  for (auto candidate : candidates) {
    auto d = distance(folded, lower(candidate));
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

namespace {
// Length of the UTF-8 sequence at the front of `text`, 0 if it is broken (RFC 3629: no overlong, no
// surrogate).
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}
}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    auto n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  while (!text.empty()) {
    auto n = std::max<std::size_t>(1, utf8_length(text));
    units += n == 4 ? 2 : 1;
    text.remove_prefix(n);
  }
  return units;
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 std::string_view("-._~").find(c) != std::string_view::npos ||
                 keep.find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto n = utf8_length(text);
    auto c = static_cast<unsigned char>(text[0]);
    // C1 controls (U+0080–U+009F) move cursors on some terminals, like C0.
    bool control =
        c < 0x20 || c == 0x7F || (n == 2 && c == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (n == 0 || control) {
      out += fmt::format("\\x{:02x}", c);
      n = 1;
    } else {
      out += text.substr(0, n);
    }
    text.remove_prefix(n);
  }
  return out;
}

std::string without_keys(std::string_view text) {
  std::string out;
  auto key_like = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '*';
  };
  for (std::size_t i = 0; i < text.size();) {
    auto end = i;
    bool digit = false;
    while (end < text.size() && key_like(text[end])) {
      digit = digit || std::isdigit(static_cast<unsigned char>(text[end])) != 0;
      ++end;
    }
    auto word = text.substr(i, end - i);
    if (word.starts_with("sk-") || (word.size() >= 20 && digit))
      out += "(hidden)";
    else
      out += word;
    i = end;
    if (i < text.size()) out += text[i++];
  }
  return out;
}

std::string quote(std::string_view text, std::size_t at_most) {
  if (text.size() <= at_most) return "'" + printable(text) + "'";
  auto half = at_most / 2;
  return "'" + printable(text.substr(0, half)) + "…" + printable(text.substr(text.size() - half)) + "'";
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  text = trim(text);
  auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto number = to_number<std::uint64_t>(text.substr(0, digits));
  if (!number) return std::nullopt;
  auto unit = lower(trim(text.substr(digits)));
  struct Unit {
    std::string_view name;
    std::uint64_t factor;
  };
  constexpr Unit kUnits[] = {{"", 1},         {"b", 1},          {"k", 1024},       {"kib", 1024},
                             {"kb", 1000},    {"m", 1U << 20},   {"mib", 1U << 20}, {"mb", 1000000},
                             {"g", 1U << 30}, {"gib", 1U << 30}, {"gb", 1000000000}};
  for (const auto& u : kUnits)
    if (unit == u.name) {
      if (*number > std::numeric_limits<std::uint64_t>::max() / u.factor) return std::nullopt;
      return *number * u.factor;
    }
  return std::nullopt;
}

}  // namespace meshops
