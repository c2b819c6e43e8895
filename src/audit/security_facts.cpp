#include "audit/security_facts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>

#include "audit/gateway_configs.h"
#include "audit/gateway_processes.h"
#include "audit/mesh_files.h"
#include "audit/network_peers.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

bool is_machine(const Site& site) {
  const auto& host = site.host();
  bool container = host.stat("/.dockerenv").has_value() || host.stat("/run/.containerenv").has_value();
  if (site.live()) {
    if (!container) return true;
    // A container that boots like a machine is one.
    auto init = host.process(1);
    return init && (init->comm == "systemd" || init->comm == "init");
  }
  if (container) return false;
  return std::ranges::any_of(
      std::array{"/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init", "/usr/sbin/init",
                 "/vmlinuz", "/boot/grub/grub.cfg", "/etc/ssh/sshd_config", "/usr/sbin/sshd"},
      [&](const char* path) { return host.stat(path).has_value(); });
}

std::optional<std::string> read_or_skip(const Site& site, const fs::path& path, Findings& out) {
  auto text = site.host().read(path);
  if (text) return std::move(*text);
  if (!text.error().is("file.not_found")) out.skip(site.shown(path), std::string(text.error().text()));
  return std::nullopt;
}

Mesh mesh_of(const Site& site) {
  if (!site.repo()) return site.mesh();
  const auto& files = site.facts<MeshFiles>().files();
  return files.empty() ? site.mesh() : files.front().mesh;
}

Peers peers_of(const Site& site) {
  const auto mesh = mesh_of(site);
  Peers out;
  for (const auto& node : mesh.nodes) {
    // Of a folder nobody knows which node it is for.
    if (!site.repo() && node.name == mesh.node) continue;
    auto add = [&](const std::string& address) {
      auto kind = kind_of_address(address);
      bool usable =
          kind != AddressKind::name && kind != AddressKind::loopback && kind != AddressKind::unspecified;
      if (usable && std::ranges::none_of(out.all, [&](const Peer& p) { return p.address == address; }))
        out.all.push_back({node.name, address});
    };
    if (kind_of_address(node.address) != AddressKind::name) {
      add(node.address);
      continue;
    }
    if (node.address.empty()) continue;
    auto before = out.all.size();
    if (site.live())
      for (const auto& name : site.facts<ResolverAnswers>().names)
        if (name.name == node.address)
          for (const auto& layer : name.layers)
            for (const auto& address : layer.addresses) add(address);
    if (out.all.size() == before) out.unknown.push_back(node.address);
  }
  return out;
}

bool holds_address(std::string_view network, std::string_view address) {
  if (network == address) return true;
  auto slash = network.find('/');
  std::string base(network.substr(0, slash)), one(address);
  std::array<unsigned char, 16> a{}, b{};
  for (int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, base.c_str(), a.data()) != 1 || inet_pton(family, one.c_str(), b.data()) != 1)
      continue;
    unsigned width = family == AF_INET ? 32 : 128;
    auto bits = slash == std::string_view::npos ? std::optional(width)
                                                : to_number<unsigned>(network.substr(slash + 1));
    if (!bits) {
      // 10.0.0.0/255.0.0.0
      std::array<unsigned char, 16> mask{};
      std::string text(network.substr(slash + 1));
      if (inet_pton(family, text.c_str(), mask.data()) != 1) return false;
      bits = 0;
      for (unsigned i = 0; i < width / 8; ++i)
        bits = *bits + static_cast<unsigned>(__builtin_popcount(mask[i]));
    }
    if (*bits > width) return false;
    for (unsigned i = 0; i < *bits; ++i) {
      unsigned byte = i / 8, bit = 7 - i % 8;
      if (((a[byte] ^ b[byte]) >> bit & 1) != 0) return false;
    }
    return true;
  }
  return false;
}

namespace {

/// ~/.openclaw, ~/.openclaw-NAME, and the name it had before.
bool is_state_name(std::string_view name) {
  return name == ".openclaw" || name.starts_with(".openclaw-") || name == ".clawdbot";
}

class HomeGatherer {
 public:
  explicit HomeGatherer(const Site& site) : site_(site) {
    if (auto all = site.host().accounts()) accounts_ = std::move(*all);
  }

  GatewayHomes gather() {
    for (const auto& config : site_.facts<GatewayConfigs>().all()) {
      add(config.state_dir, by_name(config.spec.user));
      if (config.path.parent_path() != config.state_dir)
        add(config.path.parent_path(), by_name(config.spec.user));
    }
    for (const auto& account : accounts_) {
      if (!account.home.has_parent_path() || account.home == "/") continue;
      auto names = site_.host().list(account.home);
      if (!names) continue;
      for (const auto& name : *names)
        if (is_state_name(name)) add(account.home / name, std::nullopt);
    }
    for (const auto& gateway : site_.mesh().gateways_of(site_.mesh().node))
      if (!gateway.state_dir.empty()) add(gateway.state_dir, by_name(gateway.user), true);
    if (site_.live())
      for (const auto& process : site_.facts<GatewayProcesses>().all())
        if (!process.state_dir.empty()) add(process.state_dir, by_uid(process.info.uid), true);
    GatewayHomes out;
    for (auto& [directory, home] : found_) out.all.push_back(std::move(home));
    return out;
  }

 private:
  std::optional<Account> by_name(const std::string& name) const {
    auto found = std::ranges::find(accounts_, name, &Account::name);
    return found == accounts_.end() ? std::nullopt : std::optional(*found);
  }
  std::optional<Account> by_uid(uid_t uid) const {
    auto found = std::ranges::find(accounts_, uid, &Account::uid);
    return found == accounts_.end() ? std::nullopt : std::optional(*found);
  }
  std::optional<Account> by_place(const fs::path& directory) const {
    std::optional<Account> out;
    std::size_t longest = 1;
    for (const auto& account : accounts_) {
      auto home = account.home.string();
      bool inside = directory == account.home || directory.string().starts_with(home + "/");
      if (!inside || home.size() <= longest) continue;
      longest = home.size();
      out = account;
    }
    return out;
  }

  void add(const fs::path& directory, const std::optional<Account>& runs_it, bool told = false) {
    if (!directory.has_relative_path()) return;
    auto info = site_.host().stat(directory);
    if (!info || info->kind != FileInfo::Kind::directory) return;
    auto& home = found_[directory];
    home.directory = directory;
    if (runs_it) home.owner = runs_it;
    if (!home.owner) home.owner = by_place(directory);
    // A configuration may lie elsewhere by itself, as in /etc/openclaw.
    home.state = home.state || told || is_state_name(directory.filename().string()) ||
                 site_.host().stat(directory / "credentials") || site_.host().stat(directory / "agents");
  }

  const Site& site_;
  std::vector<Account> accounts_;
  std::map<fs::path, GatewayHome> found_;
};

}  // namespace

GatewayHomes GatewayHomes::gather(const Site& site) {
  if (site.repo()) return {};
  return HomeGatherer(site).gather();
}

}  // namespace meshops::audit
