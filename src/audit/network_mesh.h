// The meshes that a site describes: the one the audit was given, or every mesh.toml of a folder, with the
// places of their nodes' lines. Rules of network and ssh ask for them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audit/site.h"

namespace meshops::audit {

struct MeshNodePlace {
  NodeSpec node;
  std::size_t line = 0, column = 0;  // of its address, else of its name; 0: not known
};

struct DescribedMesh {
  std::filesystem::path path;
  bool ours = false;  // the one the audit was given: `self` is this machine
  std::string self;
  AuditSpec audit;
  std::vector<MeshNodePlace> nodes;

  Where at(const Site& site, const MeshNodePlace& node) const {
    return site.at(path, node.line, node.column);
  }
};

struct DescribedMeshes {
  std::vector<DescribedMesh> all;  // empty: nobody described one
  static DescribedMeshes gather(const Site& site);
  /// Whether a name is one that the owner lets an SSH agent go to.
  bool trusts(const Site& site, std::string_view host) const;
  /// Of any mesh, by name or address.
  bool is_node(std::string_view host) const;
};

}  // namespace meshops::audit
