// Who signed: an ed25519 signature as `ssh-keygen -Y sign` makes it (PROTOCOL.sshsig), checked with OpenSSL.
// Called by the patient. Pure; knows public keys only.
#pragma once

#include <string_view>

#include "base/result.h"

namespace meshops::mesh {

/// Good only for this key ("ssh-ed25519 AAAA…"), these bytes and this namespace; the hash is SHA-512.
/// `base64` is the blob without its armour.
Status check_signature(std::string_view base64, std::string_view public_key, std::string_view name_space,
                       std::string_view bytes);
/// ssh-keygen's armour (BEGIN SSH SIGNATURE) → the base64 in it, on one line.
Result<std::string> without_armour(std::string_view armoured);

}  // namespace meshops::mesh
