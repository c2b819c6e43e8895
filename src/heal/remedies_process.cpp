// Remedies for processes: waiting, starting, restarting, competitors, locks, ports.
#include <nlohmann/json.hpp>

#include "base/text.h"

#include <algorithm>
#include "heal/planning.h"
#include "heal/remedy_table.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

Planned watching(const Patient& patient, Duration within, std::string sentence) {
  if (!patient.running) return not_applicable("it does not run: there is nothing to wait for");
  return Treatment{
      .remedy = {}, .sentence = std::move(sentence), .then = Then::watch, .proves_within = within};
}

/// "openclaw-gatewa": the kernel cuts names at 15 bytes; older ones go by node and its arguments.
bool looks_like_gateway(const ProcessInfo& p) {
  if (p.comm.starts_with("openclaw-gatewa")) return true;
  bool program = false;
  bool gateway = false;
  for (const auto& word : p.argv) {
    program = program || lower(word).find("openclaw") != std::string::npos ||
              lower(word).find("clawdbot") != std::string::npos ||
              lower(word).find("moltbot") != std::string::npos;
    gateway = gateway || word == "gateway" || word.starts_with("openclaw-gateway");
  }
  return program && gateway;
}

/// The process of that pid and start, if it still runs.
std::optional<ProcessInfo> still_runs(const Host& host, pid_t pid, std::uint64_t start_ticks) {
  auto p = host.process_details(pid);
  if (!p || p->start_ticks != start_ticks || p->state == 'Z') return std::nullopt;
  return *p;
}

}  // namespace

Planned wait_out(const Patient& patient, const Host&) {
  return watching(patient, 60s, "wait a minute: short blocks end by themselves");
}
Planned wait_out_load(const Patient& patient, const Host&) {
  return watching(patient, 20min, "wait until the machine has CPU again: a restart would add to its load");
}
Planned wait_for_drain(const Patient& patient, const Host&) {
  if (patient.running && !patient.settling) return not_applicable("it does not drain now");
  return watching(patient, 330s, "wait until its turns have ended: that may take 315 s");
}
Planned wait_cooldown(const Patient& patient, const Host&) {
  return watching(patient, 10min, "wait until the provider's cooldown is over");
}
Planned wait_time_wait(const Patient& patient, const Host&) {
  return watching(patient, 2min, "wait until the kernel has let go of the old connections");
}
Planned wait_pull_window(const Patient& patient, const Host&) {
  return watching(patient, 6h, "wait until the registry lets this address pull again");
}

Planned reset_failed(const Patient& patient, const Host&) {
  if (!by_systemd(patient)) return not_applicable("no systemd unit runs it");
  if (patient.running) return not_applicable("it runs: nothing is to be cleared");
  return Treatment{
      .remedy = {},
      .sentence = fmt::format("clear the start limit of {} and start it once", printable(patient.spec.unit)),
      .actions = {order(patient, UnitOrder::Verb::reset_failed)},
      .then = Then::start};
}

Planned ask_right_scope(const Patient& patient, const Host& host) {
  if (patient.spec.runtime != RuntimeKind::systemd_user) return not_applicable("no user's manager runs it");
  auto bus = fs::path("/run/user") / std::to_string(patient.owner.uid) / "bus";
  if (!exists(host, bus))
    return not_applicable("the manager of user {} does not run", printable(manager_user(patient)));
  Treatment treatment{
      .remedy = {}, .sentence = fmt::format("ask the manager of user {}", printable(manager_user(patient)))};
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

Planned drained_restart(const Patient& patient, const Host&) {
  if (!patient.running) return not_applicable("it does not run: it is started, not restarted");
  using diagnose::Cause;
  // A blocked process ends no turn, so there is no quiet moment to wait for.
  bool quiet = patient.cause != Cause::process_hang && patient.cause != Cause::session_or_channel_stuck;
  return Treatment{.remedy = {},
                   .sentence = quiet ? "restart it at a quiet moment, after its turns have ended"
                                     : "restart it, after its turns have ended as far as they can",
                   .then = Then::restart,
                   .quiet_moment = quiet,
                   .undo_if_no_help = false};
}

Planned reopen_log(const Patient& patient, const Host& host) {
  auto treatment = TRY(drained_restart(patient, host));
  treatment.sentence = "restart it at a quiet moment, so that it lets go of deleted files";
  return treatment;
}

Planned restart_channel(const Patient& patient, const Host&) {
  if (!patient.running) return not_applicable("it does not run");
  // "[channels/telegram] …" or "[telegram] giving up after 10 restart attempts"
  std::string channel;
  for (const auto& line : log_lines(patient)) {
    auto text = lower(line.message);
    bool stuck = text.find("giving up after") != std::string::npos ||
                 text.find("health-monitor") != std::string::npos ||
                 text.find("stuck") != std::string::npos ||
                 text.find("auto-restart attempt") != std::string::npos;
    std::string_view name = line.subsystem;
    if (!stuck || !name.starts_with("channels/")) continue;
    name.remove_prefix(9);
    name = name.substr(0, name.find('/'));
    if (!name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos)
      channel = name;
  }
  if (channel.empty()) return not_applicable("the log names no channel that is stuck");
  auto call = [&](const char* method) {
    return gateway_tool(
        patient, {"gateway", "call", method, "--params", fmt::format(R"({{"channel":"{}"}})", channel)}, 60s);
  };
  auto stop = TRY(call("channels.stop"));
  auto start = TRY(call("channels.start"));
  stop.undo = start.argv;
  start.undo = stop.argv;
  return Treatment{.remedy = {},
                   .sentence = fmt::format("restart channel {}; its login is kept", channel),
                   .actions = {std::move(stop), std::move(start)},
                   .then = Then::watch,
                   .undo_if_no_help = false,
                   .proves_within = 3min};
}

Planned stop_competing_instance(const Patient& patient, const Host& host) {
  Treatment treatment{.remedy = {}, .sentence = {}};
  std::vector<std::string> names;
  for (const auto& starter : patient.starters) {
    if (starter.ours || starter.pid == 0 || starter.pid == patient.pid) continue;
    auto process = still_runs(host, starter.pid, starter.start_ticks);
    if (!process) continue;  // it has gone by itself
    if (!starter.container.empty()) {
      treatment.actions.emplace_back(RunTool{.argv = {"docker", "stop", "--time", "330", starter.container},
                                             .limit = 350s,
                                             .undo = {"docker", "start", starter.container}});
      names.push_back("container " + starter.container);
    } else if (!starter.unit.empty()) {
      // The owner allows more: then it is ended for good.
      if (starter.enabled && patient.consent.contains("disable_competing_unit")) continue;
      treatment.actions.emplace_back(UnitOrder{UnitOrder::Verb::stop, starter.unit, starter.user});
      names.push_back(starter.unit + (starter.user.empty() ? "" : " of user " + starter.user));
    } else {
      if (!looks_like_gateway(*process)) continue;  // a stranger is never ended
      treatment.actions.emplace_back(
          EndProcess{starter.pid, starter.start_ticks, process->comm, 330s});  // it may drain for 315 s
      names.push_back(fmt::format("process {} ({})", starter.pid, process->comm));
    }
  }
  if (names.empty()) return not_applicable("no other gateway on its port or state runs on this machine");
  treatment.sentence =
      fmt::format("stop {}: it competes with the gateway that mesh.toml names", printable(join(names, ", ")));
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

Planned stop_other_poller(const Patient& patient, const Host& host) {
  auto treatment = stop_competing_instance(patient, host);
  if (!treatment) return not_applicable("the other poller of the token does not run on this machine");
  return treatment;
}

Planned disable_competing_unit(const Patient& patient, const Host&) {
  Treatment treatment{.remedy = {}, .sentence = {}};
  std::vector<std::string> names;
  for (const auto& starter : patient.starters) {
    if (starter.ours || starter.unit.empty() || !starter.enabled) continue;
    treatment.actions.emplace_back(UnitOrder{UnitOrder::Verb::disable, starter.unit, starter.user});
    if (starter.pid != 0)
      treatment.actions.emplace_back(UnitOrder{UnitOrder::Verb::stop, starter.unit, starter.user});
    names.push_back(starter.unit + (starter.user.empty() ? "" : " of user " + starter.user));
  }
  if (names.empty()) return not_applicable("no other unit would start a gateway at the next boot");
  treatment.sentence =
      fmt::format("disable {}, so that the next boot does not bring it back", printable(join(names, ", ")));
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

Planned name_port_owner(const Patient& patient, const Host& host) {
  if (patient.identity.port == 0) return not_applicable("its port is not known");
  std::vector<std::string> holders;
  bool gateway = false;
  for (const auto& listener : TRY(host.listeners_on(patient.identity.port))) {
    if (listener.pids.empty())
      holders.push_back(fmt::format("a process of user id {} that cannot be looked at", listener.uid));
    for (auto pid : listener.pids) {
      if (pid == patient.pid) return not_applicable("it holds port {} itself", patient.identity.port);
      auto process = host.process_details(pid);
      gateway = gateway || (process && looks_like_gateway(*process));
      auto name = fmt::format("pid {} ({})", pid, process ? printable(process->comm) : "gone");
      if (std::ranges::find(holders, name) == holders.end()) holders.push_back(std::move(name));
    }
  }
  auto names = join(holders, ", ");
  if (gateway) return not_applicable("port {} is held by {}, another gateway", patient.identity.port, names);
  if (!holders.empty())
    return fail(error(HealCode::not_applicable, "port {} is held by {}", patient.identity.port, names)
                    .hint("give one of the two another port; only you know which may move"));
  if (patient.running) return not_applicable("nothing holds port {}", patient.identity.port);
  return Treatment{.remedy = {},
                   .sentence = fmt::format("port {} is free again: start", patient.identity.port)};
}

namespace {

struct Lock {
  pid_t pid = 0;
  std::optional<std::uint64_t> start_ticks;
};
/// {"pid":811,"startTime":4242,…}, then blanks; nothing if it names no process.
std::optional<Lock> parse_lock(std::string_view text) {
  text = trim(text);
  if (auto bare = to_number<pid_t>(text); bare && *bare > 0) return Lock{*bare, {}};
  auto json = nlohmann::json::parse(
      text, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) { return depth < 16; }, false);
  if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_unsigned()) return std::nullopt;
  auto pid = json["pid"].get<std::uint64_t>();
  if (pid == 0 || pid > 4'194'304) return std::nullopt;  // the kernel's own most
  Lock lock{static_cast<pid_t>(pid), {}};
  if (json.contains("startTime") && json["startTime"].is_number_unsigned())
    lock.start_ticks = json["startTime"].get<std::uint64_t>();
  return lock;
}

bool lock_name(std::string_view name) { return name.ends_with(".lock"); }  // .lock.sqlite is a database

/// The gateway's own locks, and those of its sessions.
std::vector<fs::path> locks_of(const Patient& patient, const Host& host) {
  constexpr std::size_t kMost = 200;
  std::vector<fs::path> out;
  auto take = [&](const fs::path& directory) {
    if (!is_directory(host, directory)) return;
    for (const auto& name : host.list(directory).value_or(std::vector<std::string>{}))
      if (lock_name(name) && out.size() < kMost) out.push_back(directory / name);
  };
  const auto& state = patient.identity.state_dir;
  auto mine = fmt::format("openclaw-{}", patient.owner.uid);
  take(state / "tmp" / mine);
  take(fs::path("/tmp") / mine);
  auto agents = state / "agents";
  if (is_directory(host, agents))
    for (const auto& agent : host.list(agents).value_or(std::vector<std::string>{}))
      take(agents / agent / "sessions");
  return out;
}

}  // namespace

Planned remove_stale_lock(const Patient& patient, const Host& host) {
  if (patient.identity.state_dir.empty()) return not_applicable("its state is out of sight");
  Treatment treatment{.remedy = {}, .sentence = {}};
  std::vector<std::string> living;
  for (const auto& path : locks_of(patient, host)) {
    auto file = find_file(patient, host, path, 64U << 10);
    if (!file || file->path != path) continue;
    auto lock = parse_lock(file->state.bytes);
    if (!lock) continue;  // whoever holds it is not told: then nothing proves that it is gone
    auto holder = host.process_details(lock->pid);
    bool gone = !holder && holder.error().is(code_name(ProcessCode::gone));
    bool another = holder && (lock->start_ticks ? *lock->start_ticks != holder->start_ticks
                                                : !holder->argv.empty() && !looks_like_gateway(*holder));
    if (gone || another)
      treatment.actions.emplace_back(MoveFile{path, aside(patient, path, "stale")});
    else
      living.push_back(fmt::format("{} (pid {})", path.filename().string(), lock->pid));
  }
  if (treatment.actions.empty()) {
    if (!living.empty()) return not_applicable("the holder lives: {}", printable(join(living, ", ")));
    return not_applicable("no lock of a process that has gone was found");
  }
  treatment.sentence =
      fmt::format("set {} aside: who held it has gone",
                  treatment.actions.size() == 1 ? std::string("a lock")
                                                : fmt::format("{} locks", treatment.actions.size()));
  start_or_watch(patient, treatment, 60s);
  return treatment;
}

namespace {

/// What a person must be told, with the words of the log that say it. A remedy without a step.
std::unexpected<Error> only_said(const Patient& patient, std::string_view what,
                                 std::initializer_list<std::string_view> signs, std::string_view otherwise) {
  for (const auto& line : log_lines(patient))
    for (auto sign : signs)
      if (lower(line.message).find(sign) != std::string::npos)
        return not_applicable("{}: {}", what, without_keys(quote(line.message, 200)));
  return not_applicable("{}", otherwise);
}

}  // namespace

Planned name_denied_rule(const Patient& patient, const Host&) {
  return only_said(patient, "only a person can allow what was denied",
                   {"apparmor=\"denied\"", "avc:  denied", "avc: denied"},
                   "no line of the log names the rule that denied it");
}
Planned name_blocked_path(const Patient& patient, const Host&) {
  return only_said(patient, "only a person can repair the path",
                   {"etimedout", "enetunreach", "ehostunreach", "econnrefused", "ufw block", "proxy"},
                   "no line of the log names a destination that fails");
}

}  // namespace meshops::heal
