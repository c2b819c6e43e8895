#include "agent/echo.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "mesh/heartbeat_unit.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// Longer than a change of keys takes, and shorter than a peer takes to call a node mute for good.
constexpr Duration kSilent = 20s, kBetweenHelps = 2min;

Mesh over_loopback(const Mesh& mesh) {
  Mesh own;
  own.name = mesh.name;
  own.node = mesh.node;
  own.heartbeat_port = mesh.heartbeat_port;
  own.nodes = {{.name = mesh.node, .address = "127.0.0.1"}};
  return own;
}

}  // namespace

bool is_dumb(Instant now, std::optional<Instant> called, std::optional<Instant> heard,
             std::optional<Instant> helped) {
  if (!called || (helped && now - *helped < kBetweenHelps)) return false;
  return now - std::max({*called, heard.value_or(*called), helped.value_or(*called)}) >= kSilent;
}

Echo::Echo(const Mesh& mesh, Machine& machine)
    : machine_(machine),
      node_(mesh.node),
      pulse_(machine.executor(), over_loopback(mesh), machine.clock(),
             [this](std::string_view, Instant asked, const mesh::Word&) { heard_ = asked; }) {}

void Echo::call() {
  auto now = machine_.clock().now();
  if (!called_) called_ = now;
  pulse_.beat({node_});
  if (!is_dumb(now, called_, heard_, helped_)) return;
  helped_ = now;
  log::warn("mesh.heartbeat", "this node does not answer heartbeats itself: who should is started again");
  start_again();
}

void Echo::start_again() {
  asio::co_spawn(
      machine_.executor(),
      [](Machine& machine) -> asio::awaitable<void> {
        auto services = machine.services(std::nullopt);
        if (!services) co_return;
        auto back = co_await heartbeat::restart(**services);
        if (!back) log::warn("mesh.heartbeat", back.error().text());
      }(machine_),
      asio::detached);
}

}  // namespace meshops
