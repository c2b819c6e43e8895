#include "audit/ssh_known_hosts.h"

#include <algorithm>

#include "host/known_host.h"

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
    if (std::ranges::any_of(names, [&](const auto& name) { return ssh::is_for(entry, name); }))
      out.push_back(&entry);
  return out;
}

}  // namespace meshops::audit
