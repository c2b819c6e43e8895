// A healer's key in memory that signs as `ssh-keygen -Y sign` does.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace meshops::mesh {

class RemoteSigner {
 public:
  RemoteSigner() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free) {}

  static std::string field(std::string_view bytes) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 0xFF);
    return out.append(bytes);
  }
  static std::string base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    auto size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
  }
  std::string blob() const {
    std::array<unsigned char, 32> raw{};
    std::size_t size = raw.size();
    EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size);
    return field("ssh-ed25519") + field({reinterpret_cast<const char*>(raw.data()), size});
  }
  std::string public_key() const { return "ssh-ed25519 " + base64(blob()); }

  /// The SSHSIG blob.
  std::string sign(std::string_view name_space, std::string_view bytes,
                   std::string_view hash_name = "sha512") const {
    std::array<unsigned char, 64> hash{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size,
               hash_name == "sha512" ? EVP_sha512() : EVP_sha256(), nullptr);
    auto head = field(name_space) + field("") + field(hash_name);
    auto message = "SSHSIG" + head + field({reinterpret_cast<const char*>(hash.data()), size});
    std::array<unsigned char, 64> signature{};
    std::size_t length = signature.size();
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), signature.data(), &length,
                   reinterpret_cast<const unsigned char*>(message.data()), message.size());
    return "SSHSIG" + std::string("\0\0\0\1", 4) + field(blob()) + head +
           field(field("ssh-ed25519") + field({reinterpret_cast<const char*>(signature.data()), length}));
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace meshops::mesh
