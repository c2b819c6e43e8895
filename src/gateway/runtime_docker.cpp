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
    changed(*info);
    co_return ok();
  }

  asio::awaitable<ProcessView> view() override {
    ProcessView view;
    auto info = co_await machine_.containers().inspect(container_);
    if (!info) {
      view.stopped_reason = info.error().text();
      co_return view;
    }
    changed(*info);
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

  asio::awaitable<Status> start() override { co_return co_await machine_.containers().start(container_); }
  asio::awaitable<Status> stop(Duration drain) override {
    co_return co_await machine_.containers().stop(container_, drain);
  }
  asio::awaitable<Status> kill_now() override { co_return co_await signal(SIGKILL); }
  asio::awaitable<Status> signal(int number) override {
    co_return co_await machine_.containers().kill(container_, number);
  }
  asio::awaitable<Result<std::string>> logs(std::size_t lines) override {
    co_return co_await machine_.containers().logs(container_, lines);
  }
  std::string describe() const override { return "docker " + container_; }

 private:
  void changed(const ContainerInfo& info) {
    bool up = info.state == "running" && info.pid > 0;
    if (up && info.pid == pid_) return;
    if (pid_ != 0) tell_end(info);
    if (!up) return;
    pid_ = info.pid;
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
          if (!alive.expired() && info) self->changed(*info);
        }(this, alive_),
        asio::detached);
  }

  void tell_end(const ContainerInfo& info) {
    auto pid = std::exchange(pid_, 0);
    // The engine reports signals as 128 + n, like a shell.
    Exit exit = info.exit_code > 128 && info.exit_code < 128 + 65
                    ? Exit{.code = {}, .signal = info.exit_code - 128}
                    : Exit{.code = info.exit_code, .signal = {}};
    on_event_({.kind = RuntimeEvent::Kind::exited,
               .pid = pid,
               .exit = exit,
               .detail = info.oom_killed ? "out of memory" : ""});
  }

  std::string container_;
  Machine& machine_;
  std::function<void(const RuntimeEvent&)> on_event_;
  std::unique_ptr<ExitWatch> watch_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  pid_t pid_ = 0;
};

}  // namespace

std::unique_ptr<Runtime> docker_runtime(const GatewaySpec& spec, Machine& machine) {
  return std::make_unique<DockerRuntime>(spec, machine);
}

}  // namespace meshops
