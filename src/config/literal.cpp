#include "config/literal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace meshops::schema {

namespace {

std::string key_text(const std::string& key) {
  constexpr std::string_view kBare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  bool bare = !key.empty() && key.find_first_not_of(kBare) == std::string::npos;
  return bare ? key : toml_string(key);
}

struct Writer {
  Type type;
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(std::uint64_t n) const {
    return type == Type::size ? toml_string(size_text(n)) : fmt::format("{}", n);
  }
  std::string operator()(Duration d) const { return toml_string(duration_text(d)); }
  std::string operator()(const std::string& text) const {
    bool boolean = type == Type::discover && (text == "true" || text == "false");
    return boolean ? text : toml_string(text);
  }
  std::string operator()(const std::vector<std::string>& list) const {
    std::vector<std::string> parts;
    for (const auto& element : list) parts.push_back(toml_string(element));
    return "[" + join(parts, ", ") + "]";
  }
  std::string operator()(const Environment& table) const {
    std::vector<std::string> parts;
    for (const auto& [key, value] : table) parts.push_back(key_text(key) + " = " + toml_string(value));
    return "{ " + join(parts, ", ") + " }";
  }
};

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"GiB", 1U << 30}, {"MiB", 1U << 20}, {"KiB", 1U << 10}};
  for (auto [unit, factor] : kUnits)
    if (bytes >= factor && bytes % factor == 0) return fmt::format("{}{}", bytes / factor, unit);
  return fmt::format("{}B", bytes);
}

std::string literal(Type type, const Setting& setting) { return std::visit(Writer{type}, setting); }

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    auto c = static_cast<unsigned char>(text[0]);
    std::size_t taken = 1;
    if (c == '"' || c == '\\') {
      out += fmt::format("\\{}", text[0]);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", c);
    } else if (c < 0x80) {
      out += text[0];
    } else {
      // One whole sequence, or nothing that UTF-8 knows.
      taken = 0;
      for (std::size_t n = 2; n <= 4 && n <= text.size() && taken == 0; ++n)
        if (valid_utf8(text.substr(0, n))) taken = n;
      out += taken > 0 ? text.substr(0, taken) : "\uFFFD";
      taken = std::max<std::size_t>(taken, 1);
    }
    text.remove_prefix(taken);
  }
  return out + "\"";
}

}  // namespace meshops::schema
