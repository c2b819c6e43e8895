// The systemd runtimes: a unit of the system manager or of a user's manager. systemd stays the parent; we
// watch the unit over D-Bus and order what its own settings would not do, or not yet.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>

#include "base/log.h"
#include "gateway/runtimes.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

class SystemdRuntime final : public Runtime {
 public:
  SystemdRuntime(const GatewaySpec& spec, std::optional<Account> user, Machine& machine)
      : unit_(spec.unit), user_(std::move(user)), machine_(machine) {}

  asio::awaitable<Status> attach(std::function<void(const RuntimeEvent&)> on_event) override {
    on_event_ = std::move(on_event);
    auto services = machine_.services(user_);
    if (!services) co_return fail(services.error());
    auto state = co_await (*services)->unit(unit_);
    if (!state) co_return fail(state.error());
    if (state->load_state == "not-found")
      co_return fail(error(GatewayCode::not_found, "there is no unit {} in the {} manager", unit_, manager())
                         .hint("see what meshops finds with: meshops discover"));
    unit_state_ = *state;
    changed(*state);
    watch_ = (*services)->watch(unit_, [this](const UnitState& now) { changed(now); });
    co_return ok();
  }

  asio::awaitable<ProcessView> view() override {
    ProcessView view;
    if (pid_ == 0) {
      view.stopped_reason = stopped_reason_;
      co_return view;
    }
    auto info = machine_.host().process(pid_);
    if (!info || info->state == 'Z') {
      view.stopped_reason = "its main process has ended";
      if (!info) co_await ask_how_it_ended();
      co_return view;
    }
    view.running = true;
    view.pid = pid_;
    view.start_ticks = info->start_ticks;
    view.cpu = info->cpu;
    view.info = std::move(*info);
    co_return view;
  }

  asio::awaitable<Status> start() override {
    auto services = machine_.services(user_);
    if (!services) co_return fail(services.error());
    auto& manager = **services;
    // A unit that waits out its RestartSec refuses a start but takes a restart (systemd's service_start()).
    if (sub_state_ == "auto-restart") co_return co_await manager.restart(unit_, kJobLimit);
    if (active_state_ == "failed") {
      // Clears start-limit-hit, which would refuse the start.
      auto reset = co_await manager.reset_failed(unit_);
      if (!reset) co_return reset;
    }
    co_return co_await manager.start(unit_, kJobLimit);
  }

  asio::awaitable<Status> stop(Duration drain) override {
    auto services = machine_.services(user_);
    if (!services) co_return fail(services.error());
    co_return co_await (*services)->stop(unit_, drain + 30s);
  }

  asio::awaitable<Status> kill_now() override { co_return co_await signal(SIGKILL); }

  asio::awaitable<Status> signal(int number) override {
    auto services = machine_.services(user_);
    if (!services) co_return fail(services.error());
    co_return co_await (*services)->kill_main(unit_, number);
  }

  asio::awaitable<Result<std::string>> logs(std::size_t lines) override {
    JournalQuery query;
    query.unit = unit_;
    if (user_) query.uid = user_->uid;
    query.last = lines;
    query.at_most = lines;
    auto entries = machine_.host().journal(query);
    if (!entries) co_return fail(entries.error());
    std::string text;
    for (const auto& entry : *entries) text += iso8601(entry.at) + " " + entry.message + "\n";
    co_return text;
  }

  asio::awaitable<Result<std::string>> new_log() override {
    JournalQuery query;
    query.unit = unit_;
    if (user_) query.uid = user_->uid;
    query.after_cursor = log_seen_;
    query.last = query.at_most = 1000;
    auto entries = machine_.host().journal(query);
    if (!entries) co_return fail(entries.error());
    std::string text;
    for (const auto& entry : *entries)
      if (text.size() < kMostOfLog) text += entry.message + "\n";
    if (!entries->empty()) log_seen_ = entries->back().cursor;
    co_return text;
  }

  GatewaySpec as_run(GatewaySpec spec) const override {
    add_from_unit(spec, unit_state_);
    return spec;
  }

  std::string describe() const override { return fmt::format("systemd ({}) {}", manager(), unit_); }

 private:
  // Type=notify units answer the job only when they are ready; ours may need minutes.
  static constexpr auto kJobLimit = 20min;

  static constexpr std::size_t kMostOfLog = 1U << 20;

  std::string manager() const { return user_ ? "user " + user_->name : std::string("system"); }

  void changed(const UnitState& now) {
    bool had_failed = active_state_ == "failed";
    active_state_ = now.active_state;
    sub_state_ = now.sub_state;
    bool up = now.main_pid != 0 && (now.active_state == "active" || now.active_state == "activating" ||
                                    now.active_state == "reloading");
    if (up) {
      if (now.main_pid == pid_ && now.invocation_id == invocation_) return;
      // The end of the one before may have been too quick for us to see.
      if (pid_ != 0) tell_end(now, RuntimeEvent::Kind::exited);
      pid_ = now.main_pid;
      invocation_ = now.invocation_id;
      on_event_({.kind = RuntimeEvent::Kind::started, .pid = pid_, .exit = {}, .detail = {}});
      return;
    }
    if (now.active_state == "deactivating" || now.active_state == "active") return;  // not over yet
    bool waiting = now.sub_state == "auto-restart" || now.sub_state == "auto-restart-queued";
    if (now.active_state == "activating" && !waiting) return;
    stopped_reason_ = now.result == "success" ? std::string("the unit is stopped")
                                              : fmt::format("the unit failed: {}", now.result);
    if (pid_ == 0 && told_ == now.invocation_id + now.sub_state) return;
    told_ = now.invocation_id + now.sub_state;
    // systemd says "inactive, success" for `systemctl stop` and for a clean end that Restart= does not cover;
    // both are somebody's decision, not a failure.
    bool by_person = now.active_state == "inactive" && now.result == "success" && now.sub_state == "dead";
    bool never_ran = by_person && !now.last_exit && pid_ == 0;
    if (never_ran) return;  // simply not started yet (after a boot): the supervision asks for a start
    if (by_person && had_failed && pid_ == 0)
      return;  // reset-failed, by us or by a person: nothing was stopped
    if (by_person && user_ && pid_ != 0) {
      // A user's manager that ends with the last login stops its units just so.
      asio::co_spawn(machine_.executor(), tell_who_stopped_it(now), asio::detached);
      return;
    }
    tell_end(now, by_person ? RuntimeEvent::Kind::stopped_by_person : RuntimeEvent::Kind::exited);
  }

  asio::awaitable<void> tell_who_stopped_it(UnitState now) {
    std::weak_ptr<int> alive = alive_;
    auto stopped = pid_;
    bool manager_ends = true;
    if (auto services = machine_.services(user_)) {
      auto ending = co_await (*services)->ending();
      if (alive.expired() || pid_ != stopped) co_return;  // told meanwhile
      manager_ends = !ending || *ending;                  // out of reach: it has ended
    }
    if (manager_ends) stopped_reason_ = fmt::format("the {} manager has ended", manager());
    tell_end(now, manager_ends ? RuntimeEvent::Kind::exited : RuntimeEvent::Kind::stopped_by_person);
  }

  /// The process is gone and no change of the unit was heard: a user's manager ends, and its bus with it,
  /// when the last session of a user without linger does. Nobody would ever tell.
  asio::awaitable<void> ask_how_it_ended() {
    std::weak_ptr<int> alive = alive_;
    auto gone = pid_;
    auto services = machine_.services(user_);
    Result<UnitState> now = fail(ServiceCode::no_bus, "the {} manager cannot be asked", manager());
    if (services)
      now = co_await (*services)->unit(unit_);
    else
      now = fail(services.error());
    if (alive.expired() || pid_ != gone) co_return;  // told meanwhile
    if (now) {
      changed(*now);
      co_return;
    }
    pid_ = 0;
    told_.clear();
    active_state_ = sub_state_ = "unknown";
    stopped_reason_ = now.error().text();
    on_event_({.kind = RuntimeEvent::Kind::exited, .pid = gone, .exit = {}, .detail = stopped_reason_});
  }

  void tell_end(const UnitState& now, RuntimeEvent::Kind kind) {
    auto pid = std::exchange(pid_, 0);
    on_event_({.kind = kind,
               .pid = pid,
               .exit = now.last_exit.value_or(Exit{}),
               .detail = now.result == "success" || now.result == "exit-code" || now.result == "signal"
                             ? std::string()
                             : now.result});
  }

  std::string unit_;
  std::optional<Account> user_;
  Machine& machine_;
  std::function<void(const RuntimeEvent&)> on_event_;
  std::unique_ptr<Services::Watch> watch_;
  UnitState unit_state_;  // as it was at attach: what it runs, for whom
  std::string active_state_, sub_state_, invocation_, told_;
  std::string log_seen_;  // the cursor of the last entry read
  std::string stopped_reason_ = "not started";
  pid_t pid_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace

void add_from_unit(GatewaySpec& spec, const UnitState& unit) {
  if (spec.command.empty()) spec.command = unit.exec_start;
  if (spec.user.empty()) spec.user = unit.user;
  for (const auto& assignment : unit.environment) {
    auto eq = assignment.find('=');
    if (eq == std::string::npos) continue;
    auto name = assignment.substr(0, eq);
    // A token is not needed to know who it is, and must not travel.
    bool secret = name.contains("TOKEN") || name.contains("PASSWORD") || name.contains("SECRET");
    if ((name == "HOME" || name.starts_with("OPENCLAW_")) && !secret)
      spec.environment.emplace(name, assignment.substr(eq + 1));
  }
}

std::unique_ptr<Runtime> systemd_runtime(const GatewaySpec& spec, std::optional<Account> user,
                                         Machine& machine) {
  return std::make_unique<SystemdRuntime>(spec, std::move(user), machine);
}

}  // namespace meshops
