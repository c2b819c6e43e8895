// MSH-001, -002, -007: where the nodes are, who watches them, and whether they agree.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "audit/mesh_files.h"
#include "audit/rules/mesh_parts.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit::mesh_rules_parts {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

struct Place {
  std::string zone, provider;  // empty: not known
};

/// What an address says of the place by the provider's own naming.
Place place_of_name(std::string_view address) {
  auto labels = split(address, '.');
  auto ends = [&](std::string_view tail) { return address.ends_with(tail); };
  // NAME.ZONE.c.PROJECT.internal
  if (ends(".internal") && labels.size() >= 5 && labels[labels.size() - 3] == "c")
    return {std::string(labels[1]), "Google Cloud"};
  // ec2-203-0-113-7.REGION.compute.amazonaws.com: the region is the best that it tells.
  if (ends(".compute.amazonaws.com") && labels.size() >= 5) return {"", "AWS"};
  if (ends(".amazonaws.com") || ends(".ec2.internal")) return {"", "AWS"};
  if (ends(".cloudapp.azure.com") || ends(".cloudapp.net")) return {"", "Azure"};
  if (ends(".your-server.de") || ends(".clients.your-server.de")) return {"", "Hetzner"};
  if (ends(".linodeusercontent.com") || ends(".members.linode.com")) return {"", "Linode"};
  if (ends(".vultrusercontent.com")) return {"", "Vultr"};
  if (ends(".googleusercontent.com")) return {"", "Google Cloud"};
  if (ends(".ovh.net") || ends(".kimsufi.com")) return {"", "OVH"};
  return {};
}

/// Names and addresses of instances in exports of gcloud, with their zones.
std::map<std::string, Place> exported(const Site& site) {
  std::map<std::string, Place> out;
  for (const auto& file : site.files().all()) {
    if (file.path.filename() != "instances.json") continue;
    auto text = site.host().read(file.path);
    if (!text) continue;
    auto list = Json::parse(*text, nullptr, false);
    if (!list.is_array()) continue;
    auto word = [](const Json& j, const char* key) {
      return j.is_object() && j.contains(key) && j[key].is_string() ? j[key].get<std::string>()
                                                                    : std::string();
    };
    for (const auto& instance : list) {
      auto zone = word(instance, "zone");
      Place place{zone.substr(zone.rfind('/') + 1), "Google Cloud"};
      if (auto name = word(instance, "name"); !name.empty()) out[name] = place;
      if (!instance.is_object() || !instance.contains("networkInterfaces") ||
          !instance["networkInterfaces"].is_array())
        continue;
      for (const auto& nic : instance["networkInterfaces"]) {
        if (auto ip = word(nic, "networkIP"); !ip.empty()) out[ip] = place;
        if (nic.is_object() && nic.contains("accessConfigs") && nic["accessConfigs"].is_array())
          for (const auto& access : nic["accessConfigs"])
            if (auto ip = word(access, "natIP"); !ip.empty()) out[ip] = place;
      }
    }
  }
  return out;
}

void skip_unread(const Site& site, Findings& out) {
  for (const auto& skip : site.facts<MeshFiles>().skips()) out.skip(skip.what, skip.reason);
}

}  // namespace

void one_place(const Site& site, Findings& out) {
  skip_unread(site, out);
  auto instances = exported(site);
  for (const auto& file : site.facts<MeshFiles>().files()) {
    const auto& nodes = file.mesh.nodes;
    if (nodes.size() < 2) continue;
    std::set<std::string> zones, providers;
    std::size_t known = 0;
    bool zones_known = true, providers_known = true;
    for (const auto& node : nodes) {
      auto by_export = instances.find(node.address);
      if (by_export == instances.end()) by_export = instances.find(node.name);
      auto place = by_export != instances.end() ? by_export->second : place_of_name(node.address);
      if (!place.provider.empty()) ++known;
      zones.insert(place.zone);
      providers.insert(place.provider);
      zones_known = zones_known && !place.zone.empty();
      providers_known = providers_known && !place.provider.empty();
    }
    if (known == 0) {
      out.skip("where the nodes of " + site.shown(file.path) + " are",
               "neither their addresses nor exports of a cloud tell zone or provider");
      continue;
    }
    bool zone = zones_known && zones.size() == 1, provider = providers_known && providers.size() == 1;
    if (!zone && !provider) continue;
    out.add(site.at(file.path, file.line_of("node", 0)))
        .found("all {} nodes {}", nodes.size(),
               zone ? fmt::format("in zone {} of {}", *zones.begin(), *providers.begin())
                    : fmt::format("at {}", *providers.begin()))
        .wanted("nodes in two zones, and at two providers")
        .message("one outage of that {} takes the whole mesh, and nobody is left to heal it",
                 zone ? "zone" : "provider")
        .fix("put the next node elsewhere; the smallest machine at another provider is enough for a witness")
        .about("{}", zone ? *zones.begin() : *providers.begin());
  }
}

// --- MSH-002 ---

namespace {

constexpr std::string_view kAgentUnit = "meshops-agent.service";

/// The agent runs here; nothing: it could not be asked.
std::optional<bool> agent_runs(const Site& site, Findings& out) {
  if (auto processes = site.host().processes())
    for (const auto& p : *processes)
      if (p.argv.size() > 1 && p.argv[0].ends_with("meshops") &&
          (std::ranges::find(p.argv, "agent") != p.argv.end() ||
           std::ranges::find(p.argv, "up") != p.argv.end()))
        return true;
  auto units = site.running()->units(std::nullopt);
  if (!units) {
    out.skip("the system's services", std::string(units.error().text()));
    return std::nullopt;
  }
  return std::ranges::any_of(*units, [](const UnitState& u) {
    return u.name == kAgentUnit &&
           (u.active_state == "active" || u.active_state == "activating" || u.active_state == "reloading");
  });
}

bool agent_installed(const Site& site) {
  for (const auto& unit : site.facts<Units>().services())
    if (unit.name == kAgentUnit && unit.enabled.value_or(true)) return true;
  return false;
}

}  // namespace

void unobserved(const Site& site, Findings& out) {
  skip_unread(site, out);
  const auto& files = site.facts<MeshFiles>().files();
  for (const auto& file : files) {
    const auto& mesh = file.mesh;
    if (!mesh.alerts.empty() || (mesh.gateways.empty() && mesh.nodes.size() < 2)) continue;
    out.add(site.at(file.path))
        .found("no [[alert]]")
        .wanted("one way at least to tell people")
        .message("what meshops cannot heal by itself, nobody hears of")
        .fix(
            "a table [[alert]] with name, kind (webhook, slack, discord, telegram, smtp, command) and its "
            "target")
        .about("alert");
  }
  if (site.repo()) return;
  auto gateways = site.facts<Units>().gateways();
  if (files.empty() && gateways.empty()) return;
  std::string found;
  if (site.live()) {
    auto runs = agent_runs(site, out);
    if (!runs || *runs) return;
    found = "no meshops agent runs here";
  } else {
    if (agent_installed(site)) return;
    found = fmt::format("no {} is installed", kAgentUnit);
  }
  out.add(!files.empty() ? site.at(files[0].path) : site.at(gateways[0]->path))
      .found("{}", found)
      .wanted("{}, enabled and running", kAgentUnit)
      .message("a gateway that hangs here is noticed by its users, and by nobody before them")
      .fix("systemctl enable --now {}", kAgentUnit)
      .about("agent");
}

// --- MSH-007 ---

namespace {

/// Without what is of one machine.
Mesh common(Mesh mesh) {
  mesh.source.clear();
  mesh.node.clear();
  mesh.socket.clear();
  mesh.state_dir.clear();
  mesh.log_level.clear();
  return mesh;
}

/// The tables in which two differ.
std::vector<std::string> differing(const Mesh& a, const Mesh& b) {
  std::vector<std::string> out;
  if (a.nodes != b.nodes) out.push_back("node");
  if (a.gateways != b.gateways) out.push_back("gateway");
  if (a.alerts != b.alerts) out.push_back("alert");
  if (a.limits != b.limits) out.push_back("limits");
  if (a.heal != b.heal) out.push_back("heal");
  if (a.audit != b.audit) out.push_back("audit");
  if (a.allows != b.allows) out.push_back("allow");
  if (a.backups != b.backups) out.push_back("backup");
  if (out.empty()) out.push_back("agent");
  return out;
}

}  // namespace

void differs(const Site& site, Findings& out) {
  skip_unread(site, out);
  const auto& files = site.facts<MeshFiles>().files();
  if (!site.repo()) {
    for (const auto& file : files)
      if (file.mesh.nodes.size() > 1)
        out.skip("mesh.toml of the other nodes",
                 "it can only be compared where all of them are at hand: in a folder");
    return;
  }
  std::map<std::string, const MeshFile*> first;
  for (const auto& file : files) {
    auto [it, fresh] = first.try_emplace(file.mesh.name, &file);
    if (fresh) continue;
    auto a = common(it->second->mesh), b = common(file.mesh);
    if (a == b) continue;
    auto tables = differing(a, b);
    // Where the table that differs begins in the second file.
    auto line = file.line_of(tables[0], 0);
    if (line == 0) {
      auto entry = std::ranges::find(file.tree, tables[0], &toml_tree::Entry::key);
      if (entry != file.tree.end()) line = entry->at.line;
    }
    out.add(site.at(file.path, line))
        .found("{} differs from {}", join(tables, ", "), site.shown(it->second->path))
        .wanted("the same mesh {} on every node", file.mesh.name)
        .message(
            "nodes that do not agree on the mesh heal by different rules, and may fight over one gateway")
        .fix("diff {} {}; then one of them for all: only [mesh] node and [agent] may differ",
             site.shown(it->second->path), site.shown(file.path))
        .about("{} {}", file.mesh.name, join(tables, " "));
  }
}

}  // namespace meshops::audit::mesh_rules_parts
