// Listening sockets, asked of the kernel over netlink (sock_diag(7)): no text of /proc/net is parsed.
// Called by LocalHost; never opens a connection.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/fd.h"
#include "host/host.h"

namespace meshops {

/// Remembers who held the sockets it was asked about, because finding that out means reading every process.
/// Not for two threads at once.
class Sockets {
 public:
  /// TCP in LISTEN and bound, unconnected UDP; IPv4 and IPv6. Owners always looked up afresh.
  Result<std::vector<ListenerInfo>> all();
  /// TCP listeners of one port; the kernel does the filtering.
  Result<std::vector<ListenerInfo>> on_port(std::uint16_t port, Owners owners);

 private:
  /// One descriptor of one process that refers to a socket: one readlink proves that it still does.
  struct Holder {
    pid_t pid = 0;
    int fd = -1;
  };
  struct Known {
    std::vector<Holder> holders;
    Instant looked{};
  };
  void find_owners(std::vector<ListenerInfo>& listeners, Instant now);
  void fill_from_memory(std::vector<ListenerInfo>& listeners);

  std::map<std::uint64_t, Known> known_;  // by inode; at most kMostKnown
};

}  // namespace meshops
