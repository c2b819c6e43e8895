// A gateway of this node: who it is, how to ask it how it does, and how it is run. Called by the agent and
// discovery. An Adapter knows a product (its files, endpoints, exit codes); a Runtime knows who keeps the
// process. Neither decides.
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
#include "base/secret.h"
#include "base/time.h"
#include "config/mesh.h"
#include "formats/journal_line.h"
#include "gateway/complaints.h"
#include "gateway/health.h"
#include "gateway/turns.h"
#include "host/containers.h"
#include "host/host.h"
#include "host/services.h"
#include "net/net.h"

namespace meshops {

MESHOPS_ERROR_CODES(GatewayCode, "gateway", not_found, no_port, bad_config, cannot_start, cannot_stop,
                    not_running, no_version, no_answer, not_supported, unsafe_start);

/// What a gateway is, as far as files and its process tell.
struct Identity {
  std::string version;  // installed; empty: not found
  std::filesystem::path state_dir;
  std::filesystem::path config;
  std::uint16_t port = 0;  // 0: unknown
  /// "systemd (system) openclaw-gateway.service", "meshops", "docker openclaw", "nobody"
  std::string supervisor;
  std::string note;  // what is wrong with its files, one line: "openclaw.json: line 7, column 3: …"
  bool tls = false;  // it serves TLS
};

/// What the process layer shows now; the runtime fills it.
struct ProcessView {
  bool running = false;
  pid_t pid = 0;  // 0: none, or in a container out of sight
  std::uint64_t start_ticks = 0;
  std::optional<ProcessInfo> info;  // of the main process, where we may look
  Duration cpu{};                   // of the process (and its cgroup when it has one) so far
  std::string stopped_reason;       // why it does not run: "exit code 78", "stopped by a person", …
};

/// How much a probe asks. `light` asks one thing, whose good answer proves every layer below it, and goes on
/// to `full` when it is not good. OpenClaw writes a warning into its log for every WebSocket greeting that
/// goes no further ("closed before connect"): so `full` is for when something is wrong, and now and then.
enum class Depth { light, full };

class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual GatewayKind kind() const = 0;
  /// Reads files (configuration search, port, token, installed version): cheap, may be called again after a
  /// change.
  virtual Result<Identity> identify(const GatewaySpec& spec, const Host& host) const = 0;
  /// All layers, lowest first; stops asking where a layer fails (those above become unknown). Takes at most
  /// `timeout` per request. `view` comes from the runtime.
  virtual boost::asio::awaitable<Health> probe(const GatewaySpec& spec, const Identity& identity,
                                               const ProcessView& view, Host& host, Net& net,
                                               Duration timeout, Depth depth = Depth::full) = 0;
  /// One real turn (costs a model call): ok or why not, with the time it took. `no_answer`: asked, and it
  /// failed; `not_supported`: it could not be asked (endpoint off, no token known), which says nothing about
  /// its turns.
  virtual boost::asio::awaitable<Result<Duration>> canary(const GatewaySpec& spec, const Identity& identity,
                                                          Host& host, Net& net, Duration timeout) = 0;
  /// What a line of its own log says about a turn; nothing for all others.
  virtual std::optional<TurnSign> turn_sign(const journal::LogLine& line) const = 0;
  /// What it says of a part of it that fails; nothing for all other lines.
  virtual std::optional<Complaint> complaint(const journal::LogLine& /*line*/) const { return std::nullopt; }
  /// Why it must not be started as its files are (OpenClaw would begin anew over an empty database, and what
  /// it knew would be gone); good if nothing speaks against it. Cheap.
  virtual Status may_start(const GatewaySpec& /*spec*/, const Host& /*host*/) const { return ok(); }
  /// How long a polite stop may take before it is forced.
  virtual Duration drain_time() const = 0;
  /// Variables the `process` runtime adds so that the gateway knows it is supervised.
  virtual Environment supervisor_environment() const = 0;
  /// What this product means by that exit, one sentence; empty when it says nothing special.
  virtual std::string explain_exit(const Exit& exit) const = 0;
  /// True for exits that a plain restart cannot mend (OpenClaw's 78: configuration or state).
  virtual bool needs_diagnosis(const Exit& exit) const = 0;
};
std::unique_ptr<Adapter> make_adapter(GatewayKind kind);

/// What happened to the process, told by the runtime as it happens.
struct RuntimeEvent {
  enum class Kind {
    started,            // a (new) main process runs
    exited,             // it ended by itself, or was killed from outside
    stopped_by_person,  // somebody asked the service manager to stop it: not ours to start again
    lost,               // the service manager or engine cannot be asked any more
  };
  Kind kind = Kind::started;
  pid_t pid = 0;
  Exit exit;
  std::string detail;  // e.g. the unit's Result
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  /// Begins to watch; events arrive on the executor until the object goes. Adopts what already runs.
  virtual boost::asio::awaitable<Status> attach(std::function<void(const RuntimeEvent&)> on_event) = 0;
  virtual boost::asio::awaitable<ProcessView> view() = 0;
  /// Issues the start and returns as soon as it is issued (under systemd: reset-failed first when it needs
  /// it).
  virtual boost::asio::awaitable<Status> start() = 0;
  /// Polite stop; after `drain` it is forced. Returns when the process is gone.
  virtual boost::asio::awaitable<Status> stop(Duration drain) = 0;
  /// SIGKILL to the main process, now (a hung one: SIGCONT is not enough).
  virtual boost::asio::awaitable<Status> kill_now() = 0;
  /// To the main process.
  virtual boost::asio::awaitable<Status> signal(int number) = 0;
  /// Last lines of its log.
  virtual boost::asio::awaitable<Result<std::string>> logs(std::size_t lines) = 0;
  /// The whole lines written since the last call; the first call gives the newest there are. At most 1 MiB,
  /// the newest.
  virtual boost::asio::awaitable<Result<std::string>> new_log() = 0;
  /// The description completed by what the service manager knows: command, user, environment (no secrets).
  /// After attach().
  virtual GatewaySpec as_run(GatewaySpec spec) const { return spec; }
  virtual std::string describe() const = 0;  // Identity::supervisor
};

/// What runtimes work with on this machine. Bus connections are made when first asked for and shared.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual boost::asio::any_io_executor executor() = 0;
  virtual Clock& clock() = 0;
  virtual Host& host() = 0;
  virtual Net& net() = 0;
  virtual Containers& containers() = 0;
  virtual Result<Services*> services(std::optional<Account> user) = 0;
  virtual std::filesystem::path state_dir() = 0;
};
std::unique_ptr<Machine> local_machine(boost::asio::any_io_executor executor, const Mesh& mesh);

Result<std::unique_ptr<Runtime>> make_runtime(const GatewaySpec& spec, const Adapter& adapter,
                                              const Limits& limits, Machine& machine);

/// A gateway found on this machine, and how.
struct Discovered {
  GatewaySpec spec;
  Identity identity;
  std::vector<std::string> evidence;  // "unit openclaw-gateway.service starts …/dist/index.js gateway"
  bool running = false;
  /// It runs, failed, or is enabled. What neither runs nor should was put aside by somebody.
  bool expected = false;
  /// It comes back at the next boot: an enabled unit. Of containers this is not known here.
  bool enabled = false;
  pid_t pid = 0;  // its main process; 0: it does not run, or cannot be seen
};
/// Looks at units (system and every user's manager it may ask), containers, processes and listeners; one
/// entry per gateway, seen by whichever of them. What could not be looked at is said in `skipped`.
struct Discovery {
  std::vector<Discovered> gateways;
  std::vector<std::string> skipped;
};
boost::asio::awaitable<Discovery> discover(Machine& machine);
/// True if both describe the same unit, container or listening process.
bool same_gateway(const GatewaySpec& a, const GatewaySpec& b);
/// Whether a process is an OpenClaw gateway, by its name and arguments.
bool is_gateway_process(const ProcessInfo& process);

}  // namespace meshops
