#include "audit/ssh_key_files.h"

#include <openssl/evp.h>

#include <array>

namespace meshops::audit {

KeyFiles KeyFiles::gather(const Site& site) {
  KeyFiles out;
  std::vector<Account> accounts;
  if (!site.repo())
    if (auto all = site.host().accounts()) accounts = *all;
  for (const auto& file : site.files().all()) {
    if (file.kind != FileKind::ssh_public_key && file.kind != FileKind::authorized_keys &&
        file.kind != FileKind::ssh_private_key)
      continue;
    KeyFile key{.path = file.path, .kind = file.kind, .info = file.info};
    for (const auto& account : accounts)
      if (file.path.parent_path() == account.home / ".ssh") key.owner = account;
    auto name = file.path.filename().string();
    key.of_host = name.starts_with("ssh_host_");
    auto text = site.host().read(file.path);
    if (!text) {
      out.skips.push_back({"", site.shown(file.path), std::string(text.error().text())});
    } else if (file.kind == FileKind::ssh_private_key) {
      if (auto part = ssh::public_part(*text)) key.keys.push_back(std::move(*part));
    } else {
      key.keys = ssh::parse_public_keys(*text);
    }
    out.files.push_back(std::move(key));
  }
  for (const auto& skip : site.files().skips())
    if (skip.what.find(".ssh") != std::string::npos || skip.what.find("/etc/ssh") != std::string::npos)
      out.skips.push_back(skip);
  return out;
}

std::string fingerprint(const ssh::PublicKey& key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(key.blob.data(), key.blob.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, 64> text{};
  EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  std::string out(reinterpret_cast<const char*>(text.data()));
  while (out.ends_with('=')) out.pop_back();
  return "SHA256:" + out;
}

}  // namespace meshops::audit
