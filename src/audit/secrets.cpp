#include "audit/secrets.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace meshops::audit {

std::vector<SecretHit> find_secrets(std::string_view) { return {}; }

bool is_placeholder(std::string_view value) {
  auto low = lower(value);
  if (low.empty() || low.find("${") != std::string::npos || low.starts_with('$') || low.starts_with('<'))
    return true;
  constexpr std::array<std::string_view, 8> kWords = {"changeme", "change-me", "example", "placeholder",
                                                      "your-",    "your_",     "xxxx",    "dummy"};
  return std::ranges::any_of(kWords, [&](auto word) { return low.find(word) != std::string::npos; });
}

bool names_secret(std::string_view name) {
  auto low = lower(name);
  constexpr std::array<std::string_view, 7> kParts = {"password", "passwd",  "secret", "token",
                                                      "apikey",   "api_key", "api-key"};
  if (low.ends_with("_file")) return false;
  return std::ranges::any_of(kParts, [&](auto part) { return low.find(part) != std::string::npos; });
}

bool gives_secret(std::string_view name, std::string_view value) {
  return names_secret(name) && value.size() >= 8 && !is_placeholder(value);
}

}  // namespace meshops::audit
