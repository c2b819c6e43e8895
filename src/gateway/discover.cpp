// Finds gateways by what cannot lie for long: running processes first, then installed units, then containers.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "gateway/gateway.h"
#include "gateway/gateway_command.h"
#include "gateway/runtimes.h"

namespace meshops {

namespace asio = boost::asio;

namespace {

/// OpenClaw under its present and its former names.
bool names_openclaw(std::string_view text) {
  auto folded = lower(text);
  return folded.find("openclaw") != std::string::npos || folded.find("clawdbot") != std::string::npos ||
         folded.find("moltbot") != std::string::npos;
}

/// The images of OpenClaw start "node openclaw.mjs gateway"; those of its sandboxes have its name, too, but
/// no gateway in them.
bool is_gateway_container(const ContainerInfo& c) {
  return std::ranges::find(c.command, "gateway") != c.command.end() &&
         (names_openclaw(c.image) || std::ranges::any_of(c.command, names_openclaw));
}

/// In how many nested PID namespaces a process lives, by the numbers that it has there; 0: cannot be seen.
/// Unlike the links in /proc/PID/ns, everybody may read this.
std::size_t pid_namespaces(const Host& host, std::string_view pid) {
  auto status = host.read(fmt::format("/proc/{}/status", pid), 16U << 10);
  if (!status) return 0;
  constexpr std::string_view kName = "\nNSpid:";
  auto at = status->find(kName);
  if (at == std::string::npos) return 0;
  std::string_view line(*status);
  line = line.substr(at + kName.size());
  line = line.substr(0, line.find('\n'));
  return static_cast<std::size_t>(std::ranges::count(line, '\t'));
}

bool in_another_pid_namespace(const Host& host, pid_t pid) {
  return pid_namespaces(host, std::to_string(pid)) > pid_namespaces(host, "self");
}

struct Home {
  RuntimeKind runtime = RuntimeKind::process;
  std::string unit;
  std::string container;
};

/// Who keeps a process, by its control group.
Home home_of(std::string_view cgroup) {
  auto last = cgroup.substr(cgroup.rfind('/') == std::string_view::npos ? 0 : cgroup.rfind('/') + 1);
  if (last.starts_with("docker-") && last.ends_with(".scope"))
    return {RuntimeKind::docker, {}, std::string(last.substr(7, last.size() - 13))};
  if (cgroup.find("/docker/") != std::string_view::npos) return {RuntimeKind::docker, {}, std::string(last)};
  if (!last.ends_with(".service")) return {};
  bool user = cgroup.find("/user@") != std::string_view::npos;
  return {user ? RuntimeKind::systemd_user : RuntimeKind::systemd_system, std::string(last), {}};
}

std::string short_name(std::string_view unit) {
  if (auto dot = unit.rfind(".service"); dot != std::string_view::npos) unit = unit.substr(0, dot);
  return std::string(unit);
}

std::vector<Account> users_with_a_manager(const Host& host) {
  std::vector<Account> users;
  auto entries = host.list("/run/user");
  if (!entries) return users;
  for (const auto& entry : *entries)
    if (to_number<uid_t>(entry))
      if (auto user = account(entry)) users.push_back(std::move(*user));
  return users;
}

/// Two findings of one gateway become one with the evidence of both.
void add(Discovery& discovery, Discovered found) {
  for (auto& known : discovery.gateways)
    if (same_gateway(known.spec, found.spec)) {
      known.running = known.running || found.running;
      known.expected = known.expected || found.expected;
      known.enabled = known.enabled || found.enabled;
      if (known.pid == 0) known.pid = found.pid;
      std::ranges::move(found.evidence, std::back_inserter(known.evidence));
      return;
    }
  discovery.gateways.push_back(std::move(found));
}

asio::awaitable<void> find_units(Machine& machine, std::optional<Account> user, Discovery& discovery) {
  auto whose = user ? "user " + user->name : std::string("system");
  auto services = machine.services(user);
  if (!services) {
    discovery.skipped.push_back(fmt::format("units of the {} manager: {}", whose, services.error().text()));
    co_return;
  }
  std::vector<std::string> names;
  for (const auto* pattern : {"*openclaw*.service", "*clawdbot*.service", "*moltbot*.service"}) {
    std::string copy(pattern);
    auto some = co_await (*services)->list(std::move(copy));
    if (!some) {
      discovery.skipped.push_back(fmt::format("units of the {} manager: {}", whose, some.error().text()));
      co_return;
    }
    names.insert(names.end(), some->begin(), some->end());
  }
  std::ranges::sort(names);
  auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  for (const auto& name : names) {
    auto unit = co_await (*services)->unit(name);
    if (!unit || unit->load_state != "loaded" || !is_gateway_command(unit->exec_start)) continue;
    Discovered found;
    found.spec.name = short_name(name);
    found.spec.runtime = user ? RuntimeKind::systemd_user : RuntimeKind::systemd_system;
    found.spec.unit = name;
    if (user) found.spec.user = user->name;
    add_from_unit(found.spec, *unit);
    found.pid = unit->main_pid;
    found.running = unit->main_pid != 0;
    found.enabled = unit->unit_file_state.starts_with("enabled");
    found.expected = found.running || unit->active_state == "failed" || unit->active_state == "activating" ||
                     found.enabled;
    found.evidence.push_back(fmt::format("{} unit {} starts {}", whose, name,
                                         printable(join(unit->exec_start, " ").substr(0, 160))));
    add(discovery, std::move(found));
  }
}

/// Returns the names of all containers by their id.
asio::awaitable<std::map<std::string, std::string>> find_containers(Machine& machine, Discovery& discovery) {
  std::map<std::string, std::string> names;
  auto containers = co_await machine.containers().list();
  // Where no engine was ever installed there are no containers: nothing was left out.
  if (!containers && containers.error().is(code_name(NetCode::no_socket))) co_return names;
  if (!containers) {
    discovery.skipped.push_back("containers: " + containers.error().text());
    co_return names;
  }
  for (const auto& container : *containers) {
    names.emplace(container.id, container.name);
    if (!is_gateway_container(container)) continue;
    Discovered found;
    found.spec.name = container.name;
    found.spec.runtime = RuntimeKind::docker;
    found.spec.container = container.name;
    for (const auto& port : container.ports)
      if (port.host_port != 0 && !found.spec.port) found.spec.port = port.host_port;
    found.running = container.state == "running";
    // The engine restarts those that should run; one that has ended was ended, or is tried once.
    found.expected = found.running || container.state == "restarting" || container.state == "paused";
    found.evidence.push_back(fmt::format("container {} of image {}", container.name, container.image));
    add(discovery, std::move(found));
  }
  co_return names;
}

void find_processes(Machine& machine, const std::map<std::string, std::string>& containers,
                    Discovery& discovery) {
  auto processes = machine.host().processes();
  if (!processes) {
    discovery.skipped.push_back("processes: " + processes.error().text());
    return;
  }
  // A gateway that a meshops agent runs itself lives in the agent's own control group: that unit is not the
  // gateway's.
  std::set<std::string> of_agents;
  for (const auto& p : *processes)
    if (p.comm == "meshops") of_agents.insert(p.cgroup);
  for (const auto& p : *processes) {
    if (!is_gateway_process(p)) continue;
    // A process of a machine container (nspawn, LXC) belongs to that machine, not to this one.
    bool elsewhere = in_another_pid_namespace(machine.host(), p.pid);
    if (elsewhere && home_of(p.cgroup).runtime != RuntimeKind::docker) continue;
    auto home = of_agents.contains(p.cgroup) ? Home{} : home_of(p.cgroup);
    Discovered found;
    found.running = found.expected = true;
    found.pid = p.pid;
    found.spec.runtime = home.runtime;
    found.spec.unit = home.unit;
    auto container = containers.find(home.container);
    found.spec.container = container != containers.end() ? container->second : home.container.substr(0, 12);
    found.spec.name = !home.unit.empty()        ? short_name(home.unit)
                      : !home.container.empty() ? found.spec.container
                                                : fmt::format("openclaw-{}", p.pid);
    if (auto owner = account(std::to_string(p.uid))) found.spec.user = owner->name;
    if (auto environment = machine.host().process_environment(
            p.pid, {"OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_HOME", "OPENCLAW_PROFILE",
                    "OPENCLAW_GATEWAY_PORT"}))
      found.spec.environment = std::move(*environment);
    // The title is rewritten, so the ports it listens on say more than its arguments.
    if (auto listeners = machine.host().listeners())
      for (const auto& l : *listeners)
        if (l.protocol.starts_with("tcp") && std::ranges::find(l.pids, p.pid) != l.pids.end()) {
          found.spec.port = l.port;
          break;
        }
    found.evidence.push_back(fmt::format("process {} ({}) of {} in {}", p.pid, p.comm, found.spec.user,
                                         p.cgroup.empty() ? "no control group" : p.cgroup));
    add(discovery, std::move(found));
  }
}

}  // namespace

bool is_gateway_command(const std::vector<std::string>& argv) {
  if (argv.empty()) return false;
  // The title that it gives itself.
  if (trim(argv[0]) == "openclaw-gateway") return true;
  bool openclaw = std::ranges::any_of(argv, [](const auto& a) { return names_openclaw(a); });
  bool gateway =
      std::ranges::any_of(argv, [](const auto& a) { return a == "gateway" || a.starts_with("gateway "); });
  return openclaw && gateway;
}

bool is_gateway_process(const ProcessInfo& p) {
  // The kernel cuts comm at 15 letters.
  return p.comm == "openclaw-gatewa" || (p.comm.starts_with("node") && is_gateway_command(p.argv));
}

bool same_gateway(const GatewaySpec& a, const GatewaySpec& b) {
  if (a.runtime != b.runtime) return false;
  switch (a.runtime) {
    case RuntimeKind::systemd_system:
      return a.unit == b.unit;
    case RuntimeKind::systemd_user:
      return a.unit == b.unit && (a.user == b.user || a.user.empty() || b.user.empty());
    case RuntimeKind::docker:
      return a.container == b.container ||
             (a.container.size() >= 12 && b.container.starts_with(a.container)) ||
             (b.container.size() >= 12 && a.container.starts_with(b.container));
    case RuntimeKind::process:
      return a.port && b.port ? *a.port == *b.port : a.name == b.name;
  }
  return false;
}

asio::awaitable<Discovery> discover(Machine& machine) {
  Discovery discovery;
  co_await find_units(machine, std::nullopt, discovery);
  for (const auto& user : users_with_a_manager(machine.host())) co_await find_units(machine, user, discovery);
  auto containers = co_await find_containers(machine, discovery);
  find_processes(machine, containers, discovery);
  for (auto& gateway : discovery.gateways)
    if (auto identity = make_adapter(gateway.spec.kind)->identify(gateway.spec, machine.host()))
      gateway.identity = std::move(*identity);
  co_return discovery;
}

}  // namespace meshops
