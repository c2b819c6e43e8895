// The parts that the domain ssh is put together from, one for each file of rules. Called by ssh_rules() only.
#pragma once

#include <span>

#include "audit/rule.h"

namespace meshops::audit {

std::span<const Rule> ssh_key_rules();     // what lies in ~/.ssh and /etc/ssh
std::span<const Rule> ssh_client_rules();  // ssh_config
std::span<const Rule> ssh_daemon_rules();  // sshd_config
std::span<const Rule> ssh_tunnel_rules();  // forwardings, wherever they are asked for
std::span<const Rule> ssh_mesh_rules();    // what is between two nodes

}  // namespace meshops::audit
