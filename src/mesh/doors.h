// What keeps the nodes of a mesh within reach of each other on one of them: fail2ban must not ban a peer, and
// ufw must let peers in at the ports of the mesh. Which orders are missing for that; pure. Called by the
// agent's Doorkeeper, which gives them. What the owner has denied in words stays denied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/mesh.h"

namespace meshops::mesh {

struct Door {
  std::string_view protocol;  // "tcp", "udp"
  std::uint16_t port = 0;
  bool operator==(const Door&) const = default;
};
/// Of this node: gossip, heartbeat, SSH.
std::vector<Door> doors(const Mesh& mesh);

/// Of the other nodes, sorted: those that mesh.toml has as numbers. Who is let in is the owner's word:
/// neither what a member says of itself in the gossip, nor what a name server says, opens a door.
std::vector<std::string> known_addresses(const Mesh& mesh);

/// The jails in what `fail2ban-client status` prints.
std::vector<std::string> jails_in(std::string_view status);
/// The last line of fail2ban's log that tells of a jail which begins, or reads its configuration again: it
/// knows nobody any more whom it was told to ignore. Empty if there is none.
std::string_view new_jail_in(std::string_view log);
/// Those of `peers` that `fail2ban-client get JAIL ignoreip` does not name; networks count.
std::vector<std::string> not_ignored(std::string_view ignoreip, const std::vector<std::string>& peers);

struct UfwOrders {
  std::vector<std::vector<std::string>> allow;  // argv each
  std::vector<std::string> denied;              // "udp 7947 from 10.0.0.2": by a rule of the owner
};
/// `rules`, `rules6`: /etc/ufw/user.rules and user6.rules.
UfwOrders ufw_orders(std::string_view rules, std::string_view rules6, const std::vector<std::string>& peers,
                     const std::vector<Door>& doors);
/// ENABLED=yes in /etc/ufw/ufw.conf.
bool ufw_is_on(std::string_view conf);

}  // namespace meshops::mesh
