#include "audit/network_mesh.h"

#include <algorithm>

#include "config/toml_tree.h"
#include "formats/ssh_config.h"

namespace meshops::audit {

namespace {

using toml_tree::Table;
using toml_tree::Value;

const toml_tree::Entry* entry(const Table& table, std::string_view key) {
  auto found = std::ranges::find(table, key, &toml_tree::Entry::key);
  return found == table.end() ? nullptr : &*found;
}
std::string string_of(const Table& table, std::string_view key) {
  const auto* e = entry(table, key);
  const auto* text = e != nullptr ? std::get_if<std::string>(&e->value.is) : nullptr;
  return text != nullptr ? *text : std::string();
}
std::vector<std::string> strings_of(const Table& table, std::string_view key) {
  std::vector<std::string> out;
  const auto* e = entry(table, key);
  const auto* list = e != nullptr ? std::get_if<toml_tree::Array>(&e->value.is) : nullptr;
  if (list != nullptr)
    for (const auto& value : *list)
      if (const auto* text = std::get_if<std::string>(&value.is)) out.push_back(*text);
  return out;
}
std::uint16_t port_of(const Table& table, std::string_view key, std::uint16_t otherwise) {
  const auto* e = entry(table, key);
  const auto* number = e != nullptr ? std::get_if<std::int64_t>(&e->value.is) : nullptr;
  return number != nullptr && *number > 0 && *number < 65536 ? static_cast<std::uint16_t>(*number)
                                                             : otherwise;
}

/// "10.0.0.1:7946", "[fd00::1]:7946", "node.example.org" without the port.
std::string host_part(const std::string& text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  auto colon = text.find(':');
  return colon != std::string::npos && text.find(':', colon + 1) == std::string::npos ? text.substr(0, colon)
                                                                                      : text;
}

std::vector<MeshNodePlace> nodes_of(const Table& root) {
  std::vector<MeshNodePlace> out;
  const auto* e = entry(root, "node");
  const auto* list = e != nullptr ? std::get_if<toml_tree::Array>(&e->value.is) : nullptr;
  if (list == nullptr) return out;
  for (const auto& value : *list) {
    const auto* table = std::get_if<Table>(&value.is);
    if (table == nullptr) continue;
    MeshNodePlace place;
    place.node.name = string_of(*table, "name");
    place.node.address = host_part(string_of(*table, "address"));
    place.node.ssh_port = port_of(*table, "ssh_port", place.node.ssh_port);
    if (auto user = string_of(*table, "user"); !user.empty()) place.node.user = user;
    const auto* named = entry(*table, "address");
    if (named == nullptr) named = entry(*table, "name");
    place.line = named != nullptr ? named->value.at.line : value.at.line;
    place.column = named != nullptr ? named->value.at.column : value.at.column;
    out.push_back(std::move(place));
  }
  return out;
}

DescribedMesh given(const Site& site) {
  const auto& mesh = site.mesh();
  DescribedMesh out{.path = mesh.source, .ours = site.live(), .self = mesh.node, .audit = mesh.audit};
  std::vector<MeshNodePlace> places;
  if (auto text = site.host().read(mesh.source))
    if (auto tree = toml_tree::read(*text)) {
      places = nodes_of(*tree);
      out.readable = true;
    }
  for (const auto& node : mesh.nodes) {
    MeshNodePlace place{.node = node};
    auto found = std::ranges::find_if(places, [&](const auto& p) { return p.node.name == node.name; });
    if (found != places.end()) {
      place.line = found->line;
      place.column = found->column;
    }
    out.nodes.push_back(std::move(place));
  }
  return out;
}

}  // namespace

DescribedMeshes DescribedMeshes::gather(const Site& site) {
  DescribedMeshes out;
  if (!site.mesh().source.empty()) out.all.push_back(given(site));
  for (const auto* file : site.files().of(FileKind::mesh_toml)) {
    if (!site.mesh().source.empty() && (!site.repo() || file->path == site.mesh().source)) continue;
    auto text = site.host().read(file->path);
    if (!text) continue;
    auto tree = toml_tree::read(*text);
    if (!tree) continue;
    DescribedMesh mesh{.path = file->path, .readable = true};
    if (const auto* e = entry(*tree, "mesh"))
      if (const auto* table = std::get_if<Table>(&e->value.is)) mesh.self = string_of(*table, "node");
    if (const auto* e = entry(*tree, "audit"))
      if (const auto* table = std::get_if<Table>(&e->value.is)) {
        mesh.audit.ports = strings_of(*table, "ports");
        mesh.audit.trusted_hosts = strings_of(*table, "trusted_hosts");
        if (const auto* overlay = entry(*table, "overlay"))
          if (const auto* yes = std::get_if<bool>(&overlay->value.is)) mesh.audit.overlay = *yes;
      }
    mesh.nodes = nodes_of(*tree);
    // The same mesh on the path the owner gave, and in the folder: once.
    bool twice = std::ranges::any_of(out.all, [&](const auto& m) {
      return !m.readable && std::ranges::equal(
                                m.nodes, mesh.nodes, {}, [](const auto& n) { return n.node.name; },
                                [](const auto& n) { return n.node.name; });
    });
    if (twice) out.all.clear();
    out.all.push_back(std::move(mesh));
  }
  return out;
}

bool DescribedMeshes::trusts(const Site& site, std::string_view host) const {
  auto by = [&](const std::vector<std::string>& list) {
    return std::ranges::any_of(
        list, [&](const auto& pattern) { return pattern == host || ssh::match_pattern(host, pattern); });
  };
  return by(site.mesh().audit.trusted_hosts) ||
         std::ranges::any_of(all, [&](const auto& mesh) { return by(mesh.audit.trusted_hosts); });
}

bool DescribedMeshes::is_node(std::string_view host) const {
  return std::ranges::any_of(all, [&](const auto& mesh) {
    return std::ranges::any_of(mesh.nodes,
                               [&](const auto& n) { return n.node.name == host || n.node.address == host; });
  });
}

}  // namespace meshops::audit
