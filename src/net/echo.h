// ICMP echo ("ping"), by the kernel itself: an answer, how long it took, and how large a packet gets through
// unbroken. Called by the audit and by the walk to a peer. Waits; sends a handful of packets and no more.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace meshops {

struct EchoAnswer {
  struct Size {
    unsigned bytes = 0;            // of the whole IP packet, which may not be cut on its way
    std::optional<Duration> took;  // nothing came back
  };
  std::vector<Size> sizes;  // in the order asked
  unsigned told_mtu = 0;    // a router said that a packet was too large, and how much it takes
  std::string refusal;      // what a router said instead: "no route to the host, says 10.0.0.1"
};

/// `address` is a literal one. Each size is asked twice, if need be, within `limit`. Works for every user
/// where net.ipv4.ping_group_range lets him; NetCode::not_permitted where it does not.
Result<EchoAnswer> echo(const std::string& address, std::span<const unsigned> sizes, Duration limit);

}  // namespace meshops
