// The key files of a site, read once: public keys, authorized_keys, and what private key files show of
// themselves. Rules of ssh ask for them. Never holds a private part.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/site.h"
#include "formats/ssh_keys.h"

namespace meshops::audit {

struct KeyFile {
  std::filesystem::path path;
  FileKind kind = FileKind::other;  // ssh_public_key, authorized_keys or ssh_private_key
  FileInfo info;
  std::vector<ssh::PublicKey> keys;
  std::optional<Account> owner;  // whose ~/.ssh it lies in
  bool of_host = false;          // ssh_host_*_key
};

struct KeyFiles {
  std::vector<KeyFile> files;
  std::vector<Skip> skips;
  static KeyFiles gather(const Site& site);
  void tell_skips(Findings& out) const {
    for (const auto& skip : skips) out.skip(skip.what, skip.reason);
  }
};

/// "SHA256:…", as ssh-keygen -l shows it.
std::string fingerprint(const ssh::PublicKey& key);

}  // namespace meshops::audit
