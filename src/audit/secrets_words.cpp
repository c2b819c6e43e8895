#include "audit/secrets_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/text.h"

namespace meshops::audit::secrets {

namespace {

constexpr std::array<std::uint16_t, 256> make_classes() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = kDigit;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = c <= 'f' ? kLowHex : kLowRest;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = c <= 'F' ? kUpHex : kUpRest;
  table['-'] = kDash;
  table['_'] = kUnder;
  table['.'] = kDot;
  table['+'] = table['/'] = kPlusSlash;
  table['='] = kEquals;
  table['~'] = kTilde;
  table['%'] = kPercent;
  table['$'] = kDollar;
  table[':'] = kColon;
  return table;
}
constexpr auto kClasses = make_classes();

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, word) != list.end();
}
template <std::size_t N>
bool holds_any(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::ranges::any_of(list, [&](auto word) { return text.find(word) != std::string_view::npos; });
}
template <std::size_t N>
bool starts_any(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::ranges::any_of(list, [&](auto word) { return text.starts_with(word); });
}

/// Inside a value they say that it stands for another one.
constexpr std::array<std::string_view, 45> kPlaceholders = {
    "changeme",     "change-me", "change_me",  "change me",   "changethis",   "change-this",  "change_this",
    "change this",  "changeit",  "example",    "placeholder", "your-",        "your_",        "your ",
    "yourpass",     "yourkey",   "yourtoken",  "yoursecret",  "yourapi",      "your.",        "xxxx",
    "dummy",        "replaceme", "replace-me", "replace_me",  "replace-with", "replace_with", "replace me",
    "replace this", "insert-",   "insert_",    "insert ",     "redacted",     "****",         "....",
    "--hidden--",   "(hidden)",  "not-a-real", "not_a_real",  "notreal",      "fake-",        "fake_",
    "sample-",      "todo",      "youshould"};
/// The whole value is one of these.
constexpr std::array<std::string_view, 66> kPlaceholderValues = {
    "password",   "passwd",      "pass",       "secret",     "token",    "key",     "apikey",    "api_key",
    "api-key",    "postgres",    "postgresql", "mysql",      "mariadb",  "root",    "admin",     "user",
    "username",   "test",        "testing",    "demo",       "foo",      "bar",     "foobar",    "none",
    "null",       "nil",         "undefined",  "true",       "false",    "yes",     "no",        "on",
    "off",        "enabled",     "disabled",   "required",   "optional", "default", "string",    "str",
    "value",      "empty",       "unset",      "hidden",     "tbd",      "fixme",   "xxx",       "***",
    "...",        "password123", "passphrase", "mypassword", "mysecret", "mytoken", "my-secret", "my_secret",
    "secret_key", "secret-key",  "auto",       "basic",      "bearer",   "fake",    "s3cret"};

/// A reference begins so.
constexpr std::array<std::string_view, 34> kReferences = {
    "${",       "$(",          "$env:",       "{{",        "<%",         "%(",    "#{",
    "@{",       "process.env", "os.environ",  "os.getenv", "getenv(",    "env(",  "env:",
    "env.",     "env[",        "import.meta", "secrets.",  "vault:",     "op://", "bw://",
    "doppler:", "aws:",        "arn:aws",     "projects/", "sops:",      "enc[",  "!vault",
    "!secret",  "file:",       "keyring:",    "secret://", "secretref:", "ref+"};
/// A reference holds one of these anywhere.
constexpr std::array<std::string_view, 14> kReferenceParts = {
    "process.env",         "os.environ", "getenv(",  "secretkeyref", "valuefrom",
    "@microsoft.keyvault", "{{",         "${",       "$(",           "$ansible_vault",
    "secretsmanager",      "keyvault(",  "std::env", "env::var"};

bool is_identifier(std::string_view text) {
  return !text.empty() && !in(text[0], kDigit) && all_in(text, kWord);
}

}  // namespace

unsigned class_of(char c) { return kClasses[static_cast<unsigned char>(c)]; }
bool all_in(std::string_view text, unsigned classes) {
  return std::ranges::all_of(text, [&](char c) { return in(c, classes); });
}

double entropy(std::string_view text) {
  if (text.empty()) return 0;
  std::array<unsigned, 256> counts{};
  for (char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0, all = static_cast<double>(text.size());
  for (auto n : counts)
    if (n != 0) bits -= n / all * std::log2(n / all);
  return bits;
}

bool is_filler(std::string_view text) {
  if (text.empty()) return true;
  std::set<char> letters(text.begin(), text.end());
  if (letters.size() <= 2 || (text.size() >= 16 && letters.size() <= 4)) return true;
  // How much of it belongs to runs of one letter or to counting.
  auto low = lower(text);
  std::size_t covered = 0;
  for (std::size_t i = 0; i < low.size();) {
    std::size_t same = 1, up = 1, down = 1;
    while (i + same < low.size() && low[i + same] == low[i]) ++same;
    auto next_of = [](char c) { return c == '9' ? '0' : static_cast<char>(c + 1); };
    while (i + up < low.size() &&
           (low[i + up] == next_of(low[i + up - 1]) || (low[i + up] == 'a' && in(low[i + up - 1], kDigit))))
      ++up;
    while (i + down < low.size() && low[i + down] == static_cast<char>(low[i + down - 1] - 1)) ++down;
    auto longest = std::max({same, up, down});
    if (longest >= 5) covered += longest;
    i += longest >= 5 ? longest : 1;
  }
  return covered * 10 >= text.size() * 6;
}

bool looks_random(std::string_view text) {
  if (text.size() < 12 || is_filler(text)) return false;
  bool digit = false, letter = false;
  std::size_t changes = 0;
  auto group = [](char c) { return in(c, kDigit) ? 0 : in(c, kLower) ? 1 : in(c, kUpper) ? 2 : 3; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    digit = digit || in(c, kDigit);
    letter = letter || in(c, kLower | kUpper);
    if (c == ' ' || c == '\t') return false;
    if (i > 0 && group(c) != group(text[i - 1])) ++changes;
  }
  if (!letter) return false;
  auto bits = entropy(text);
  if (!digit) {
    // Letters only: a word has its capitals at the beginning of syllables, not everywhere.
    return text.size() >= 20 && all_in(text, kLower | kUpper) && bits >= 3.8 &&
           changes * 10 >= text.size() * 4;
  }
  if (bits < (text.size() >= 20 ? 3.0 : 2.8)) return false;
  // Words, dashes and a number ("my-service-v2", "us-central1-docker"): few changes.
  return changes * 10 >= text.size() * 2 + 5;
}

bool is_uuid(std::string_view value) {
  if (value.size() != 36) return false;
  for (std::size_t i = 0; i < 36; ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? value[i] != '-' : !in(value[i], kAnyHex)) return false;
  }
  return true;
}

bool is_hash(std::string_view value) {
  constexpr std::array<std::string_view, 32> kStarts = {"sha1-",
                                                        "sha256-",
                                                        "sha384-",
                                                        "sha512-",
                                                        "sha1:",
                                                        "sha256:",
                                                        "sha512:",
                                                        "md5:",
                                                        "$1$",
                                                        "$2a$",
                                                        "$2b$",
                                                        "$2y$",
                                                        "$5$",
                                                        "$6$",
                                                        "$7$",
                                                        "$y$",
                                                        "$apr1$",
                                                        "$argon2",
                                                        "$scrypt$",
                                                        "$pbkdf2",
                                                        "{SSHA}",
                                                        "{SHA}",
                                                        "pbkdf2_",
                                                        "argon2",
                                                        "scrypt:",
                                                        "ssh-rsa ",
                                                        "ssh-ed25519",
                                                        "ecdsa-sha2",
                                                        "sk-ssh-",
                                                        "-----BEGIN C",
                                                        "-----BEGIN PUBLIC",
                                                        "SCRAM-SHA-256$"};
  // The same of npm, Nix and SSH fingerprints.
  return starts_any(value, kStarts) || value.starts_with("SHA256:") || value.starts_with("MD5:");
}

bool is_reference(std::string_view value) {
  auto low = lower(value);
  if (starts_any(low, kReferences) || holds_any(low, kReferenceParts)) return true;
  // "<your-key>", and what a page of HTML has between its tags.
  if (value.starts_with('<') && value.find('>') != std::string_view::npos) return true;
  if (value.find("&lt;") != std::string_view::npos) return true;
  if (value.size() >= 3 && value.front() == '%' && value.back() == '%') return true;
  if (value.size() >= 3 && value.front() == '{' && value.back() == '}') return true;
  if (value.size() >= 3 && value.front() == '[' && value.back() == ']') return true;
  if (value.size() >= 5 && value.starts_with("__") && value.ends_with("__")) return true;
  if (value.starts_with('$') && value.size() > 1 && is_identifier(value.substr(1))) return true;
  if (low == "%s" || low == "%v" || low == "%d" || low == "%q" || low == "%i") return true;
  return false;
}

bool has_placeholder_word(std::string_view value) { return holds_any(lower(value), kPlaceholders); }

bool is_placeholder_whole(std::string_view value) { return one_of(lower(value), kPlaceholderValues); }

std::vector<std::string> words_of_name(std::string_view name) {
  std::vector<std::string> out;
  std::string word;
  auto end = [&] {
    if (!word.empty()) out.push_back(lower(word));
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (!in(c, kAlnum)) {
      end();
      continue;
    }
    bool up = in(c, kUpper);
    bool hump = up && i > 0 && in(name[i - 1], kLower | kDigit);
    // HTTPToken: the T begins a word, too.
    bool last_up = up && i > 0 && in(name[i - 1], kUpper) && i + 1 < name.size() && in(name[i + 1], kLower);
    if (hump || last_up) end();
    word += c;
  }
  end();
  return out;
}

NameKind kind_of_name(std::string_view name) {
  auto parts = words_of_name(name);
  if (parts.empty()) return NameKind::none;
  while (parts.size() > 1 && all_in(parts.back(), kDigit)) parts.pop_back();
  // What is said about a secret is none.
  constexpr std::array<std::string_view, 97> kAbout = {"file",
                                                       "files",
                                                       "path",
                                                       "paths",
                                                       "dir",
                                                       "directory",
                                                       "name",
                                                       "names",
                                                       "id",
                                                       "ids",
                                                       "url",
                                                       "uri",
                                                       "urls",
                                                       "endpoint",
                                                       "type",
                                                       "types",
                                                       "kind",
                                                       "ttl",
                                                       "length",
                                                       "len",
                                                       "size",
                                                       "count",
                                                       "limit",
                                                       "limits",
                                                       "timeout",
                                                       "expiry",
                                                       "expires",
                                                       "expiration",
                                                       "expire",
                                                       "age",
                                                       "days",
                                                       "header",
                                                       "headers",
                                                       "prefix",
                                                       "suffix",
                                                       "format",
                                                       "algorithm",
                                                       "alg",
                                                       "version",
                                                       "region",
                                                       "arn",
                                                       "ref",
                                                       "reference",
                                                       "policy",
                                                       "enabled",
                                                       "required",
                                                       "optional",
                                                       "disabled",
                                                       "field",
                                                       "fields",
                                                       "label",
                                                       "hint",
                                                       "help",
                                                       "text",
                                                       "title",
                                                       "message",
                                                       "error",
                                                       "errors",
                                                       "regex",
                                                       "pattern",
                                                       "validator",
                                                       "provider",
                                                       "manager",
                                                       "store",
                                                       "class",
                                                       "factory",
                                                       "handler",
                                                       "service",
                                                       "controller",
                                                       "input",
                                                       "placeholder",
                                                       "prompt",
                                                       "hash",
                                                       "hashes",
                                                       "digest",
                                                       "checksum",
                                                       "fingerprint",
                                                       "index",
                                                       "status",
                                                       "state",
                                                       "mode",
                                                       "method",
                                                       "authentication",
                                                       "auth",
                                                       "env",
                                                       "var",
                                                       "variable",
                                                       "scope",
                                                       "scopes",
                                                       "rotation",
                                                       "interval",
                                                       "encryption",
                                                       "backend",
                                                       "engine",
                                                       "location",
                                                       "cmd",
                                                       "command"};
  const auto& last = parts.back();
  if (one_of(last, kAbout)) return NameKind::none;
  constexpr std::array<std::string_view, 14> kNever = {
      "public", "pub",  "tokenizer", "tokenize", "tokens", "csrf",         "pagination",
      "next",   "page", "max",       "min",      "cursor", "continuation", "dummy"};
  for (const auto& part : parts)
    if (one_of(part, kNever)) return NameKind::none;

  for (const auto& part : parts) {
    if (part.ends_with("password") || part.ends_with("passwd") || part == "passphrase" ||
        part == "passwort" || part == "pwd" || part == "passcode")
      return part == "pwd" && parts.size() == 1 ? NameKind::none : NameKind::password;
  }
  if (last == "pass" || last.ends_with("dbpass") || last == "psk") return NameKind::password;
  for (const auto& part : parts)
    if (part.ends_with("secret") || part.ends_with("token") || part.ends_with("apikey") ||
        part.ends_with("secretkey") || part.ends_with("accesskey") || part.ends_with("privatekey") ||
        part.ends_with("authkey") || part == "secrets" || part == "credential" || part == "credentials" ||
        part == "pat")
      return NameKind::token;
  if (last == "bearer") return NameKind::token;
  if (last == "key") {
    constexpr std::array<std::string_view, 45> kBefore = {
        "api",         "access",     "private",   "auth",       "signing",   "encryption", "master",
        "secret",      "service",    "account",   "shared",     "admin",     "webhook",    "app",
        "application", "client",     "jwt",       "session",    "cookie",    "storage",    "sas",
        "preshared",   "deploy",     "role",      "openai",     "anthropic", "gemini",     "google",
        "openrouter",  "groq",       "xai",       "mistral",    "cohere",    "deepseek",   "perplexity",
        "together",    "fireworks",  "replicate", "elevenlabs", "stripe",    "sendgrid",   "mailgun",
        "twilio",      "decryption", "aes"};
    if (parts.size() > 1 && one_of(parts[parts.size() - 2], kBefore)) return NameKind::token;
  }
  return NameKind::none;
}

}  // namespace meshops::audit::secrets
