// The gateways that run on this machine now: who started each, for which state, on which port. Asked by the
// rules of the gateway that need a live machine. Signals nothing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audit/gateway_configs.h"
#include "audit/site.h"

namespace meshops::audit {

struct GatewayProcess {
  ProcessInfo info;
  std::string unit;                 // "openclaw-gateway.service"; empty: no unit keeps it
  bool in_container = false;        // its paths and ports are not ours
  std::filesystem::path state_dir;  // empty: could not be seen
  std::uint16_t port = 0;           // 0: could not be seen
  const GatewayConfig* config = nullptr;
  /// "openclaw-gateway.service", "a container", "bash (pid 812)".
  std::string starter;
};

class GatewayProcesses {
 public:
  static GatewayProcesses gather(const Site& site);
  const std::vector<GatewayProcess>& all() const { return all_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::vector<GatewayProcess> all_;
  std::vector<Skip> skips_;
};

/// When that process started; nothing if the time of the boot cannot be read.
std::optional<WallTime> start_of(const Site& site, const ProcessInfo& process);
/// The last name of a control group, if it is a service: "nginx.service".
std::string unit_of_cgroup(std::string_view cgroup);

}  // namespace meshops::audit
