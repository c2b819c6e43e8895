// The `process` runtime: meshops is the supervisor. The child runs in a session of its own and writes to its
// own log file, so that it outlives the agent; a record with pid, start time and boot lets the next agent
// adopt it.
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "gateway/exit_watch.h"
#include "gateway/gateway_log.h"
#include "gateway/openclaw_install.h"
#include "gateway/runtimes.h"
#include "host/boot_id.h"

namespace meshops {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

struct Record {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::string boot_id;
};

/// Set for every gateway we start: whose it is.
constexpr const char* kMarker = "MESHOPS_GATEWAY_DIR";

class ProcessRuntime final : public Runtime {
 public:
  ProcessRuntime(const GatewaySpec& spec, const Adapter& adapter, const Limits& limits, Machine& machine)
      : spec_(spec),
        limits_(limits),
        machine_(machine),
        extra_environment_(adapter.supervisor_environment()),
        directory_(machine.state_dir() / "gateways" / spec.name),
        boot_id_(boot_id(machine.host())) {}

  asio::awaitable<Status> attach(std::function<void(const RuntimeEvent&)> on_event) override {
    on_event_ = std::move(on_event);
    if (auto made = make_directories(directory_); !made) co_return made;
    if (auto record = read_record()) adopt(*record);
    if (pid_ == 0) adopt_marked();
    co_return ok();
  }

  asio::awaitable<ProcessView> view() override {
    ProcessView view;
    auto rotated = rotate_gateway_log(log_path(), limits_.log_max_bytes, limits_.log_keep);
    if (!rotated)
      log::warn("gateway.log", rotated.error().text(), {{"gateway", spec_.name}});
    else if (log_seen_)
      *log_seen_ -= std::min(*log_seen_, *rotated);
    if (pid_ == 0) {
      view.stopped_reason = last_exit_.empty() ? "not started" : last_exit_;
      co_return view;
    }
    auto info = machine_.host().process(pid_);
    if (!info || info->start_ticks != start_ticks_ || info->state == 'Z') {
      view.stopped_reason = "its process has ended";
      co_return view;
    }
    view.running = true;
    view.pid = pid_;
    view.start_ticks = start_ticks_;
    view.cpu = info->cpu;
    view.info = std::move(*info);
    co_return view;
  }

  asio::awaitable<Status> start() override {
    if (pid_ != 0) co_return ok();
    co_return start_now();
  }

  asio::awaitable<Status> stop(Duration) override { co_return send(SIGTERM); }
  asio::awaitable<Status> kill_now() override { co_return send(SIGKILL); }
  asio::awaitable<Status> signal(int number) override { co_return send(number); }
  asio::awaitable<Result<std::string>> logs(std::size_t lines) override {
    co_return tail_file(log_path(), lines);
  }
  asio::awaitable<Result<std::string>> new_log() override { co_return new_lines(log_path(), log_seen_); }
  std::string describe() const override { return "meshops"; }

 private:
  fs::path log_path() const { return directory_ / "output.log"; }
  fs::path record_path() const { return directory_ / "process.json"; }

  Status send(int number) {
    if (!watch_) return fail(GatewayCode::not_running, "{} does not run", spec_.name);
    // The watch owns the pidfd; borrow its number only for this call.
    Fd borrowed(watch_->fd());
    auto sent = send_signal(borrowed, number);
    borrowed.release();
    return sent;
  }

  /// Nothing: as we do.
  Result<std::optional<Account>> runs_as() const {
    if (spec_.user.empty() || ::geteuid() != 0) return std::optional<Account>();
    return std::optional<Account>(TRY(account(spec_.user)));
  }

  Status start_now() {
    auto as = TRY(runs_as());
    auto owner = as.value_or(own_account());

    SpawnOptions options;
    options.environment = own_environment();
    // What belongs to our own unit must not reach the gateway: it would think that systemd supervises it,
    // talk to our notify socket, kill what holds its port (the marker), or fork so that we hold the wrong pid
    // (NODE_COMPILE_CACHE).
    for (const auto* name :
         {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID", "JOURNAL_STREAM",
          "SYSTEMD_EXEC_PID", "LISTEN_FDS", "LISTEN_PID", "NODE_COMPILE_CACHE", "MESHOPS_CONFIG",
          "OPENCLAW_SERVICE_MARKER", "OPENCLAW_SYSTEMD_UNIT"})
      options.environment.erase(name);
    for (const auto& [name, value] : extra_environment_) options.environment[name] = value;
    if (as) {
      options.environment["HOME"] = owner.home.string();
      options.environment["USER"] = options.environment["LOGNAME"] = owner.name;
      for (const auto* name :
           {"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"})
        options.environment.erase(name);
    }
    if (!spec_.state_dir.empty()) options.environment["OPENCLAW_STATE_DIR"] = spec_.state_dir.string();
    if (!spec_.config.empty()) options.environment["OPENCLAW_CONFIG_PATH"] = spec_.config.string();
    for (const auto& [name, value] : spec_.environment) options.environment[name] = value;
    options.environment[kMarker] = directory_.string();

    auto command = spec_.command;
    if (command.empty()) command = TRY(installed_openclaw_command(machine_.state_dir()));
    options.working_dir = spec_.working_dir.empty() ? owner.home : spec_.working_dir;
    options.as = as;
    // Without its log it still has to run (a full disk, a directory that became read-only).
    auto output = open_gateway_log(log_path(), as);
    if (output)
      options.stdout_fd = options.stderr_fd = output->get();
    else
      log::error("gateway.log", output.error().text(), {{"gateway", spec_.name}});

    auto child = TRY(spawn(command, options));
    pid_ = child.pid;
    auto info = machine_.host().process(pid_);
    start_ticks_ = info ? info->start_ticks : 0;
    watch_exit(std::move(child.pidfd));
    write_record();
    on_event_({.kind = RuntimeEvent::Kind::started, .pid = pid_, .exit = {}, .detail = {}});
    return ok();
  }

  void watch_exit(Fd pidfd) {
    watch_ = std::make_unique<ExitWatch>(machine_.executor(), std::move(pidfd), [this] { ended(); });
  }

  void ended() {
    Fd borrowed(watch_->fd());
    auto exit =
        reap(borrowed).value_or(Exit{});  // an adopted process is not our child: nobody tells how it ended
    borrowed.release();
    auto pid = std::exchange(pid_, 0);
    last_exit_ = exit.text();
    auto done = std::move(watch_);
    on_event_({.kind = RuntimeEvent::Kind::exited, .pid = pid, .exit = exit, .detail = {}});
  }

  void adopt(const Record& record) {
    if (record.boot_id != boot_id_) return;
    auto info = machine_.host().process(record.pid);
    if (!info || info->start_ticks != record.start_ticks || info->state == 'Z') return;
    auto pidfd = open_pidfd(record.pid);
    if (!pidfd) return;
    pid_ = record.pid;
    start_ticks_ = record.start_ticks;
    watch_exit(std::move(*pidfd));
    on_event_({.kind = RuntimeEvent::Kind::started, .pid = pid_, .exit = {}, .detail = "adopted"});
  }

  /// The agent before us may have died after it had started the gateway and before the record was written:
  /// the child carries our mark in its environment, as its own children do; it is the one whose parent does
  /// not.
  void adopt_marked() {
    auto processes = machine_.host().processes();
    auto as = runs_as();
    if (!processes || !as) return;
    auto uid = as->value_or(own_account()).uid;
    auto marked = [&](pid_t pid) {
      auto environment = machine_.host().process_environment(pid, {kMarker});
      auto found = environment ? environment->find(kMarker) : Environment::iterator{};
      return environment && found != environment->end() && found->second == directory_.string();
    };
    for (const auto& p : *processes)
      // Anybody can set a variable: only the gateway's own user may pose as the gateway.
      if (p.state != 'Z' && p.uid == uid && marked(p.pid) && !marked(p.parent)) {
        adopt({.pid = p.pid, .start_ticks = p.start_ticks, .boot_id = boot_id_});
        if (pid_ != 0) write_record();
        return;
      }
  }

  std::optional<Record> read_record() const {
    auto text = read_file(record_path(), 4096);
    if (!text) return std::nullopt;
    auto json = nlohmann::json::parse(*text, nullptr, false);
    if (!json.is_object() || !json["pid"].is_number_integer() || !json["start_ticks"].is_number_unsigned() ||
        !json["boot_id"].is_string())
      return std::nullopt;
    return Record{json["pid"].get<pid_t>(), json["start_ticks"].get<std::uint64_t>(),
                  json["boot_id"].get<std::string>()};
  }

  void write_record() const {
    nlohmann::json json = {{"pid", pid_}, {"start_ticks", start_ticks_}, {"boot_id", boot_id_}};
    if (auto written = write_file_atomic(record_path(), json.dump() + "\n"); !written)
      log::warn("gateway.record", written.error().text(), {{"gateway", spec_.name}});
  }

  GatewaySpec spec_;
  Limits limits_;
  Machine& machine_;
  Environment extra_environment_;
  fs::path directory_;
  std::string boot_id_;
  std::function<void(const RuntimeEvent&)> on_event_;
  pid_t pid_ = 0;
  std::uint64_t start_ticks_ = 0;
  std::optional<std::uint64_t> log_seen_;  // up to this byte
  std::string last_exit_;
  std::unique_ptr<ExitWatch> watch_;
};

}  // namespace

std::unique_ptr<Runtime> process_runtime(const GatewaySpec& spec, const Adapter& adapter,
                                         const Limits& limits, Machine& machine) {
  return std::make_unique<ProcessRuntime>(spec, adapter, limits, machine);
}

}  // namespace meshops
