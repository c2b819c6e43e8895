// The kinds of secrets that show what they are: by a prefix or by the shape that goes with their owner's
// name. Only secrets*.cpp include it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "audit/secrets_words.h"

namespace meshops::audit::secrets {

/// Bytes of a text.
struct Range {
  std::size_t begin = 0, end = 0;
  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

/// A token that begins with its anchor: "ghp_" and 36 letters and digits.
struct Prefixed {
  std::string_view kind;
  std::string_view anchor;
  unsigned alphabet = 0;  // of what follows
  std::size_t least = 0, most = 0;
  /// Nothing: random enough is what is asked. Else it says whether the whole token is one.
  bool (*check)(std::string_view token) = nullptr;
};
std::span<const Prefixed> prefixed();
/// The token whose anchor stands at `at`, if it is one.
std::optional<Range> match(const Prefixed& kind, std::string_view text, std::size_t at);

/// What has its anchor in the middle, or needs more of the text: Telegram, JWT, keys in PEM, URLs.
struct Shaped {
  std::string_view kind;
  std::string_view anchor;
  /// `kind` may be made more exact.
  std::optional<Range> (*find)(std::string_view text, std::size_t at, std::string_view& kind) = nullptr;
};
std::span<const Shaped> shaped();

/// A value without a mark of its own, known by the name it is given to: MISTRAL_API_KEY and 32 letters.
struct Named {
  std::string_view kind;
  std::string_view owner;  // a word of the name
  unsigned alphabet = 0;   // 0: a UUID
  std::size_t least = 0, most = 0;
};
std::span<const Named> named();

/// Three parts, the first a number in base64.
bool is_discord(std::string_view token);
/// Samples from the vendors' own documentation: known to everybody.
bool is_known_sample(std::string_view token);

}  // namespace meshops::audit::secrets
