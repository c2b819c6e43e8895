// What only a running machine can tell, beside its files, processes and sockets: the edge of the audit to
// daemons. One for this machine, one for a node over SSH, one in tests that says what a fixture wrote down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "host/services.h"

namespace meshops::audit {

/// Everything that is asked of a tool or a socket, nothing that changes a thing; beside each, what
/// stands behind it.
enum class Question {
  sshd_effective,     // "sshd -T"
  firewall_nft,       // "nft -j list ruleset"
  firewall_iptables,  // "iptables-save"
  bans,               // "fail2ban-client banned": {'sshd': ['203.0.113.7']}
  containers,         // JSON array of the engine's answers to inspect of each running container
  engine_usage,       // JSON of the engine's GET /system/df
  engine_info,        // JSON of the engine's GET /info
  packages,           // "dpkg-query -W"
  image_history,      // JSON array, for each image of a running container {"Image": its name, "History": the
                      // engine's answer to GET /images/ID/history}
  // JSON array, one object for each node of mesh.toml, itself included: {"node": "beta", "self": false,
  // "ssh": true (TCP to its SSH port), "tcp": true (to any port it should answer on), "icmp": false (or null:
  // could not be tried), "host_keys": ["ssh-ed25519 AAAA…"] (ssh-keyscan), "seen_by": ["gamma"] (nodes that
  // reach its address)}
  peers,
  // JSON: {"servers": [{"address": "192.0.2.53", "answers": true}], of resolv.conf and of the stub's
  // upstreams, "names": [{"name": "beta.example.org", "layers": [{"layer": "nsswitch", "addresses":
  // ["192.0.2.2"]}, …]}]}, for each name of mesh.toml; layers: "nsswitch", "stub 127.0.0.53", "server
  // 192.0.2.53", "authoritative"
  resolvers,
  clock,            // "timedatectl show": NTP=yes, NTPSynchronized=no, …
  reserved_blocks,  // of each file system on a disk a line "MOUNT_POINT BLOCKS RESERVED BLOCK_SIZE", by
                    // statvfs(3): blocks, f_bfree - f_bavail, f_frsize
};
std::string_view text(Question question);  // "sshd_effective", …

class Live {
 public:
  virtual ~Live() = default;
  /// Service units of the system manager (nothing), or of that user's: loaded ones and installed ones.
  virtual Result<std::vector<UnitState>> units(const std::optional<Account>& manager) const = 0;
  /// The answer as text. AuditCode::not_here: what would answer is not installed on this machine, and a rule
  /// about it has nothing to say; any other Error says why it could not be asked, which a rule reports as
  /// skipped.
  virtual Result<std::string> ask(Question question) const = 0;
};

}  // namespace meshops::audit
