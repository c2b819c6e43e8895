#include "cli/meant.h"

#include <algorithm>

namespace meshops::cli {

const NodeSpec* Described::node(const std::string& name) const {
  auto found = std::ranges::find(mesh.nodes, name, &NodeSpec::name);
  return found == mesh.nodes.end() ? nullptr : &*found;
}

Result<Described> described(const Globals& globals) {
  auto mesh = globals.mesh();
  if (mesh) {
    auto here = mesh->node;
    return Described{std::move(*mesh), std::move(here)};
  }
  std::optional<std::filesystem::path> flag;
  if (!globals.config.empty()) flag = globals.config;
  auto around = Surroundings::of_this_process();
  around.elsewhere = true;
  auto others = load_mesh(flag, around);
  if (!others) return fail(mesh.error());
  return Described{std::move(*others), {}};
}

Meant meant_by(const Described& described, const NodeSpec& node) {
  return {.name = node.name,
          .target = {.host = node.address, .user = node.user, .port = node.ssh_port},
          .here = node.name == described.here};
}

}  // namespace meshops::cli
