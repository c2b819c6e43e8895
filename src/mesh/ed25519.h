// ed25519 as SSH writes its keys: public ones from mesh.toml, a node's own private one, and signatures that
// OpenSSL makes and checks. Called by check_signature() and Voice. Pure and total; no error shows a key.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace meshops::mesh::ed25519 {

constexpr std::size_t kKeyBytes = 32, kSignatureBytes = 64;

/// RFC 4251: a length of four bytes, then that many.
std::string field(std::string_view bytes);
/// One after the other: no two lists give the same bytes.
std::string fields(std::initializer_list<std::string_view> list);
/// Takes the next one away; nothing if it is cut.
std::optional<std::string_view> take_field(std::string_view& from);
/// The second of the two fields of a key or of a signature, if the first names ed25519 and this has as many
/// bytes as it must have.
std::optional<std::string_view> part(std::string_view blob, std::size_t bytes);

/// The 32 bytes in "ssh-ed25519 AAAA…".
std::optional<std::string> public_key(std::string_view text);

struct PrivateKey {
  Secret seed;             // 32 bytes
  std::string public_key;  // 32 bytes, and they belong to the seed
};
/// A file as ssh-keygen makes it (PROTOCOL.key), without a passphrase.
Result<PrivateKey> parse_private_key(std::string_view file);

/// 64 bytes.
Result<std::string> sign(const PrivateKey& key, std::string_view message);
bool verify(std::string_view public_key, std::string_view signature, std::string_view message);

}  // namespace meshops::mesh::ed25519
