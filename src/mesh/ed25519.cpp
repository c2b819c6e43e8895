#include "mesh/ed25519.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "formats/ssh_keys.h"
#include "mesh/remote_request.h"

namespace meshops::mesh::ed25519 {

namespace {

constexpr std::string_view kType = "ssh-ed25519";
constexpr std::size_t kMostFile = 16U << 10;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Key private_of(std::string_view seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()), EVP_PKEY_free};
}

std::optional<std::string> public_of(std::string_view seed) {
  std::string out(kKeyBytes, '\0');
  std::size_t size = out.size();
  auto key = private_of(seed);
  if (!key ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1)
    return std::nullopt;
  return size == kKeyBytes ? std::optional(std::move(out)) : std::nullopt;
}

/// Between ssh-keygen's BEGIN and END.
Secret armoured(std::string_view file) {
  std::string body;
  body.reserve(file.size());  // else copies of it would stay behind in freed memory
  bool inside = false;
  for (auto line : split(file, '\n')) {
    line = trim(line);
    if (line == "-----BEGIN OPENSSH PRIVATE KEY-----")
      inside = true;
    else if (line == "-----END OPENSSH PRIVATE KEY-----")
      return inside ? Secret(std::move(body)) : Secret();
    else if (inside)
      body += line;
  }
  Secret cut(std::move(body));
  return {};
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(RemoteCode::no_key, "the private key cannot be used: {}", what);
}

}  // namespace

std::string field(std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 0xFF);
  return out.append(bytes);
}

std::string fields(std::initializer_list<std::string_view> list) {
  std::string out;
  for (auto one : list) out += field(one);
  return out;
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

std::optional<std::string_view> part(std::string_view blob, std::size_t bytes) {
  auto type = take_field(blob);
  auto second = take_field(blob);
  if (type != kType || !second || second->size() != bytes || !blob.empty()) return std::nullopt;
  return second;
}

std::optional<std::string> public_key(std::string_view text) {
  auto said = words(text);
  auto blob = said.size() >= 2 ? ssh::decode_base64(said[1]) : std::nullopt;
  auto key = blob ? part(*blob, kKeyBytes) : std::nullopt;
  return key ? std::optional(std::string(*key)) : std::nullopt;
}

Result<PrivateKey> parse_private_key(std::string_view file) {
  if (file.size() > kMostFile) return bad("its file is too long");
  auto base64 = armoured(file);
  if (base64.empty()) return bad("it is no file of ssh-keygen, or it is cut");
  auto decoded = ssh::decode_base64(base64.reveal());
  if (!decoded) return bad("it is no base64");
  const Secret whole(std::move(*decoded));
  std::string_view bytes = whole.reveal();

  constexpr std::string_view kMagic("openssh-key-v1\0", 15), kOne("\0\0\0\1", 4);
  if (!bytes.starts_with(kMagic)) return bad("it is of another format");
  bytes.remove_prefix(kMagic.size());
  auto cipher = take_field(bytes), kdf = take_field(bytes), options = take_field(bytes);
  if (!options) return bad("it is cut");
  if (*cipher != "none" || *kdf != "none" || !options->empty()) return bad("it has a passphrase");
  if (!bytes.starts_with(kOne)) return bad("it is not one key");
  bytes.remove_prefix(kOne.size());
  auto shown = take_field(bytes), hidden = take_field(bytes);
  if (!hidden || !bytes.empty()) return bad("it is cut, or goes on");
  auto outer = part(*shown, kKeyBytes);
  if (!outer) return bad("it is no ed25519 key");

  // Two equal numbers, the type, the public part, seed and public part again, a comment, 1 2 3 … up to a
  // multiple of 8.
  auto rest = *hidden;
  constexpr std::size_t kCheck = 4;
  if (rest.size() % 8 != 0 || rest.size() < 2 * kCheck ||
      rest.substr(0, kCheck) != rest.substr(kCheck, kCheck))
    return bad("it is broken");
  rest.remove_prefix(2 * kCheck);
  auto type = take_field(rest), inner = take_field(rest), both = take_field(rest), comment = take_field(rest);
  if (!comment || *type != kType || *inner != *outer || both->size() != 2 * kKeyBytes ||
      both->substr(kKeyBytes) != *outer || rest.size() >= 8)
    return bad("it is broken");
  for (std::size_t i = 0; i < rest.size(); ++i)
    if (static_cast<unsigned char>(rest[i]) != i + 1) return bad("it is broken");

  PrivateKey key{.seed = Secret(std::string(both->substr(0, kKeyBytes))), .public_key = std::string(*outer)};
  if (public_of(key.seed.reveal()) != key.public_key) return bad("its two halves do not belong together");
  return key;
}

Result<std::string> sign(const PrivateKey& key, std::string_view message) {
  std::string out(kSignatureBytes, '\0');
  std::size_t size = out.size();
  auto pkey = private_of(key.seed.reveal());
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!pkey || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, raw(message),
                     message.size()) != 1 ||
      size != kSignatureBytes)
    return bad("OpenSSL does not sign with it");
  return out;
}

bool verify(std::string_view key, std::string_view signature, std::string_view message) {
  if (key.size() != kKeyBytes || signature.size() != kSignatureBytes) return false;
  Key pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(key), key.size()), EVP_PKEY_free);
  Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return pkey && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message), message.size()) == 1;
}

}  // namespace meshops::mesh::ed25519
