// What this node's Serf agent is given: its configuration, its unit, its keyring, and where all that lies.
// Called by `meshops mesh` and whoever speaks to Serf. Pure: text and values; writes and starts nothing.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/mesh.h"
#include "mesh/serf_client.h"

namespace meshops::serf {

constexpr std::string_view kUnit = "meshops-serf.service";
/// The account of the Debian package; the unit runs as it.
constexpr std::string_view kAccount = "_serf";

/// Serf runs without rights, so what it may write lies apart from the agent's state, which is root's alone.
struct Places {
  std::filesystem::path config;    // root 0600: Serf gets it as a credential of its unit
  std::filesystem::path home;      // root's, entered by Serf: it can replace nothing in it
  std::filesystem::path keyring;   // the mesh key; Serf's own 0600: it writes new keys into it
  std::filesystem::path memory;    // Serf's own directory
  std::filesystem::path snapshot;  // whom it knew, for the next start
  std::filesystem::path unit;
};
Places places(const Mesh& mesh);

/// The mesh's keys in Serf's own format: the first is the one it encrypts with, the others are only read
/// with.
struct Keyring {
  std::vector<Secret> keys;
};
/// Refuses anything but one to sixteen keys of 32 bytes.
Result<Keyring> parse_keyring(std::string_view text);
Secret keyring_text(const Keyring& keyring);
std::string base64(std::string_view bytes);
/// 32 random bytes → a key.
Secret key_from(std::string_view bytes);

/// Of what nodes must agree on to be one mesh (its name, its nodes and how they gossip): 12 hexadecimal
/// digits. No secret has a part in it, because everybody in the mesh reads it.
std::string plan_hash(const Mesh& mesh);
/// What this node says of itself in the gossip.
std::map<std::string, std::string> own_tags(const Mesh& mesh, std::string_view version);

/// "10.0.0.2:7946", "[fd00::2]:7946": where a node's Serf listens.
std::string gossip_address(const Mesh& mesh, const NodeSpec& node);

/// Whether a mesh can be made of this plan: at least two nodes, and this one with an address that the others
/// can reach.
Status can_gossip(const Mesh& mesh);
/// Serf's JSON. Carries the key of the RPC: for a file that only root reads.
Result<Secret> agent_config(const Mesh& mesh, const Secret& rpc_key, std::string_view version);
/// The systemd unit that keeps Serf's agent running.
std::string unit_text(const Places& at, const std::filesystem::path& serf);

/// How to speak to the agent that a configuration is of.
Result<RpcTarget> rpc_target(std::string_view config);

}  // namespace meshops::serf
