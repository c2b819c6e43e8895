#include "cli/stand_in.h"

#include <algorithm>

namespace meshops::cli {

namespace {

Mesh narrowed(Mesh mesh, const std::string& gateway) {
  std::erase_if(mesh.gateways,
                [&](const GatewaySpec& g) { return g.node != mesh.node || g.name != gateway; });
  // One that is not listed has to be found.
  if (!mesh.gateways.empty()) mesh.discover = Discover::off;
  mesh.audit.secret_watch = false;
  return mesh;
}

}  // namespace

StandIn::StandIn(Mesh mesh, const std::string& gateway)
    : agent_(std::make_unique<Agent>(narrowed(std::move(mesh), gateway), Agent::Mode::daemon)) {
  agent_->every(std::chrono::milliseconds(100), [this] {
    if (stop_) agent_->request_stop();
  });
  thread_ = std::thread([this] {
    ran_ = agent_->run();
    over_ = true;
  });
}

StandIn::~StandIn() {
  stop_ = true;
  thread_.join();
}

std::optional<Error> StandIn::ended() const {
  if (!over_) return std::nullopt;
  return ran_ ? error(GatewayCode::not_running, "the agent of this request has ended") : ran_.error();
}

}  // namespace meshops::cli
