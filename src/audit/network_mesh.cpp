#include "audit/network_mesh.h"

#include <algorithm>

#include "audit/mesh_files.h"
#include "formats/ssh_config.h"

namespace meshops::audit {

namespace {

DescribedMesh described(const Site& site, const MeshFile& file) {
  DescribedMesh out{.path = file.path,
                    .ours = site.live() && file.path == site.mesh().source,
                    .self = file.mesh.node,
                    .audit = file.mesh.audit};
  for (std::size_t i = 0; i < file.mesh.nodes.size(); ++i) {
    auto at = file.position_of("node", i, "address");
    if (at.line == 0) at = file.position_of("node", i, "name");
    if (at.line == 0) at = file.position_of("node", i);
    out.nodes.push_back({.node = file.mesh.nodes[i], .line = at.line, .column = at.column});
  }
  return out;
}

}  // namespace

DescribedMeshes DescribedMeshes::gather(const Site& site) {
  DescribedMeshes out;
  for (const auto& file : site.facts<MeshFiles>().files()) out.all.push_back(described(site, file));
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
