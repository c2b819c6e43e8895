// The keys that healing over SSH stands on: this node's own, and what its authorized_keys must say of those
// of its siblings. Called by `meshops mesh keys`. The texts are pure; the private part is made and read by
// ssh-keygen alone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/mesh.h"

namespace meshops::mesh {

/// Makes the key (ed25519, no passphrase, 0600) if there is none, and gives its public part, "ssh-ed25519
/// AAAA…". An Error if a private one is there that others may read.
Result<std::string> healing_key(const std::filesystem::path& file, const std::string& node);
/// Of this machine's SSH server; an Error if it has no ed25519 key.
Result<std::string> host_key(const std::filesystem::path& file = "/etc/ssh/ssh_host_ed25519_key.pub");

struct Healer {
  std::string node;
  std::string key;  // "ssh-ed25519 AAAA…"
};
/// The other nodes that have a healing key.
std::vector<Healer> healers_of(const Mesh& mesh);

/// What sshd shall run for them: the script that runs `meshops remote` or stands in for it, without whatever
/// environment a generous sshd would hand on; through sudo for an account that is not root.
std::string forced_command(const std::filesystem::path& script, bool root);
/// restrict,command="…" ssh-ed25519 AAAA… meshops-healer:beta
std::string authorized_line(const Healer& healer, std::string_view command);

/// authorized_keys with exactly these healers, each once and bound; every other line stays, byte for byte. A
/// healer's key that stands there unbound is bound; one that mesh.toml names no more goes.
std::string with_healers(std::string_view authorized_keys, const std::vector<Healer>& healers,
                         std::string_view command);
/// What with_healers() would change, for people.
std::vector<std::string> faults_in(std::string_view authorized_keys, const std::vector<Healer>& healers,
                                   std::string_view command);

}  // namespace meshops::mesh
