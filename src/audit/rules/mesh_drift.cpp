// MSH-006: what runs against what was decided.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "audit/units.h"
#include "base/text.h"
#include "formats/version_range.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

/// Where npm puts the gateway, by every usual prefix.
std::vector<fs::path> packages(const Site& site) {
  std::vector<fs::path> out = {"/usr/lib/node_modules/openclaw/package.json",
                               "/usr/local/lib/node_modules/openclaw/package.json"};
  if (auto accounts = site.host().accounts())
    for (const auto& account : *accounts)
      for (const auto* prefix : {".npm-global/lib", ".local/lib", "lib"})
        out.push_back(account.home / prefix / "node_modules/openclaw/package.json");
  return out;
}

void version(const Site& site, const MeshFile& file, Findings& out) {
  const auto& pinned = file.mesh.audit.gateway_version;
  if (pinned.empty()) return;
  for (const auto& path : packages(site)) {
    auto text = site.host().read(path);
    if (!text) {
      if (!text.error().is("file.not_found")) out.skip(path.string(), std::string(text.error().text()));
      continue;
    }
    auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("version") || !json["version"].is_string()) continue;
    auto installed = json["version"].get<std::string>();
    auto order = compare_versions(installed, pinned);
    if (!order || *order == std::strong_ordering::equal) continue;
    out.add(site.at(path))
        .found("openclaw {}", printable(installed))
        .wanted("{}, as mesh.toml pins it", printable(pinned))
        .message("this node runs another gateway than the mesh has agreed on and tried")
        .fix("meshops node apply, or by hand: npm install -g openclaw@{}", printable(pinned))
        .about("version");
  }
}

void declared_units(const Site& site, const MeshFile& file, Findings& out) {
  const auto& services = site.facts<Units>().services();
  for (std::size_t i = 0; i < file.mesh.gateways.size(); ++i) {
    const auto& gateway = file.mesh.gateways[i];
    if (gateway.node != file.mesh.node || gateway.unit.empty() || !gateway.enabled) continue;
    bool user = gateway.runtime == RuntimeKind::systemd_user;
    if (!user && gateway.runtime != RuntimeKind::systemd_system) continue;
    auto name = gateway.unit.ends_with(".service") ? gateway.unit : gateway.unit + ".service";
    // An instance comes from its template.
    auto at = name.find('@');
    auto of_template = at == std::string::npos ? name : name.substr(0, at + 1) + ".service";
    if (std::ranges::any_of(services, [&](const Unit& u) {
          return u.of_user == user && (u.name == name || u.name == of_template);
        }))
      continue;
    out.add(site.at(file.path, file.line_near("gateway", i, "unit")))
        .found("no {} on this node", printable(name))
        .wanted("the unit that [[gateway]] {} declares", gateway.name)
        .message("the mesh counts on a gateway here that nothing can start")
        .fix("meshops node apply, or correct `unit` in this [[gateway]]")
        .about("{}", gateway.name);
  }
}

/// A whole unit in /etc hides the one that the package brings and updates.
void shadowed(const Site& site, Findings& out) {
  for (const auto& unit : site.facts<Units>().services()) {
    if (!unit.name.starts_with("meshops-") || !unit.path.string().starts_with("/etc/systemd/system/"))
      continue;
    for (const auto* directory : {"/usr/lib/systemd/system", "/lib/systemd/system"}) {
      auto packaged = site.host().read(fs::path(directory) / unit.name);
      auto own = site.host().read(unit.path);
      if (!packaged || !own) continue;
      if (*packaged != *own)
        out.add(site.at(unit.path))
            .found("{} hides {}/{}", unit.path.string(), directory, unit.name)
            .wanted("the packaged unit, and drop-ins for what is special here")
            .message("an update of meshops brings a new unit, and this node goes on with the old one")
            .fix("move what is special to {}.d/local.conf, remove this file, systemctl daemon-reload",
                 unit.path.string())
            .about("{}", unit.name);
      break;
    }
  }
}

}  // namespace

void drift(const Site& site, Findings& out) {
  for (const auto& skip : site.facts<MeshFiles>().skips()) out.skip(skip.what, skip.reason);
  for (const auto& file : site.facts<MeshFiles>().files()) {
    version(site, file, out);
    declared_units(site, file, out);
  }
  shadowed(site, out);
}

}  // namespace meshops::audit::mesh_rules_parts
