#include "mesh/remote_signature.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "formats/ssh_keys.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

namespace {

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kKeyType = "ssh-ed25519";
constexpr std::size_t kKeyBytes = 32, kSignatureBytes = 64;

/// RFC 4251: a length of four bytes, then that many.
std::string field(std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 0xFF);
  return out.append(bytes);
}
std::optional<std::string_view> take_field(std::string_view& from) {
  if (from.size() < 4) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(from[i]);
  if (length > from.size() - 4) return std::nullopt;
  auto out = from.substr(4, length);
  from.remove_prefix(4 + length);
  return out;
}

/// The two fields of a key or of a signature: the type's name, and as many bytes as it must have.
std::optional<std::string_view> ed25519_part(std::string_view blob, std::size_t bytes) {
  auto type = take_field(blob);
  auto part = take_field(blob);
  if (type != kKeyType || !part || part->size() != bytes || !blob.empty()) return std::nullopt;
  return part;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::optional<std::string> sha512(std::string_view bytes) {
  std::array<unsigned char, 64> out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha512(), nullptr) != 1)
    return std::nullopt;
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(RemoteCode::bad_signature, "the request's signature is not good: {}", what);
}

}  // namespace

Status check_signature(std::string_view base64, std::string_view public_key, std::string_view name_space,
                       std::string_view bytes) {
  auto known_words = words(public_key);
  auto known = known_words.size() >= 2 ? ssh::decode_base64(known_words[1]) : std::nullopt;
  auto key = known ? ed25519_part(*known, kKeyBytes) : std::nullopt;
  if (!key) return bad("the healer's key in mesh.toml is no ed25519 key");

  auto decoded = ssh::decode_base64(base64);
  if (!decoded) return bad("it is no base64");
  std::string_view blob = *decoded;
  if (!blob.starts_with(kMagic)) return bad("it is no SSH signature");
  blob.remove_prefix(kMagic.size());
  constexpr std::string_view kVersion("\0\0\0\1", 4);
  if (!blob.starts_with(kVersion)) return bad("its version is another one");
  blob.remove_prefix(kVersion.size());
  auto signer = take_field(blob), about = take_field(blob), reserved = take_field(blob);
  auto hash = take_field(blob), signature = take_field(blob);
  if (!signature || !blob.empty()) return bad("it is cut, or goes on");
  if (*signer != *known) return bad("another key made it");
  if (*about != name_space || !reserved->empty() || *hash != "sha512")
    return bad("it was made for something else");
  auto sealed = ed25519_part(*signature, kSignatureBytes);
  if (!sealed) return bad("it is of another kind");

  auto digest = sha512(bytes);
  if (!digest) return bad("SHA-512 is not to be had");
  // PROTOCOL.sshsig: what is signed is this and not the message, so that no signature of a log-in fits.
  auto message = std::string(kMagic) + field(name_space) + field("") + field("sha512") + field(*digest);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(*key), key->size()), EVP_PKEY_free);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!pkey || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) != 1 ||
      EVP_DigestVerify(context.get(), raw(*sealed), sealed->size(), raw(message), message.size()) != 1)
    return bad("these are not the bytes that were signed");
  return ok();
}

Result<std::string> without_armour(std::string_view armoured) {
  std::string out;
  bool inside = false;
  for (auto line : split(armoured, '\n')) {
    line = trim(line);
    if (line == "-----BEGIN SSH SIGNATURE-----") {
      inside = true;
    } else if (line == "-----END SSH SIGNATURE-----") {
      if (!out.empty()) return out;
      break;
    } else if (inside) {
      out += line;
    }
  }
  return fail(RemoteCode::no_key, "ssh-keygen gave no signature");
}

}  // namespace meshops::mesh
