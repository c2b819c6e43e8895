#include "host/known_host.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/text.h"
#include "formats/ssh_config.h"

namespace meshops::ssh {

bool is_for(const KnownHost& entry, const std::string& name) {
  if (!entry.hosts.starts_with("|1|")) return match_list(lower(name), entry.hosts, true) == 1;
  auto parts = split(entry.hosts, '|');
  if (parts.size() != 4) return false;
  auto salt = decode_base64(parts[2]), hash = decode_base64(parts[3]);
  if (!salt || !hash) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto host = lower(name);
  HMAC(EVP_sha1(), salt->data(), static_cast<int>(salt->size()),
       reinterpret_cast<const unsigned char*>(host.data()), host.size(), digest.data(), &size);
  return std::string_view(reinterpret_cast<const char*>(digest.data()), size) == *hash;
}

}  // namespace meshops::ssh
