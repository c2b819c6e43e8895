// What sshd runs for healers: a small POSIX sh script that hands over to `meshops remote` where that works,
// and heals with a few fixed deeds where it does not (docs/decisions/024). Here are its text, the same on
// every node, and the two files beside it that say what this node is. Written by `meshops mesh keys install`.
// Pure.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/mesh.h"
#include "mesh/healing_keys.h"

namespace meshops::mesh {

/// Root's own, and on the disk that a node boots from.
inline const std::filesystem::path kFallbackDirectory = "/usr/local/lib/meshops";

/// src/mesh/fallback.sh
std::string_view fallback_script();

/// One that systemd keeps: others cannot be started without meshops.
struct FallbackGateway {
  std::string name;
  std::string unit;
  std::string user;              // whose manager keeps it; empty: the system's
  std::string owner;             // of its configuration
  std::filesystem::path config;  // empty: none that could be put back
};
/// remote.conf. An Error if a path has characters that a shell would take amiss; a gateway that has such is
/// left out.
Result<std::string> fallback_conf(const Mesh& mesh, const std::filesystem::path& program,
                                  const std::filesystem::path& config,
                                  const std::vector<FallbackGateway>& gateways);
/// remote.signers, for ssh-keygen -Y verify: each healer's key for requests, and for nothing else it signs.
std::string allowed_signers(const std::vector<Healer>& healers);

}  // namespace meshops::mesh
