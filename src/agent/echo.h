// Hears whether this node answers heartbeats itself: asks over loopback as a peer would, and has who answers
// started again after a silence. Owned by Siblings. It finds what nothing else on this node does: an answerer
// that hangs, or that has the keys of before because whoever changed them died half-way.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "gateway/gateway.h"
#include "mesh/pulse.h"

namespace meshops {

class Echo {
 public:
  /// All must outlive it.
  Echo(const Mesh& mesh, Machine& machine);

  void use_keys(heartbeat::Keys keys) { pulse_.use_keys(std::move(keys)); }
  /// Once a second.
  void call();
  /// Who answers is started again, unless a person stopped it.
  void start_again();

 private:
  Machine& machine_;
  std::string node_;
  heartbeat::Pulse pulse_;
  std::optional<Instant> called_, heard_, helped_;
};

/// Silent for long enough, and not helped lately. `called`: since when it is asked.
bool is_dumb(Instant now, std::optional<Instant> called, std::optional<Instant> heard,
             std::optional<Instant> helped);

}  // namespace meshops
