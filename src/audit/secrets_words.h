// What names and values of assignments say about secrets: words of a name, placeholders, references, hashes,
// entropy. Only secrets*.cpp include it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit::secrets {

// Classes of characters, as bits.
enum : std::uint16_t {
  kDigit = 1,
  kLowHex = 2,   // a-f
  kUpHex = 4,    // A-F
  kLowRest = 8,  // g-z
  kUpRest = 16,  // G-Z
  kDash = 32,    // -
  kUnder = 64,   // _
  kDot = 128,    // .
  kPlusSlash = 256,
  kEquals = 512,
  kTilde = 1024,
  kPercent = 2048,
  kDollar = 4096,
  kColon = 8192,
};
constexpr unsigned kHex = kDigit | kLowHex;
constexpr unsigned kAnyHex = kHex | kUpHex;
constexpr unsigned kLower = kLowHex | kLowRest;
constexpr unsigned kUpper = kUpHex | kUpRest;
constexpr unsigned kAlnum = kDigit | kLower | kUpper;
constexpr unsigned kWord = kAlnum | kUnder;
constexpr unsigned kUrl = kWord | kDash;  // the alphabet of base64url
constexpr unsigned kBase64 = kAlnum | kPlusSlash;
unsigned class_of(char c);
inline bool in(char c, unsigned classes) { return (class_of(c) & classes) != 0; }
bool all_in(std::string_view text, unsigned classes);
/// Letters, digits, '_': what may not stand before a token.
inline bool is_word(char c) { return in(c, kWord); }

/// Bits per character of the text's own distribution.
double entropy(std::string_view text);
/// Looks like made by a machine: letters and digits mixed as no word of a person or a program mixes them.
bool looks_random(std::string_view text);
/// One character, a counted sequence or an alphabet fills most of it: "xxxxxxxx", "1234567890abcdef".
bool is_filler(std::string_view text);
/// ${VAR}, $VAR, {{ var }}, %VAR%, process.env.X, os.environ[…], getenv(…), secretKeyRef, vault and store
/// references, encrypted values (SOPS, ansible-vault).
bool is_reference(std::string_view value);
/// A digest, a password's hash, a public key or a certificate: gives nothing away.
bool is_hash(std::string_view value);
bool is_uuid(std::string_view value);
/// "changeme" and its like stands inside.
bool has_placeholder_word(std::string_view value);

/// The whole value is a word that everybody writes: "password", "test", "none".
bool is_placeholder_whole(std::string_view value);
/// Any of: nothing, a reference, a placeholder.
bool is_placeholder_value(std::string_view value);

/// "DATABASE_PASSWORD", "databasePassword", "database-password": {"database", "password"}.
std::vector<std::string> words_of_name(std::string_view name);
enum class NameKind { none, password, token };
/// What the name alone promises: password for what a person may have chosen.
NameKind kind_of_name(std::string_view name);

}  // namespace meshops::audit::secrets
