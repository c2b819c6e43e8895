// Standing checks of a gateway that runs: what will bring it down if nobody acts. Made by its Keeper once a
// minute; cheap, reads only. What is found names its cause; the Healer does the rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/healer.h"
#include "gateway/gateway.h"

namespace meshops {

class Rounds {
 public:
  static constexpr auto kEvery = std::chrono::minutes(1);
  /// `peers`: addresses of the mesh's other nodes.
  explicit Rounds(std::vector<std::string> peers) : peers_(std::move(peers)) {}
  /// What there is, the worst first. What a cleaning could not bring down is not told again for hours, unless
  /// it is grave.
  std::vector<Notice> look(const GatewaySpec& spec, const Identity& identity, const ProcessView& view,
                           const Host& host, Instant now);

 private:
  std::optional<Notice> disk(const Identity& identity, const Host& host, Instant now);
  std::optional<Notice> memory(const ProcessView& view, const Host& host, Instant now);
  std::optional<Notice> linger(const GatewaySpec& spec, const Host& host, Instant now);
  std::optional<Notice> bans(const Host& host) const;

  std::vector<std::string> peers_;
  std::optional<Instant> cleaned_, restarted_, linger_told_;
};

}  // namespace meshops
