// The first words of an SSH connection (RFC 4253, 4.2 to 8), as bytes: enough to hear a server's version and
// see its host key, and no more: nothing is signed, checked or encrypted, and nobody logs in. Called by the
// walk to a peer. Pure; total on whatever a server sends.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace meshops::ssh {

MESHOPS_ERROR_CODES(HelloCode, "ssh_hello", not_ssh, too_large, broken, refused);

/// What a client says first: its version and its algorithms, with `key_types` (of host keys) in order of
/// preference. At least `at_least` bytes of it: servers pass over algorithms that they do not know, which
/// makes room for a packet as large as the way should carry.
std::string client_hello(const std::vector<std::string>& key_types, std::size_t at_least);
/// What it says next: half of a key exchange that is never finished. `random`: any 32 bytes.
std::string client_share(std::string_view random);

/// A server's half, fed as it comes.
class ServerHello {
 public:
  /// True when the host key is there. An Error: this is no SSH server, or it does not want to go on.
  Result<bool> feed(std::string_view bytes);
  /// "SSH-2.0-OpenSSH_9.2p1 Debian-2"; empty until it came. May hold any printable text.
  const std::string& version() const { return version_; }
  /// It has told its algorithms: now it waits for client_share().
  bool wants_share() const { return told_algorithms_; }
  /// As it stands in known_hosts, not in base64; empty until it came.
  const std::string& host_key() const { return host_key_; }

 private:
  Result<bool> packet(std::string_view payload);

  std::string buffer_, version_, host_key_;
  bool told_algorithms_ = false;
};

/// "ssh-ed25519", the type that stands first in a key.
std::optional<std::string> key_type(std::string_view key);

}  // namespace meshops::ssh
