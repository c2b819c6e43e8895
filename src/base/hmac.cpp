#include "base/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>

namespace meshops {

namespace {

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Both fail only where OpenSSL has no memory or no SHA-256 at all; a digest of zeroes would be a seal that
/// anybody can make.
void must(bool done) {
  if (!done) std::abort();
}

}  // namespace

Digest hmac_sha256(std::string_view key, std::string_view text) {
  Digest out{};
  unsigned size = 0;
  // An empty key has no address that HMAC would take.
  const void* at = key.empty() ? "" : key.data();
  const auto* done = HMAC(EVP_sha256(), at, static_cast<int>(key.size()), unsigned_bytes(text), text.size(),
                          out.data(), &size);
  must(done != nullptr && size == out.size());
  return out;
}

Digest sha256(std::string_view text) {
  Digest out{};
  unsigned size = 0;
  must(EVP_Digest(text.data(), text.size(), out.data(), &size, EVP_sha256(), nullptr) == 1 &&
       size == out.size());
  return out;
}

std::string hex(const Digest& digest, std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < std::min(bytes, digest.size()); ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

}  // namespace meshops
