// HMAC-SHA256 (RFC 2104) and SHA-256 of whole texts: the one place that asks OpenSSL for them. Pure; called
// by whoever signs, seals or marks. Compares nothing: use CRYPTO_memcmp for a seal.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace meshops {

using Digest = std::array<unsigned char, 32>;

/// Of `text` under `key`; any length of either.
Digest hmac_sha256(std::string_view key, std::string_view text);
Digest sha256(std::string_view text);

/// Its bytes, for a further digest or a datagram.
inline std::string_view raw(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
/// The first `bytes` of it as small hexadecimal digits, two for each.
std::string hex(const Digest& digest, std::size_t bytes = std::tuple_size_v<Digest>);

}  // namespace meshops
