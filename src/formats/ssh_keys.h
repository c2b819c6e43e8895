// Keys of SSH as they lie in files: *.pub, authorized_keys, known_hosts, and what a private key file shows
// without its passphrase. Called by audit rules. Pure and total; never gives a private part to anybody.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::ssh {

struct KeyOption {
  std::string name;  // lower case
  std::string value;
};

/// One public key. Line and column (of the type's name) count from 1.
struct PublicKey {
  std::string type;   // "ssh-ed25519", "ssh-rsa-cert-v01@openssh.com"
  std::string blob;   // as it goes over the wire: the same key has the same one
  unsigned bits = 0;  // of RSA and DSA
  std::string comment;
  std::vector<KeyOption> options;  // of authorized_keys
  std::size_t line = 1, column = 1;

  bool has_option(std::string_view name) const;
};
/// Of *.pub and authorized_keys; lines that are no key are left out.
std::vector<PublicKey> parse_public_keys(std::string_view text);

/// What the unencrypted part of a private key file says; nothing if it is none, or says nothing.
std::optional<PublicKey> public_part(std::string_view private_key_file);

enum class KeyKind { ed25519, hardware, rsa, dsa, ecdsa, other };
/// Also of certificates: what key they are for.
KeyKind kind_of_key(std::string_view type);

struct KnownHost {
  std::string marker;  // "@revoked", "@cert-authority", or empty
  std::string hosts;   // "a,b", "[a]:2222", "|1|salt|hash"
  std::string type, blob;
  std::size_t line = 1;
};
std::vector<KnownHost> parse_known_hosts(std::string_view text);

/// Padding is optional; nothing where something else stands.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace meshops::ssh
