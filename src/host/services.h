// Services as systemd sees them: units of the system manager or of one user's manager, over D-Bus.
// Called by runtimes and discovery. Asks and orders; decides nothing.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(ServiceCode, "service", no_bus, no_unit, denied, job_failed, timed_out, io);

/// One unit's properties, as the manager reports them (org.freedesktop.systemd1.Unit and .Service).
struct UnitState {
  std::string name;
  std::string description;
  std::string load_state;       // loaded, not-found, masked, bad-setting …
  std::string active_state;     // active, activating, deactivating, inactive, failed, reloading
  std::string sub_state;        // running, dead, failed, auto-restart, start, stop-sigterm …
  std::string result;           // success, exit-code, signal, start-limit-hit, watchdog, oom-kill, timeout …
  std::string unit_file_state;  // enabled, disabled, static …
  std::string type;             // simple, notify, …
  std::string restart;          // always, on-failure, no …
  std::string fragment_path;
  std::vector<std::string> drop_ins;
  std::vector<std::string> exec_start;   // argv of the first ExecStart=
  std::vector<std::string> environment;  // "A=b", from Environment= only
  std::string working_directory;
  std::string user;  // User= of the unit
  std::string control_group;
  std::string invocation_id;  // hex, new with every start
  pid_t main_pid = 0;
  std::optional<Exit> last_exit;  // of the main process; nothing if it never ended
  unsigned restarts = 0;          // NRestarts
  Duration restart_delay{};       // RestartSec
  Duration stop_timeout{};        // TimeoutStopSec
  Duration watchdog{};            // WatchdogSec; zero: none
  Duration cpu{};                 // CPUUsageNSec of the control group
  std::uint64_t memory = 0;       // MemoryCurrent, bytes; 0 unknown
  bool needs_daemon_reload = false;
  bool has_job = false;  // a start/stop job is queued or running
};

/// One bus connection to one manager. Not shared between threads; lives on the executor it was given.
class Services {
 public:
  virtual ~Services() = default;

  virtual boost::asio::awaitable<Result<UnitState>> unit(std::string name) = 0;
  /// Names of loaded units and installed unit files that match a shell pattern ("*.service").
  virtual boost::asio::awaitable<Result<std::vector<std::string>>> list(std::string pattern) = 0;
  /// The units that match, loaded or only installed, templates left out. Of those that run, or have failed,
  /// all that unit() tells; of the others name, path, states and (if loaded) description and
  /// needs_daemon_reload: a tenth of the work for both sides, and most units of a machine sleep.
  virtual boost::asio::awaitable<Result<std::vector<UnitState>>> survey(std::string pattern) = 0;
  /// Each waits until systemd has finished the job (or `limit` is over): `job_failed` names the job's result.
  virtual boost::asio::awaitable<Status> start(std::string name, Duration limit) = 0;
  virtual boost::asio::awaitable<Status> stop(std::string name, Duration limit) = 0;
  virtual boost::asio::awaitable<Status> restart(std::string name, Duration limit) = 0;
  /// Only queues the start job: returns as soon as systemd has taken the order.
  virtual boost::asio::awaitable<Status> start_nowait(std::string name) = 0;
  virtual boost::asio::awaitable<Status> reset_failed(std::string name) = 0;
  /// Links into its targets made or removed, as systemctl enable and disable do. Does not start or stop.
  virtual boost::asio::awaitable<Status> enable(std::string name) = 0;
  virtual boost::asio::awaitable<Status> disable(std::string name) = 0;
  /// Reads changed unit files and drop-ins (daemon-reload).
  virtual boost::asio::awaitable<Status> reload_manager() = 0;
  /// Whether the manager itself is about to end: at shutdown, or a user's one after the last login.
  virtual boost::asio::awaitable<Result<bool>> ending() = 0;
  /// To the main process only.
  virtual boost::asio::awaitable<Status> kill_main(std::string name, int signal) = 0;
  /// Calls back (on the executor) with the new state whenever the manager says that the unit changed. Until
  /// the handle goes. Also called once after a lost and regained bus connection.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  virtual std::unique_ptr<Watch> watch(std::string name, std::function<void(const UnitState&)> changed) = 0;
};

/// The system manager (`user` empty) or that user's manager. Needs no login session: root reaches a lingering
/// user's bus.
Result<std::unique_ptr<Services>> connect_services(boost::asio::any_io_executor executor,
                                                   std::optional<Account> user);

}  // namespace meshops
