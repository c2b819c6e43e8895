#include "audit/local_live.h"

#include <sys/statvfs.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>

#include "audit/live_answers.h"
#include "audit/local_peers.h"
#include "audit/site.h"
#include "host/host.h"
#include "host/run_async.h"
#include "net/net.h"

namespace meshops::audit {

namespace asio = boost::asio;

namespace {

constexpr auto kToolLimit = std::chrono::seconds(10);

Result<std::string> tool(std::vector<std::string> argv) {
  RunOptions options{.environment = tool_environment(), .limit = kToolLimit};
  auto output = run(argv, options);
  if (!output && output.error().is("process.cannot_start"))
    return fail(error(AuditCode::not_here, "there is no {} here", argv[0]).because(output.error()));
  if (!output) return fail(output.error());
  if (!output->exit.clean()) return fail(AuditCode::io, "{} ended with {}", argv[0], output->exit.text());
  return std::move(output->out);
}

std::string engine_socket() {
  auto environment = own_environment();
  if (auto named = environment["DOCKER_HOST"]; named.starts_with("unix://")) return named.substr(7);
  return "/var/run/docker.sock";
}

Result<std::string> engine(const std::string& target) {
  HttpRequest request{.target = target, .limit = kToolLimit, .body_limit = 16U << 20};
  request.to.unix_path = engine_socket();
  auto answer = http_blocking(std::move(request));
  if (!answer && answer.error().is("net.no_socket"))
    return fail(error(AuditCode::not_here, "no container engine runs here").because(answer.error()));
  if (!answer) return fail(answer.error());
  CHECK_OK(engine_agreed(answer->status, target));
  return std::move(answer->body);
}

Result<std::string> reserved_blocks() {
  std::string out;
  auto host = local_host();
  for (const auto& system : TRY(host->file_systems())) {
    struct statvfs state{};
    if (!system.device.starts_with("/dev/") || ::statvfs(system.mount_point.c_str(), &state) != 0) continue;
    out += reserved_line(system.mount_point, state.f_blocks, state.f_bfree - state.f_bavail, state.f_frsize);
  }
  return out;
}

Result<std::string> answer(Question question, const Mesh& mesh) {
  if (auto argv = tool_for(question); !argv.empty()) return tool(std::move(argv));
  switch (question) {
    case Question::containers:
    case Question::engine_usage:
    case Question::engine_info:
    case Question::image_history:
      return ask_engine(question, engine);
    case Question::peers:
      return ask_peers(mesh);
    case Question::resolvers:
      return ask_resolvers(mesh);
    case Question::reserved_blocks:
      return reserved_blocks();
    default:
      break;
  }
  return fail(AuditCode::io, "nobody knows how to ask for that");
}

class LocalLive final : public Live {
 public:
  explicit LocalLive(Mesh mesh) : mesh_(std::move(mesh)) {}

  Result<std::vector<UnitState>> units(const std::optional<Account>& manager) const override {
    auto slot = once(units_, manager ? manager->name : "");
    std::call_once(slot->once, [&] { slot->value = ask(manager); });
    return *slot->value;
  }
  Result<std::string> ask(Question question) const override {
    auto slot = once(answers_, std::string(text(question)));
    std::call_once(slot->once, [&] { slot->value = answer(question, mesh_); });
    return *slot->value;
  }

 private:
  template <class T>
  struct Slot {
    std::once_flag once;
    std::optional<Result<T>> value;
  };
  template <class T>
  using Slots = std::map<std::string, std::shared_ptr<Slot<T>>>;

  template <class T>
  std::shared_ptr<Slot<T>> once(Slots<T>& slots, const std::string& key) const {
    std::scoped_lock lock(mutex_);
    auto& slot = slots[key];
    if (!slot) slot = std::make_shared<Slot<T>>();
    return slot;
  }

  static Result<std::vector<UnitState>> ask(const std::optional<Account>& manager) {
    asio::io_context loop;
    auto services = TRY(connect_services(loop.get_executor(), manager));
    std::optional<Result<std::vector<UnitState>>> result;
    asio::co_spawn(
        loop, [&]() -> asio::awaitable<void> { result = co_await services->survey("*.service"); },
        asio::detached);
    while (!result && loop.run_one() > 0) {
    }
    if (!result) return fail(AuditCode::io, "the service manager does not answer");
    return std::move(*result);
  }

  Mesh mesh_;
  mutable std::mutex mutex_;
  mutable Slots<std::vector<UnitState>> units_;
  mutable Slots<std::string> answers_;
};

}  // namespace

std::unique_ptr<Live> local_live(Mesh mesh) { return std::make_unique<LocalLive>(std::move(mesh)); }

}  // namespace meshops::audit
