#include "host/services.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "host/bus.h"
#include "host/unit_state.h"

namespace meshops {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr auto kName = "org.freedesktop.systemd1";
constexpr auto kPath = "/org/freedesktop/systemd1";
constexpr auto kManager = "org.freedesktop.systemd1.Manager";
constexpr auto kUnit = "org.freedesktop.systemd1.Unit";
constexpr auto kService = "org.freedesktop.systemd1.Service";
constexpr auto kProperties = "org.freedesktop.DBus.Properties";
// systemd answers in milliseconds; while it reloads its units it answers nothing for some seconds.
constexpr Duration kCallLimit = std::chrono::seconds(15);

std::string unit_path(const std::string& name) {
  char* path = nullptr;
  if (::sd_bus_path_encode("/org/freedesktop/systemd1/unit", name.c_str(), &path) < 0) return {};
  std::string out(path);
  std::free(path);  // NOLINT: made by the C library's malloc
  return out;
}

bool denied(std::string_view name) {
  return name == "org.freedesktop.DBus.Error.AccessDenied" ||
         name == "org.freedesktop.DBus.Error.AuthFailed" ||
         name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" ||
         name.starts_with("org.freedesktop.PolicyKit1.Error.");
}

/// One start, stop or restart on its way, from before the order until systemd has removed its job.
struct JobWait {
  explicit JobWait(const asio::any_io_executor& executor) : news(executor) {}
  std::string job;                                           // object path; empty until the order is answered
  std::vector<std::pair<std::string, std::string>> removed;  // job, result; may come right behind the answer
  bool lost = false;
  asio::steady_timer news;
};

struct Watched {
  std::string name;
  std::function<void(const UnitState&)> changed;
  std::unique_ptr<Bus::Subscription> subscription;
  std::string path;     // that it subscribes to: the unit's own, which an alias does not have
  bool queued = false;  // a reading is on its way …
  bool again = false;   // … and came too late for the last news
  bool gone = false;
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::any_io_executor executor, std::vector<BusAddress> addresses, std::string shown, bool user)
      : executor_(executor),
        bus_(std::make_shared<Bus>(executor, std::move(addresses), std::move(shown))),
        user_(user) {}

  Status open() {
    bus_->on_up = [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->up();
    };
    bus_->on_down = [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->down();
    };
    return bus_->connect();
  }
  void close() {
    for (const auto& w : watches_) w->gone = true;
    watches_.clear();
    manager_back_.reset();
    jobs_removed_.reset();
    bus_->close();
  }

  awaitable<Result<UnitState>> unit(std::string name) {
    auto self = shared_from_this();
    auto path = unit_path(name);
    // An empty object path is loaded by asking for it; both questions are on their way at once.
    auto ask = [&](const char* interface) {
      return bus_->send(
          path, kProperties, "GetAll",
          [interface](sd_bus_message* m) { return ::sd_bus_message_append_basic(m, 's', interface); },
          kCallLimit);
    };
    auto unit_call = ask(kUnit);
    if (!unit_call) co_return fail(std::move(unit_call).error());
    auto service_call = ask(kService);
    if (!service_call) co_return fail(std::move(service_call).error());

    UnitReading reading;
    auto doing = fmt::format("read the state of {}", name);
    auto unit_answer = co_await good(**unit_call, doing);
    if (!unit_answer) co_return fail(std::move(unit_answer).error());
    if (auto read = read_properties(unit_answer->get(), reading); !read)
      co_return fail(std::move(read).error());
    // A unit that is no service has no such interface: what Unit says is then all there is.
    if (auto service_answer = co_await good(**service_call, doing)) {
      if (auto read = read_properties(service_answer->get(), reading); !read)
        co_return fail(std::move(read).error());
    } else if (service_answer.error().is(code_name(ServiceCode::no_bus))) {
      co_return fail(std::move(service_answer).error());
    }
    if (reading.state.name.empty()) reading.state.name = name;
    co_return finish(std::move(reading));
  }

  awaitable<Result<std::vector<std::string>>> list(std::string pattern) {
    auto self = shared_from_this();
    auto lists = co_await both_lists(pattern);
    if (!lists) co_return fail(std::move(lists).error());
    std::set<std::string> names;
    int r = first_texts(lists->units.get(), "ssssssouso", "sssssouso", names);
    if (r >= 0) r = first_texts(lists->files.get(), "ss", "s", names);
    if (r < 0) co_return fail(ServiceCode::io, "the list of units of {} cannot be read", bus_->shown());
    co_return std::vector<std::string>(names.begin(), names.end());
  }

  awaitable<Result<std::vector<UnitState>>> survey(std::string pattern) {
    auto self = shared_from_this();
    auto lists = co_await both_lists(pattern);
    if (!lists) co_return fail(std::move(lists).error());
    std::map<std::string, UnitState> found;
    if (!read_loaded(lists->units.get(), found) || !read_installed(lists->files.get(), found))
      co_return fail(ServiceCode::io, "the list of units of {} cannot be read", bus_->shown());
    // All questions are on their way before the first answer is read.
    std::vector<std::pair<UnitState*, std::unique_ptr<Bus::Call>>> asked;
    std::vector<UnitState> out;
    for (auto& [name, state] : found) {
      if (state.load_state != "loaded" || state.active_state != "inactive") continue;
      auto call = bus_->send(
          unit_path(name), kProperties, "Get",
          [](sd_bus_message* m) { return ::sd_bus_message_append(m, "ss", kUnit, "NeedDaemonReload"); },
          kCallLimit);
      if (!call) co_return fail(std::move(call).error());
      asked.emplace_back(&state, std::move(*call));
    }
    for (auto& [state, call] : asked) {
      auto answer = co_await good(*call, "read the state of " + state->name);
      int flag = 0;
      // Unloaded meanwhile: then there is nothing to load anew.
      if (answer && ::sd_bus_message_read(answer->get(), "v", "b", &flag) >= 0)
        state->needs_daemon_reload = flag != 0;
    }
    for (auto& [name, state] : found) {
      if (!state.active_state.empty() && state.active_state != "inactive") {
        auto whole = co_await unit(name);
        if (!whole && whole.error().is(code_name(ServiceCode::no_bus)))
          co_return fail(std::move(whole).error());
        if (whole) state = std::move(*whole);
      }
      if (state.active_state.empty()) state.active_state = "inactive";
      out.push_back(std::move(state));
    }
    co_return out;
  }

  awaitable<Result<bool>> ending() {
    auto self = shared_from_this();
    auto call = bus_->send(
        kPath, kProperties, "Get",
        [](sd_bus_message* m) { return ::sd_bus_message_append(m, "ss", kManager, "SystemState"); },
        kCallLimit);
    if (!call) co_return fail(std::move(call).error());
    auto answer = co_await good(**call, "read the state of the manager");
    if (!answer) co_return fail(std::move(answer).error());
    const char* state = nullptr;
    if (::sd_bus_message_read(answer->get(), "v", "s", &state) < 0)
      co_return fail(ServiceCode::io, "the state of {} cannot be read", bus_->shown());
    co_return std::string_view(state) == "stopping";
  }

  awaitable<Status> order(std::string doing, const char* member, Bus::Fill fill) {
    auto self = shared_from_this();
    auto call = bus_->send(kPath, kManager, member, std::move(fill), kCallLimit);
    if (!call) co_return fail(std::move(call).error());
    auto answer = co_await good(**call, std::move(doing));
    if (!answer) co_return fail(std::move(answer).error());
    co_return ok();
  }

  awaitable<Status> job(const char* verb, const char* member, std::string name, Duration limit) {
    auto self = shared_from_this();
    auto deadline = std::chrono::steady_clock::now() + limit;
    auto wait = std::make_shared<JobWait>(executor_);
    // Before the order, so that a job that is done at once is seen.
    want_jobs();
    jobs_.push_back(wait);
    auto call = bus_->send(kPath, kManager, member, job_arguments(name), std::min(limit, kCallLimit));
    if (!call) co_return fail(std::move(call).error());
    auto doing = fmt::format("{} {}", verb, name);
    auto answer = co_await good(**call, doing);
    if (!answer) co_return fail(std::move(answer).error());
    const char* path = nullptr;
    if (::sd_bus_message_read_basic(answer->get(), 'o', &path) < 0)
      co_return fail(ServiceCode::io, "cannot {}: the manager's answer cannot be read", doing);
    wait->job = path;

    while (true) {
      for (const auto& [job, result] : wait->removed)
        if (job == wait->job) co_return job_result(doing, name, result);
      if (wait->lost)
        co_return fail(ServiceCode::no_bus, "the connection to {} broke while it was about to {}",
                       bus_->shown(), doing);
      if (std::chrono::steady_clock::now() >= deadline)
        co_return fail(error(ServiceCode::timed_out, "cannot {}: {} is not done with it after {}", doing,
                             bus_->shown(), about(limit))
                           .hint("see what it waits for: systemctl {}list-jobs", user_ ? "--user " : ""));
      wait->news.expires_at(deadline);
      co_await wait->news.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  static Bus::Fill job_arguments(std::string name) {
    return [name = std::move(name)](sd_bus_message* m) {
      return ::sd_bus_message_append(m, "ss", name.c_str(), "replace");
    };
  }

  std::shared_ptr<Watched> watch(std::string name, std::function<void(const UnitState&)> changed) {
    auto w = std::make_shared<Watched>();
    w->name = std::move(name);
    w->changed = std::move(changed);
    watches_.push_back(w);
    listen(w, unit_path(w->name));
    if (!manager_back_)
      // Through a bus daemon the connection outlives the manager (daemon-reexec): then all may have changed.
      manager_back_ = bus_->subscribe({.sender = "org.freedesktop.DBus",
                                       .path = "/org/freedesktop/DBus",
                                       .interface = "org.freedesktop.DBus",
                                       .member = "NameOwnerChanged",
                                       .arg0 = kName},
                                      [weak = weak_from_this()](sd_bus_message*) {
                                        if (auto self = weak.lock()) self->up();
                                      });
    asio::co_spawn(executor_, find_own_name(shared_from_this(), w), asio::detached);
    return w;
  }
  void unwatch(const std::shared_ptr<Watched>& w) {
    w->gone = true;
    w->subscription.reset();
    std::erase(watches_, w);
    if (watches_.empty()) manager_back_.reset();
  }

 private:
  void up() {
    // Without it systemd sends nothing through a bus daemon. Its answer says nothing that we could use.
    asio::post(executor_, [weak = weak_from_this()] {
      auto self = weak.lock();
      if (!self) return;
      if (auto call = self->bus_->send(kPath, kManager, "Subscribe", {}, kCallLimit)) {
        asio::co_spawn(
            self->executor_,
            [](std::unique_ptr<Bus::Call> kept) -> awaitable<void> {
              (void)co_await kept->answer();
            }(std::move(*call)),
            asio::detached);
      }
    });
    // What changed in between has told nobody.
    for (const auto& w : watches_) look_again(w);
  }
  void down() {
    for (const auto& wait : jobs_)
      if (auto w = wait.lock()) {
        w->lost = true;
        w->news.cancel();
      }
  }

  /// The answer, or the manager's refusal as an Error.
  awaitable<Result<BusMessage>> good(Bus::Call& call, std::string doing) {
    auto answer = co_await call.answer();
    if (!answer) co_return answer;
    const sd_bus_error* e = ::sd_bus_message_get_error(answer->get());
    if (e == nullptr || e->name == nullptr) co_return answer;
    co_return fail(refusal(e->name, e->message != nullptr ? e->message : "", doing));
  }

  Error refusal(std::string_view name, std::string_view message, std::string_view doing) const {
    auto code =
        denied(name) ? ServiceCode::denied
        : name == "org.freedesktop.systemd1.NoSuchUnit" || name == "org.freedesktop.DBus.Error.UnknownObject"
            ? ServiceCode::no_unit
        : name == "org.freedesktop.DBus.Error.NoReply" || name == "org.freedesktop.DBus.Error.Timeout" ||
                name == "System.Error.ETIMEDOUT"
            ? ServiceCode::timed_out
        : name == "org.freedesktop.DBus.Error.Disconnected" || name == "System.Error.ECONNRESET" ||
                name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
                name == "org.freedesktop.DBus.Error.NameHasNoOwner"
            ? ServiceCode::no_bus
        : name.starts_with("org.freedesktop.systemd1.") ? ServiceCode::job_failed
                                                        : ServiceCode::io;
    auto e = error(code, "cannot {}", doing)
                 .because(error(code, "{} says: {}", bus_->shown(), printable(message)));
    if (code == ServiceCode::denied)
      return std::move(e).hint(
          "run the agent as root, or allow its user the polkit action org.freedesktop.systemd1.manage-units");
    return e;
  }

  Status job_result(const std::string& doing, const std::string& name, const std::string& result) const {
    // "skipped": there was nothing to do.
    if (result == "done" || result == "skipped") return ok();
    return fail(error(ServiceCode::job_failed, "cannot {}: the job ended with {}", doing, quote(result))
                    .hint("see why: journalctl {}-u {} -n 50", user_ ? "--user " : "", name));
  }

  static int first_texts(sd_bus_message* m, const char* row, const char* rest, std::set<std::string>& out) {
    int r = ::sd_bus_message_enter_container(m, 'a', fmt::format("({})", row).c_str());
    while (r >= 0 && (r = ::sd_bus_message_enter_container(m, 'r', row)) > 0) {
      const char* text = nullptr;
      r = ::sd_bus_message_read_basic(m, 's', &text);
      // A unit file stands there with its path.
      if (r >= 0) out.emplace(std::string_view(text).substr(std::string_view(text).rfind('/') + 1));
      if (r >= 0) r = ::sd_bus_message_skip(m, rest);
      if (r >= 0) r = ::sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : ::sd_bus_message_exit_container(m);
  }

  struct Lists {
    BusMessage units, files;
  };
  /// `pattern` must stay until it is done.
  awaitable<Result<Lists>> both_lists(const std::string& pattern) {
    auto fill = [&pattern](sd_bus_message* m) {
      int r = ::sd_bus_message_append(m, "as", 0);
      return r < 0 ? r : ::sd_bus_message_append(m, "as", 1, pattern.c_str());
    };
    auto units = bus_->send(kPath, kManager, "ListUnitsByPatterns", fill, kCallLimit);
    if (!units) co_return fail(std::move(units).error());
    auto files = bus_->send(kPath, kManager, "ListUnitFilesByPatterns", fill, kCallLimit);
    if (!files) co_return fail(std::move(files).error());
    auto doing = fmt::format("list the units {}", pattern);
    auto unit_answer = co_await good(**units, doing);
    if (!unit_answer) co_return fail(std::move(unit_answer).error());
    auto file_answer = co_await good(**files, doing);
    if (!file_answer) co_return fail(std::move(file_answer).error());
    co_return Lists{std::move(*unit_answer), std::move(*file_answer)};
  }

  static bool read_loaded(sd_bus_message* m, std::map<std::string, UnitState>& out) {
    int r = ::sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
    const char *name = nullptr, *description = nullptr, *load = nullptr, *active = nullptr, *sub = nullptr,
               *following = nullptr, *path = nullptr, *job_type = nullptr, *job_path = nullptr;
    std::uint32_t job = 0;
    while (r >= 0 && (r = ::sd_bus_message_read(m, "(ssssssouso)", &name, &description, &load, &active, &sub,
                                                &following, &path, &job, &job_type, &job_path)) > 0) {
      auto& state = out[name];
      state.name = name;
      state.description = description;
      state.load_state = load;
      state.active_state = active;
      state.sub_state = sub;
      state.has_job = job != 0;
    }
    return r >= 0;
  }
  /// After the loaded ones: an instance has the file of its template.
  static bool read_installed(sd_bus_message* m, std::map<std::string, UnitState>& out) {
    std::map<std::string, std::pair<std::string, std::string>> files;  // path, state
    int r = ::sd_bus_message_enter_container(m, 'a', "(ss)");
    const char *path = nullptr, *file_state = nullptr;
    while (r >= 0 && (r = ::sd_bus_message_read(m, "(ss)", &path, &file_state)) > 0) {
      std::string name(std::string_view(path).substr(std::string_view(path).rfind('/') + 1));
      // Another name of a unit that is told by its own.
      if (std::string_view(file_state) == "alias") continue;
      files[name] = {path, file_state};
      if (name.find("@.") == std::string::npos) out[name].name = name;
    }
    for (auto& [name, state] : out) {
      auto own = files.find(name);
      if (auto at = name.find('@'); own == files.end() && at != std::string::npos)
        own = files.find(name.substr(0, at + 1) + name.substr(name.rfind('.')));
      if (own == files.end()) continue;
      state.fragment_path = own->second.first;
      state.unit_file_state = own->second.second;
    }
    return r >= 0;
  }

  void want_jobs() {
    std::erase_if(jobs_, [](const std::weak_ptr<JobWait>& wait) { return wait.expired(); });
    if (jobs_removed_) return;
    jobs_removed_ = bus_->subscribe(
        {.sender = kName, .path = kPath, .interface = kManager, .member = "JobRemoved", .arg0 = {}},
        [this](sd_bus_message* m) {
          std::uint32_t id = 0;
          const char *job = nullptr, *unit = nullptr, *result = nullptr;
          if (::sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0) return;
          for (const auto& wait : jobs_)
            if (auto w = wait.lock(); w && (w->job.empty() || w->job == job)) {
              w->removed.emplace_back(job, result);
              w->news.cancel();
            }
        });
  }

  void listen(const std::shared_ptr<Watched>& w, std::string path) {
    if (w->path == path) return;
    w->path = path;
    w->subscription = bus_->subscribe({.sender = kName,
                                       .path = std::move(path),
                                       .interface = kProperties,
                                       .member = "PropertiesChanged",
                                       .arg0 = {}},
                                      [weak = weak_from_this(), w = std::weak_ptr(w)](sd_bus_message*) {
                                        auto self = weak.lock();
                                        auto watched = w.lock();
                                        if (self && watched) self->look_again(watched);
                                      });
  }

  /// Signals come from the unit's own object, so a watch by an alias must move there.
  static awaitable<void> find_own_name(std::shared_ptr<Core> self, std::shared_ptr<Watched> w) {
    auto call = self->bus_->send(
        unit_path(w->name), kProperties, "Get",
        [](sd_bus_message* m) { return ::sd_bus_message_append(m, "ss", kUnit, "Id"); }, kCallLimit);
    if (!call) co_return;
    auto answer = co_await (*call)->answer();
    if (!answer || w->gone || ::sd_bus_message_is_method_error(answer->get(), nullptr) != 0) co_return;
    const char* id = nullptr;
    if (::sd_bus_message_read(answer->get(), "v", "s", &id) >= 0 && id != w->name)
      self->listen(w, unit_path(id));
  }

  /// Several changes at once (systemd sends one signal per interface) make one reading.
  void look_again(const std::shared_ptr<Watched>& w) {
    if (std::exchange(w->queued, true)) {
      w->again = true;
      return;
    }
    asio::post(executor_, [weak = weak_from_this(), w] {
      if (auto self = weak.lock()) asio::co_spawn(self->executor_, look(self, w), asio::detached);
    });
  }
  static awaitable<void> look(std::shared_ptr<Core> self, std::shared_ptr<Watched> w) {
    do {
      w->again = false;
      if (w->gone) co_return;
      auto state = co_await self->unit(w->name);
      // Not read because the connection broke: the next one looks again.
      if (!w->gone && state) w->changed(*state);
    } while (w->again && !w->gone);
    w->queued = false;
  }

  asio::any_io_executor executor_;
  std::shared_ptr<Bus> bus_;
  bool user_;
  std::vector<std::shared_ptr<Watched>> watches_;
  std::unique_ptr<Bus::Subscription> manager_back_;
  std::vector<std::weak_ptr<JobWait>> jobs_;
  std::unique_ptr<Bus::Subscription> jobs_removed_;
};

class BusServices final : public Services {
 public:
  explicit BusServices(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  BusServices(const BusServices&) = delete;
  BusServices& operator=(const BusServices&) = delete;
  ~BusServices() override { core_->close(); }

  awaitable<Result<UnitState>> unit(std::string name) override { return core_->unit(std::move(name)); }
  awaitable<Result<std::vector<std::string>>> list(std::string pattern) override {
    return core_->list(std::move(pattern));
  }
  awaitable<Result<std::vector<UnitState>>> survey(std::string pattern) override {
    return core_->survey(std::move(pattern));
  }
  awaitable<Status> start(std::string name, Duration limit) override {
    return core_->job("start", "StartUnit", std::move(name), limit);
  }
  awaitable<Status> stop(std::string name, Duration limit) override {
    return core_->job("stop", "StopUnit", std::move(name), limit);
  }
  awaitable<Status> restart(std::string name, Duration limit) override {
    return core_->job("restart", "RestartUnit", std::move(name), limit);
  }
  awaitable<Status> start_nowait(std::string name) override {
    auto doing = "start " + name;
    return core_->order(std::move(doing), "StartUnit", Core::job_arguments(std::move(name)));
  }
  awaitable<Status> reset_failed(std::string name) override {
    auto doing = "reset the failed state of " + name;
    return core_->order(std::move(doing), "ResetFailedUnit", [name = std::move(name)](sd_bus_message* m) {
      return ::sd_bus_message_append(m, "s", name.c_str());
    });
  }
  awaitable<Status> enable(std::string name) override {
    auto doing = "enable " + name;
    return core_->order(std::move(doing), "EnableUnitFiles", [name = std::move(name)](sd_bus_message* m) {
      return ::sd_bus_message_append(m, "asbb", 1, name.c_str(), 0, 0);  // not runtime, not forced
    });
  }
  awaitable<Status> disable(std::string name) override {
    auto doing = "disable " + name;
    return core_->order(std::move(doing), "DisableUnitFiles", [name = std::move(name)](sd_bus_message* m) {
      return ::sd_bus_message_append(m, "asb", 1, name.c_str(), 0);
    });
  }
  awaitable<Status> reload_manager() override {
    return core_->order("reload the unit files", "Reload", [](sd_bus_message*) { return 0; });
  }
  awaitable<Result<bool>> ending() override { return core_->ending(); }
  awaitable<Status> kill_main(std::string name, int signal) override {
    auto doing = fmt::format("send {} to {}", signal_name(signal), name);
    return core_->order(std::move(doing), "KillUnit", [name = std::move(name), signal](sd_bus_message* m) {
      return ::sd_bus_message_append(m, "ssi", name.c_str(), "main", signal);
    });
  }

  std::unique_ptr<Watch> watch(std::string name, std::function<void(const UnitState&)> changed) override {
    return std::make_unique<Handle>(core_, core_->watch(std::move(name), std::move(changed)));
  }

 private:
  struct Handle final : Watch {
    Handle(std::shared_ptr<Core> c, std::shared_ptr<Watched> w) : core(std::move(c)), watched(std::move(w)) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() override { core->unwatch(watched); }
    std::shared_ptr<Core> core;
    std::shared_ptr<Watched> watched;
  };
  std::shared_ptr<Core> core_;
};

}  // namespace

Result<std::unique_ptr<Services>> connect_services(asio::any_io_executor executor,
                                                   std::optional<Account> user) {
  auto own = ::geteuid();
  std::vector<BusAddress> addresses;
  std::string shown = "the system's service manager";
  if (!user) {
    // Its own socket is open to root only, needs no bus daemon and saves a hop.
    if (own == 0) addresses.push_back({.socket = "/run/systemd/private", .peer = 0, .connect_as = {}});
    addresses.push_back(
        {.socket = "/run/dbus/system_bus_socket", .daemon = true, .peer = {}, .connect_as = {}});
  } else {
    shown = fmt::format("the service manager of {}", user->name);
    if (own != 0 && own != user->uid)
      return fail(error(ServiceCode::denied, "cannot connect to {} as another user", shown)
                      .hint("run meshops as {} or as root", user->name));
    auto directory = fmt::format("/run/user/{}", user->uid);
    // In a system service the variable is not set, or is another user's.
    const char* runtime = ::getenv("XDG_RUNTIME_DIR");
    if (own == user->uid && runtime != nullptr && *runtime == '/') directory = runtime;
    addresses.push_back({.socket = directory + "/systemd/private", .peer = user->uid, .connect_as = {}});
    addresses.push_back(
        {.socket = directory + "/bus", .daemon = true, .peer = user->uid, .connect_as = user->uid});
  }
  auto core = std::make_shared<Core>(std::move(executor), std::move(addresses), shown, user.has_value());
  if (auto opened = core->open(); !opened) {
    auto e = std::move(opened).error();
    if (!e.is(code_name(ServiceCode::no_bus))) return fail(std::move(e));
    if (user)
      return fail(std::move(e).hint("let it run without a login: loginctl enable-linger {}", user->name));
    return fail(
        std::move(e).hint("systemd does not run this machine: use runtime = \"process\" or \"docker\""));
  }
  return std::make_unique<BusServices>(std::move(core));
}

}  // namespace meshops
