// The docker runtime: a container of the engine. Its main process is a process of this machine too, so its
// end is seen at once by pidfd; the engine is asked for everything else.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>

#include "base/log.h"
#include "gateway/exit_watch.h"
#include "gateway/runtimes.h"

namespace meshops {

namespace asio = boost::asio;

namespace {

class DockerRuntime final : public Runtime {
 public:
  DockerRuntime(const GatewaySpec& spec, Machine& machine) : container_(spec.container), machine_(machine) {}

  asio::awaitable<Status> attach(std::function<void(const RuntimeEvent&)> on_event) override {
    on_event_ = std::move(on_event);
    auto info = co_await machine_.containers().inspect(container_);
    if (!info) co_return fail(info.error());
    co_await changed(*info);
    co_return ok();
  }

  asio::awaitable<ProcessView> view() override {
    ProcessView view;
    auto info = co_await machine_.containers().inspect(container_);
    if (!info) {
      view.stopped_reason = info.error().text();
      co_return view;
    }
    co_await changed(*info);
    view.running = info->state == "running";
    view.pid = info->pid;
    if (!view.running) view.stopped_reason = "the container is " + info->state;
    if (view.running && info->pid > 0)
      if (auto process = machine_.host().process(info->pid)) {
        view.start_ticks = process->start_ticks;
        view.cpu = process->cpu;
        view.info = std::move(*process);
      }
    co_return view;
  }

  asio::awaitable<Status> start() override {
    end_is_ours_ = false;
    co_return co_await machine_.containers().start(container_);
  }
  asio::awaitable<Status> stop(Duration drain) override {
    end_is_ours_ = true;
    co_return co_await machine_.containers().stop(container_, drain);
  }
  asio::awaitable<Status> kill_now() override { co_return co_await signal(SIGKILL); }
  asio::awaitable<Status> signal(int number) override {
    end_is_ours_ = end_is_ours_ || number == SIGTERM || number == SIGKILL;
    co_return co_await machine_.containers().kill(container_, number);
  }
  asio::awaitable<Result<std::string>> logs(std::size_t lines) override {
    co_return co_await machine_.containers().logs(container_, lines);
  }
  asio::awaitable<Result<std::string>> new_log() override {
    auto now = machine_.clock().wall();
    auto since = log_seen_.value_or(now - kFirstLook);
    auto text = co_await machine_.containers().logs_between(container_, since, now);
    if (text) log_seen_ = now;
    co_return text;
  }
  std::string describe() const override { return "docker " + container_; }

 private:
  asio::awaitable<void> changed(const ContainerInfo& info) {
    // It waits for the engine in the middle: a second look must not tell the start before the first has told
    // the end.
    if (changing_) co_return;
    changing_ = true;
    std::weak_ptr<int> alive = alive_;
    co_await tell_change(info);
    if (!alive.expired()) changing_ = false;
  }

  asio::awaitable<void> tell_change(const ContainerInfo& info) {
    bool up = (info.state == "running" || info.state == "paused") && info.pid > 0;
    if (up && info.pid == pid_) co_return;
    if (pid_ != 0) {
      std::weak_ptr<int> alive = alive_;
      co_await tell_end(std::exchange(pid_, 0), info);
      if (alive.expired()) co_return;
    }
    if (!up) co_return;
    pid_ = info.pid;
    end_is_ours_ = false;
    watch_.reset();
    if (auto pidfd = open_pidfd(pid_))
      watch_ =
          std::make_unique<ExitWatch>(machine_.executor(), std::move(*pidfd), [this] { process_ended(); });
    on_event_({.kind = RuntimeEvent::Kind::started, .pid = pid_, .exit = {}, .detail = {}});
  }

  void process_ended() {
    // Ask the engine how it ended; it needs a moment to know.
    asio::co_spawn(
        machine_.executor(),
        [](DockerRuntime* self, std::weak_ptr<int> alive) -> asio::awaitable<void> {
          auto info = co_await self->machine_.containers().inspect(self->container_);
          if (!alive.expired() && info) co_await self->changed(*info);
        }(this, alive_),
        asio::detached);
  }

  asio::awaitable<void> tell_end(pid_t pid, const ContainerInfo& info) {
    std::weak_ptr<int> alive = alive_;
    auto kind = RuntimeEvent::Kind::exited;
    if (!end_is_ours_ && info.started) {
      auto asked =
          co_await machine_.containers().end_was_asked(info.id, *info.started, machine_.clock().wall());
      if (alive.expired()) co_return;
      // The engine itself treats both `docker stop` and `docker kill` as a person's wish, and so do we.
      if (asked && *asked) kind = RuntimeEvent::Kind::stopped_by_person;
    }
    // The engine reports signals as 128 + n, like a shell.
    Exit exit = info.exit_code > 128 && info.exit_code < 128 + 65
                    ? Exit{.code = {}, .signal = info.exit_code - 128}
                    : Exit{.code = info.exit_code, .signal = {}};
    on_event_({.kind = kind, .pid = pid, .exit = exit, .detail = info.oom_killed ? "out of memory" : ""});
  }

  static constexpr auto kFirstLook = std::chrono::hours(6);

  std::string container_;
  Machine& machine_;
  std::function<void(const RuntimeEvent&)> on_event_;
  std::unique_ptr<ExitWatch> watch_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::optional<WallTime> log_seen_;  // up to here
  pid_t pid_ = 0;
  bool end_is_ours_ = false;  // we asked for its end
  bool changing_ = false;     // changed() is at it
};

}  // namespace

std::unique_ptr<Runtime> docker_runtime(const GatewaySpec& spec, Machine& machine) {
  return std::make_unique<DockerRuntime>(spec, machine);
}

}  // namespace meshops
