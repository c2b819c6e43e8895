// From words of the command line to walks and back: what a person means by "beta" or "beta:18789", and
// walking it here or, over the operator's ssh, by another node's own meshops. Called by `meshops path` and
// `meshops mesh matrix`.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/meant.h"
#include "mesh/path_report.h"

namespace meshops::cli {

/// The described mesh; a broken mesh.toml that nobody named is told on stderr and passed over, because a way
/// can be walked without one.
Result<Described> described_or_none(const Globals& globals);

/// A node, a host, either with a port, or a URL.
Result<path::Target> target_of(const Described& described, const std::string& word);
path::Target ssh_of(const NodeSpec& node);
/// Every gateway of a node by its name, as a port and no more.
std::vector<std::pair<std::string, path::Target>> gateways_of(const Described& described,
                                                              const NodeSpec& node);

/// Who walks: this machine, a node, or a host that ssh knows.
Result<Meant> walker(const Described& described, const std::string& name);
/// This machine: a node of the mesh, or none.
Meant walker_here(const Described& described);

/// All of it, side by side. An Error: `from` could not be asked.
Result<std::vector<path::Report>> walks_from(const Described& described, const Meant& from,
                                             std::span<const path::Target> targets);

}  // namespace meshops::cli
