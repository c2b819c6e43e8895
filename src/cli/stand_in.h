// An agent for as long as one request lasts, where no agent lives: the same Keeper, ladder and ledger, in a
// thread, on the agent's own socket, so that two never act at once. Used by `meshops remote` only; keeps no
// gateway but the one that it is asked for.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "agent/agent.h"
#include "base/result.h"
#include "config/mesh.h"

namespace meshops::cli {

class StandIn {
 public:
  StandIn(Mesh mesh, const std::string& gateway);
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;
  /// Leaves the gateway as it is; what it had open the next agent takes over.
  ~StandIn();

  /// Why it ended, if it did by itself (the socket is another one's, say).
  std::optional<Error> ended() const;

 private:
  std::unique_ptr<Agent> agent_;
  std::atomic<bool> stop_ = false, over_ = false;
  Status ran_;
  std::thread thread_;
};

}  // namespace meshops::cli
