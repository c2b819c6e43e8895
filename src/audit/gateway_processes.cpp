#include "audit/gateway_processes.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/gateway.h"

namespace meshops::audit {

namespace {

const std::vector<std::string> kVariables = {"HOME",          "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH",
                                             "OPENCLAW_HOME", "OPENCLAW_PROFILE",   "OPENCLAW_GATEWAY_PORT"};

bool in_container(std::string_view cgroup) {
  return cgroup.find("docker") != cgroup.npos || cgroup.find("libpod") != cgroup.npos ||
         cgroup.find("containerd") != cgroup.npos || cgroup.find("kubepods") != cgroup.npos ||
         cgroup.find("lxc") != cgroup.npos || cgroup.find(".payload") != cgroup.npos;
}

/// In a PID namespace below ours: a machine container, whose files are not ours.
bool in_other_namespace(const Host& host, pid_t pid) {
  auto depth = [&host](const std::string& of) -> std::ptrdiff_t {
    auto status = host.read(fmt::format("/proc/{}/status", of), 16U << 10);
    if (!status) return 0;
    for (auto line : split(*status, '\n'))
      if (line.starts_with("NSpid:")) return std::ranges::count(line, '\t');
    return 0;
  };
  return depth(std::to_string(pid)) > std::max<std::ptrdiff_t>(1, depth("self"));
}

}  // namespace

std::string unit_of_cgroup(std::string_view cgroup) {
  // Services may have groups below their own.
  std::string found;
  for (auto part : split(cgroup, '/'))
    if (part.ends_with(".service") && !part.starts_with("user@")) found = std::string(part);
  return found;
}

std::optional<WallTime> start_of(const Site& site, const ProcessInfo& process) {
  auto text = site.host().read("/proc/stat", 4U << 20);
  if (!text) return std::nullopt;
  for (auto line : split(*text, '\n'))
    if (line.starts_with("btime "))
      if (auto seconds = to_number<std::int64_t>(trim(line.substr(6))))
        return WallTime(std::chrono::seconds(*seconds)) +
               std::chrono::duration_cast<std::chrono::milliseconds>(process.started);
  return std::nullopt;
}

GatewayProcesses GatewayProcesses::gather(const Site& site) {
  GatewayProcesses out;
  if (!site.live()) return out;
  auto processes = site.host().processes();
  if (!processes) {
    out.skips_.push_back({"", "processes", processes.error().text()});
    return out;
  }
  auto by_pid = [&](pid_t pid) -> const ProcessInfo* {
    auto found = std::ranges::find(*processes, pid, &ProcessInfo::pid);
    return found == processes->end() ? nullptr : &*found;
  };
  auto accounts = site.host().accounts();
  auto listeners = site.host().listeners();
  const auto& configs = site.facts<GatewayConfigs>().all();
  for (const auto& process : *processes) {
    if (!is_gateway_process(process) || process.state == 'Z') continue;
    const auto* parent = by_pid(process.parent);
    // A launcher that waits for its child, or a worker of it: one gateway.
    if (parent != nullptr && is_gateway_process(*parent)) continue;
    GatewayProcess found{.info = process, .unit = unit_of_cgroup(process.cgroup)};
    found.in_container = in_container(process.cgroup) || in_other_namespace(site.host(), process.pid);
    found.starter = found.in_container    ? "a container"
                    : !found.unit.empty() ? found.unit
                    : parent != nullptr   ? fmt::format("{} (pid {})", printable(parent->comm), parent->pid)
                                          : "nobody that is still there";
    if (listeners)
      for (const auto& l : *listeners)
        if (l.protocol.starts_with("tcp") && std::ranges::find(l.pids, process.pid) != l.pids.end() &&
            (found.port == 0 || l.port < found.port))
          found.port = l.port;
    if (!found.in_container) {
      for (const auto& config : configs)
        if (!found.unit.empty() && config.spec.unit == found.unit) found.config = &config;
      auto environment = site.host().process_environment(process.pid, kVariables);
      GatewaySpec spec;
      spec.runtime = RuntimeKind::systemd_system;
      spec.command = process.argv;
      if (accounts)
        for (const auto& account : *accounts)
          if (account.uid == process.uid) spec.user = account.name;
      if (environment) spec.environment = *environment;
      if (found.config != nullptr) {
        found.state_dir = found.config->state_dir;
      } else if (environment) {
        auto where = openclaw::places(spec, site.host());
        found.state_dir = where.state_dir.lexically_normal();
        for (const auto& config : configs)
          if (config.path == where.config.lexically_normal()) found.config = &config;
      } else {
        out.skips_.push_back({"", fmt::format("process {}", process.pid), environment.error().text()});
      }
      if (found.port == 0) {
        const auto& known =
            found.config != nullptr && !found.config->spec.command.empty() ? found.config->spec : spec;
        auto where = openclaw::places(known, site.host());
        openclaw::Config config;
        if (found.config != nullptr) config.root = found.config->root();
        if (environment) found.port = openclaw::port_of(known, where, config);
      }
    }
    out.all_.push_back(std::move(found));
  }
  return out;
}

}  // namespace meshops::audit
