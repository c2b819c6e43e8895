#include "audit/ssh_known_hosts.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "formats/ssh_config.h"

namespace meshops::audit {

KnownHosts KnownHosts::gather(const Site& site) {
  KnownHosts out;
  std::vector<std::filesystem::path> paths = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2",
                                              site.mesh().state_dir / "known_hosts"};
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      for (const auto* name : {"known_hosts", "known_hosts2"})
        if (!account.home.empty() && account.home != "/") paths.push_back(account.home / ".ssh" / name);
  std::ranges::sort(paths);
  auto twice = std::ranges::unique(paths);
  paths.erase(twice.begin(), twice.end());
  for (const auto& path : paths) {
    auto text = site.host().read(path);
    if (text)
      std::ranges::move(ssh::parse_known_hosts(*text), std::back_inserter(out.entries));
    else if (text.error().is("file.not_permitted"))
      out.skips.push_back({"", site.shown(path), std::string(text.error().text())});
  }
  return out;
}

std::vector<const ssh::KnownHost*> KnownHosts::of(const std::vector<std::string>& names) const {
  std::vector<const ssh::KnownHost*> out;
  for (const auto& entry : entries)
    if (std::ranges::any_of(names, [&](const auto& name) { return is_for(entry, name); }))
      out.push_back(&entry);
  return out;
}

bool is_for(const ssh::KnownHost& entry, const std::string& name) {
  if (!entry.hosts.starts_with("|1|")) return ssh::match_list(lower(name), entry.hosts, true) == 1;
  auto parts = split(entry.hosts, '|');
  if (parts.size() != 4) return false;
  auto salt = ssh::decode_base64(parts[2]), hash = ssh::decode_base64(parts[3]);
  if (!salt || !hash) return false;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto host = lower(name);
  HMAC(EVP_sha1(), salt->data(), static_cast<int>(salt->size()),
       reinterpret_cast<const unsigned char*>(host.data()), host.size(), digest.data(), &size);
  return std::string_view(reinterpret_cast<const char*>(digest.data()), size) == *hash;
}

}  // namespace meshops::audit
