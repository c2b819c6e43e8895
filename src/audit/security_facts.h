// What several rules of the domain security ask of a site: its mesh, the gateways' state directories, and
// whether it is a machine at all. Reads through Host only.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "audit/site.h"

namespace meshops::audit {

/// Whether the directory or machine boots: a container's image has no init, no sshd and no firewall of its
/// own.
bool is_machine(const Site& site);

/// Nothing if it is not there; what cannot be read is skipped.
std::optional<std::string> read_or_skip(const Site& site, const std::filesystem::path& path, Findings& out);

/// The mesh of the site; of a folder that brings its own mesh.toml that one.
Mesh mesh_of(const Site& site);

/// A node that must always get in.
struct Peer {
  std::string name;
  std::string address;  // never a name
};
struct Peers {
  std::vector<Peer> all;             // of a machine without itself
  std::vector<std::string> unknown;  // nodes whose name could not be resolved here
};
Peers peers_of(const Site& site);

/// "10.0.0.0/8" holds "10.1.2.3"; the same address always, however it is written.
bool holds_address(std::string_view network, std::string_view address);

/// A directory of a machine that holds a gateway's configuration, or all it keeps.
struct GatewayHome {
  std::filesystem::path directory;
  std::optional<Account> owner;  // whom it should belong to: who runs the gateway, else whose home it is in
  bool state = false;            // the state directory itself, not just where a configuration lies
};
struct GatewayHomes {
  std::vector<GatewayHome> all;  // sorted by directory
  static GatewayHomes gather(const Site& site);
};

}  // namespace meshops::audit
