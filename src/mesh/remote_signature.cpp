#include "mesh/remote_signature.h"

#include <openssl/evp.h>

#include <array>
#include <optional>
#include <string>

#include "base/text.h"
#include "formats/ssh_keys.h"
#include "mesh/ed25519.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

using ed25519::field, ed25519::take_field;

namespace {

constexpr std::string_view kMagic = "SSHSIG";

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
  auto key = ed25519::public_key(public_key);
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
  if (ed25519::part(*signer, ed25519::kKeyBytes) != *key) return bad("another key made it");
  if (*about != name_space || !reserved->empty() || *hash != "sha512")
    return bad("it was made for something else");
  auto sealed = ed25519::part(*signature, ed25519::kSignatureBytes);
  if (!sealed) return bad("it is of another kind");

  auto digest = sha512(bytes);
  if (!digest) return bad("SHA-512 is not to be had");
  // PROTOCOL.sshsig: what is signed is this and not the message, so that no signature of a log-in fits.
  auto message = std::string(kMagic) + field(name_space) + field("") + field("sha512") + field(*digest);
  if (!ed25519::verify(*key, *sealed, message)) return bad("these are not the bytes that were signed");
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
