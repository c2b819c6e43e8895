// Finds secrets in text: patterns by provider, then shape and entropy; placeholders are recognised. Called by
// the rules of security, Docker and git. Never gives the secret itself to anybody: kind and position only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit {

struct SecretHit {
  std::string_view kind;   // "Anthropic API key", "Telegram bot token", …
  std::size_t offset = 0;  // of the secret's first byte
  std::size_t length = 0;
  std::size_t line = 1;  // both count from 1
  std::size_t column = 1;
  std::string name;  // of the key or variable it was given to, where one was seen
};
/// In the order of the text; no two overlap. One pass over it, whatever the number of kinds.
std::vector<SecretHit> find_secrets(std::string_view text);
/// Every kind there is, for documentation and tests.
std::vector<std::string_view> secret_kinds();

/// Whether NAME=value gives a secret by its name and by the shape of the value: no placeholder, no reference
/// (${VAR}, $VAR, file paths for *_FILE), not empty. Also where the value alone shows what it is.
bool gives_secret(std::string_view name, std::string_view value);
/// The same, and what kind of secret it is.
std::optional<std::string_view> secret_kind(std::string_view name, std::string_view value);
/// "changeme", "<your-key>", "xxxx", "${TOKEN}", "example", …
bool is_placeholder(std::string_view value);
/// DATABASE_PASSWORD, api-key, botToken: by name alone.
bool names_secret(std::string_view name);

}  // namespace meshops::audit
