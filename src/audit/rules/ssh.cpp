// ssh: keys, the client's and the daemon's configuration, tunnels, and the ways between nodes.
#include <algorithm>

#include "audit/ssh_rules.h"

namespace meshops::audit {

std::span<const Rule> ssh_rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> out;
    for (auto part :
         {ssh_key_rules(), ssh_client_rules(), ssh_daemon_rules(), ssh_tunnel_rules(), ssh_mesh_rules()})
      out.insert(out.end(), part.begin(), part.end());
    std::ranges::sort(out, {}, &Rule::id);
    return out;
  }();
  return all;
}

}  // namespace meshops::audit
