#include "formats/ssh_keys.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/text.h"

namespace meshops::ssh {

namespace {

bool is_key_type(std::string_view word) {
  return word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-") ||
         word.starts_with("rsa-sha2-") || word.starts_with("webauthn-sk-");
}

/// Reads the length-prefixed fields of RFC 4251.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : bytes_(bytes) {}
  std::optional<std::uint32_t> number() {
    if (bytes_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(4);
    return value;
  }
  std::optional<std::string_view> field() {
    auto length = number();
    if (!length || *length > bytes_.size()) return std::nullopt;
    auto out = bytes_.substr(0, *length);
    bytes_.remove_prefix(*length);
    return out;
  }

 private:
  std::string_view bytes_;
};

unsigned bits_of(std::string_view number) {
  while (!number.empty() && number.front() == '\0') number.remove_prefix(1);
  if (number.empty()) return 0;
  auto top = static_cast<unsigned>(std::bit_width(static_cast<unsigned char>(number.front())));
  return static_cast<unsigned>(number.size() - 1) * 8 + top;
}

unsigned key_bits(std::string_view type, std::string_view blob) {
  auto kind = kind_of_key(type);
  if (kind != KeyKind::rsa && kind != KeyKind::dsa) return 0;
  Wire wire(blob);
  if (!wire.field()) return 0;                                            // the type again
  if (type.find("-cert-") != std::string_view::npos) (void)wire.field();  // the nonce
  if (kind == KeyKind::rsa) (void)wire.field();                           // e comes before n
  auto number = wire.field();
  return number ? bits_of(*number) : 0;
}

/// A key's own name for its type stands first in its blob.
bool says_type(std::string_view blob, std::string_view type) {
  auto first = Wire(blob).field();
  return first && *first == type;
}

/// The options in front of a key, and what stands after them; nothing where a quote does not close.
std::optional<std::pair<std::vector<KeyOption>, std::string_view>> take_options(std::string_view text) {
  std::vector<KeyOption> out;
  std::size_t i = 0;
  while (i < text.size() && text[i] != ' ' && text[i] != '\t') {
    KeyOption option;
    while (i < text.size() && text[i] != '=' && text[i] != ',' && text[i] != ' ' && text[i] != '\t')
      option.name += text[i++];
    option.name = lower(option.name);
    if (i < text.size() && text[i] == '=') {
      if (++i >= text.size() || text[i] != '"') return std::nullopt;
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') ++i;
        option.value += text[i];
      }
      if (i >= text.size()) return std::nullopt;
      ++i;
    }
    out.push_back(std::move(option));
    if (i < text.size() && text[i] == ',')
      ++i;
    else if (i < text.size() && text[i] != ' ' && text[i] != '\t')
      return std::nullopt;
  }
  return std::pair{std::move(out), text.substr(i)};
}

std::optional<PublicKey> parse_key(std::string_view text) {
  auto parts = words(text);
  if (parts.size() < 2 || !is_key_type(parts[0])) return std::nullopt;
  auto blob = decode_base64(parts[1]);
  if (!blob || !says_type(*blob, parts[0])) return std::nullopt;
  PublicKey key{.type = std::string(parts[0]), .blob = std::move(*blob)};
  key.bits = key_bits(key.type, key.blob);
  if (parts.size() > 2)
    key.comment = std::string(trim(text.substr(static_cast<std::size_t>(parts[2].data() - text.data()))));
  return key;
}

std::string field(std::string_view bytes) {
  auto size = static_cast<std::uint32_t>(bytes.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  return out + std::string(bytes);
}

/// The content of the next DER element with that tag.
std::optional<std::string_view> take_der(std::string_view& bytes, unsigned char tag) {
  if (bytes.size() < 2 || static_cast<unsigned char>(bytes[0]) != tag) return std::nullopt;
  std::size_t length = static_cast<unsigned char>(bytes[1]), at = 2;
  if (length >= 0x80) {
    auto count = length & 0x7f;
    if (count == 0 || count > 4 || bytes.size() < 2 + count) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = length << 8 | static_cast<unsigned char>(bytes[at++]);
  }
  if (length > bytes.size() - at) return std::nullopt;
  auto out = bytes.substr(at, length);
  bytes.remove_prefix(at + length);
  return out;
}

std::optional<PublicKey> from_rsa_der(std::string_view der) {
  constexpr unsigned char kSequence = 0x30, kInteger = 0x02;
  auto body = take_der(der, kSequence);
  if (!body || !take_der(*body, kInteger)) return std::nullopt;
  auto n = take_der(*body, kInteger);
  auto e = take_der(*body, kInteger);
  if (!n || !e) return std::nullopt;
  return PublicKey{.type = "ssh-rsa", .blob = field("ssh-rsa") + field(*e) + field(*n), .bits = bits_of(*n)};
}

std::optional<PublicKey> from_openssh(std::string_view bytes) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  if (!bytes.starts_with(kMagic)) return std::nullopt;
  Wire wire(bytes.substr(kMagic.size()));
  if (!wire.field() || !wire.field() || !wire.field() || !wire.number()) return std::nullopt;
  auto blob = wire.field();
  if (!blob) return std::nullopt;
  auto type = Wire(*blob).field();
  if (!type || !is_key_type(*type)) return std::nullopt;
  return PublicKey{.type = std::string(*type), .blob = std::string(*blob), .bits = key_bits(*type, *blob)};
}

}  // namespace

bool PublicKey::has_option(std::string_view name) const {
  return std::ranges::any_of(options, [&](const auto& o) { return o.name == name; });
}

std::optional<std::string> decode_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<std::uint32_t>(c - '0') + 52;
    else if (c == '+')
      value = 62;
    else if (c == '/')
      value = 63;
    else
      return std::nullopt;
    bits = bits << 6 | value;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  return out;
}

KeyKind kind_of_key(std::string_view type) {
  if (type.starts_with("sk-") || type.starts_with("webauthn-sk-")) return KeyKind::hardware;
  if (type.starts_with("ssh-ed25519")) return KeyKind::ed25519;
  if (type.starts_with("ssh-rsa") || type.starts_with("rsa-sha2-")) return KeyKind::rsa;
  if (type.starts_with("ssh-dss")) return KeyKind::dsa;
  if (type.starts_with("ecdsa-sha2-")) return KeyKind::ecdsa;
  return KeyKind::other;
}

std::vector<PublicKey> parse_public_keys(std::string_view text) {
  std::vector<PublicKey> out;
  std::size_t number = 0;
  for (auto whole : split(text, '\n')) {
    ++number;
    auto line = trim(whole);
    if (line.empty() || line.starts_with('#')) continue;
    auto key = parse_key(line);
    auto at = line;
    if (!key) {
      auto options = take_options(line);
      if (!options) continue;
      at = trim(options->second);
      key = parse_key(at);
      if (!key) continue;
      key->options = std::move(options->first);
    }
    key->line = number;
    key->column = static_cast<std::size_t>(at.data() - whole.data()) + 1;
    out.push_back(std::move(*key));
  }
  return out;
}

std::optional<PublicKey> public_part(std::string_view file) {
  auto begin = file.find("-----BEGIN ");
  if (begin == std::string_view::npos) return std::nullopt;
  std::string body;
  std::string_view label;
  bool veiled = false;
  for (auto line : split(file.substr(begin), '\n')) {
    line = trim(line);
    if (line.starts_with("-----BEGIN ")) {
      label = line.substr(11);
      continue;
    }
    if (line.starts_with("-----END ")) break;
    if (line.find(':') != std::string_view::npos)
      veiled = veiled || line.starts_with("Proc-Type:") || line.starts_with("DEK-Info:");
    else
      body += line;
  }
  if (label.starts_with("DSA PRIVATE KEY")) return PublicKey{.type = "ssh-dss", .blob = {}};
  if (label.starts_with("EC PRIVATE KEY")) return PublicKey{.type = "ecdsa-sha2-nistp256", .blob = {}};
  auto bytes = decode_base64(body);
  if (label.starts_with("OPENSSH PRIVATE KEY")) return bytes ? from_openssh(*bytes) : std::nullopt;
  if (label.starts_with("RSA PRIVATE KEY")) {
    if (!veiled && bytes)
      if (auto key = from_rsa_der(*bytes)) return key;
    return PublicKey{.type = "ssh-rsa", .blob = {}};
  }
  return std::nullopt;
}

std::vector<KnownHost> parse_known_hosts(std::string_view text) {
  std::vector<KnownHost> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    auto parts = words(line);
    if (parts.empty() || parts[0].starts_with('#')) continue;
    KnownHost host{.marker = {}, .hosts = {}, .type = {}, .blob = {}, .line = number};
    std::size_t i = 0;
    if (parts[0].starts_with('@')) host.marker = std::string(parts[i++]);
    if (parts.size() < i + 3 || !is_key_type(parts[i + 1])) continue;
    auto blob = decode_base64(parts[i + 2]);
    if (!blob) continue;
    host.hosts = std::string(parts[i]);
    host.type = std::string(parts[i + 1]);
    host.blob = std::move(*blob);
    out.push_back(std::move(host));
  }
  return out;
}

}  // namespace meshops::ssh
