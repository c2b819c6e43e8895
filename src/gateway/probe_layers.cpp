#include "gateway/probe_layers.h"

#include <algorithm>

#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;

Health unprobed() {
  Health health;
  health.at = SystemClock{}.wall();
  for (auto& layer : health.layers) layer.since = health.at;
  return health;
}

LayerHealth failing_because(const Health& health, std::string reason) {
  return {LayerState::failing, health.at, std::nullopt, std::move(reason)};
}

LayerHealth passing(const Health& health, std::optional<Duration> latency) {
  return {LayerState::ok, health.at, latency, ""};
}

bool probe_process(Health& health, const ProcessView& view, const Host& host) {
  auto& layer = health[Layer::process];
  if (!view.running) {
    layer = failing_because(health, view.stopped_reason.empty() ? "not running" : view.stopped_reason);
    return false;
  }
  if (view.pid == 0) {  // in a container out of sight: whoever runs it says that it runs
    layer = passing(health, std::nullopt);
    return true;
  }
  const auto begun = std::chrono::steady_clock::now();
  auto info = host.process(view.pid);
  const Duration took = std::chrono::steady_clock::now() - begun;
  if (!info && info.error().is(code_name(ProcessCode::gone))) {
    layer = failing_because(health, fmt::format("its process {} has ended", view.pid));
    return false;
  }
  if (!info) {  // we may not look: the runtime's word stands
    layer = passing(health, took);
    return true;
  }
  if (view.start_ticks != 0 && info->start_ticks != view.start_ticks) {
    layer = failing_because(health,
                            fmt::format("its process {} has ended; the number is another's now", view.pid));
    return false;
  }
  switch (info->state) {
    case 'Z':
    case 'X':
      layer = failing_because(health, "ended, but not yet reaped by its parent: state Z");
      return false;
    case 'T':
      layer = failing_because(health, "stopped (SIGSTOP): state T");
      return false;
    case 't':
      layer = failing_because(health, "stopped by a debugger: state t");
      return false;
    default:
      break;
  }
  layer = passing(health, took);
  layer.latency = took;
  return true;
}

namespace {

bool reachable_at_v4_loopback(const std::string& address) {
  return address == "127.0.0.1" || address == "0.0.0.0" || address == "::" || address == "::ffff:127.0.0.1" ||
         address == "::ffff:0.0.0.0";
}

bool below(pid_t pid, pid_t ancestor, const Host& host) {
  for (int steps = 0; steps < 32 && pid > 1; ++steps) {
    if (pid == ancestor) return true;
    auto info = host.process(pid);
    if (!info) return false;
    pid = info->parent;
  }
  return false;
}

/// A service's cgroup holds that service only; a child of ours shares ours, where a stranger may live too.
bool same_service(pid_t pid, const ProcessView& view, const GatewaySpec& spec, const Host& host) {
  if (spec.runtime == RuntimeKind::process || !view.info || view.info->cgroup.size() < 2) return false;
  auto info = host.process(pid);
  return info && (info->cgroup == view.info->cgroup || info->cgroup.starts_with(view.info->cgroup + "/"));
}

std::string holder_text(pid_t pid, const Host& host) {
  auto info = host.process(pid);
  if (!info || info->comm.empty()) return fmt::format("pid {}", pid);
  return fmt::format("pid {} ({})", pid, printable(info->comm));
}

bool on_this_machine(const std::string& host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

}  // namespace

asio::awaitable<bool> probe_port(Health& health, Endpoint& to, const GatewaySpec& spec,
                                 const ProcessView& view, const Host& host, Net& net, Duration timeout) {
  auto& layer = (health)[Layer::port];
  // In a container the listener stands in another network namespace: /proc of this one does not show it.
  const bool look = on_this_machine(to.host) && spec.runtime != RuntimeKind::docker && view.pid != 0;
  if (look) {
    const auto begun = std::chrono::steady_clock::now();
    auto listeners = host.listeners_on(to.port);
    const Duration took = std::chrono::steady_clock::now() - begun;
    if (listeners) {
      std::erase_if(*listeners, [](const ListenerInfo& l) { return !l.protocol.starts_with("tcp"); });
      if (listeners->empty()) {
        layer = failing_because(health, fmt::format("nothing listens on port {}", to.port));
        co_return false;
      }
      // One that a connection to 127.0.0.1 reaches comes first: that is where clients go.
      auto at = std::find_if(listeners->begin(), listeners->end(),
                             [](const ListenerInfo& l) { return reachable_at_v4_loopback(l.address); });
      const auto& first = at == listeners->end() ? listeners->front() : *at;
      if (to.host == "127.0.0.1" && !reachable_at_v4_loopback(first.address)) to.host = first.address;
      if (!first.pids.empty()) {
        for (auto pid : first.pids) {
          if (below(pid, view.pid, host) || same_service(pid, view, spec, host)) {
            layer = passing(health, took);
            co_return true;
          }
        }
        layer = failing_because(
            health, fmt::format("port {} is held by {}", to.port, holder_text(first.pids.front(), host)));
        co_return false;
      }
      if (view.info && first.uid != view.info->uid) {
        layer = failing_because(
            health, fmt::format("port {} is held by a process of user {}, not by the gateway's ({})", to.port,
                                first.uid, view.info->uid));
        co_return false;
      }
    }
  }
  // Who holds it cannot be seen from here: at least somebody must.
  auto touched = co_await net.connect(to, timeout);
  if (!touched) {
    layer = failing_because(health, touched.error().sentence());
    co_return false;
  }
  layer = passing(health, *touched);
  co_return true;
}

}  // namespace meshops
