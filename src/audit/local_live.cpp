#include "audit/local_live.h"

#include <sys/statvfs.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "audit/local_peers.h"
#include "audit/site.h"
#include "host/host.h"
#include "host/run_async.h"
#include "net/net.h"

namespace meshops::audit {

namespace asio = boost::asio;

namespace {

constexpr auto kToolLimit = std::chrono::seconds(10);
constexpr std::size_t kMostContainers = 200;

asio::awaitable<Result<std::vector<UnitState>>> ask_manager(Services& services) {
  auto names = co_await services.list("*.service");
  if (!names) co_return fail(names.error());
  std::vector<UnitState> units;
  for (auto& name : *names) {
    // A template has no state of its own.
    if (name.find("@.") != std::string::npos) continue;
    auto unit = co_await services.unit(name);
    if (unit) units.push_back(std::move(*unit));
  }
  co_return units;
}

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
  if (answer->status != 200)
    return fail(AuditCode::io, "the engine answered {} to {}", answer->status, target);
  return std::move(answer->body);
}

Result<std::string> containers() {
  auto list = nlohmann::json::parse(TRY(engine("/containers/json")), nullptr, false);
  if (!list.is_array()) return fail(AuditCode::io, "the engine's list of containers cannot be read");
  auto all = nlohmann::json::array();
  for (const auto& one : list) {
    if (all.size() >= kMostContainers || !one.is_object() || !one.contains("Id") || !one["Id"].is_string())
      continue;
    auto detail = engine("/containers/" + one["Id"].get<std::string>() + "/json");
    if (!detail) continue;  // it has ended meanwhile
    all.push_back(nlohmann::json::parse(*detail, nullptr, false));
  }
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Of the images of running containers, each once.
Result<std::string> image_history() {
  auto list = nlohmann::json::parse(TRY(engine("/containers/json")), nullptr, false);
  if (!list.is_array()) return fail(AuditCode::io, "the engine's list of containers cannot be read");
  std::map<std::string, std::string> names;  // by id
  for (const auto& one : list)
    if (one.is_object() && names.size() < kMostContainers)
      names.try_emplace(one.value("ImageID", ""), one.value("Image", ""));
  names.erase("");
  auto all = nlohmann::json::array();
  for (const auto& [id, name] : names) {
    auto history = engine("/images/" + id + "/history");
    if (!history) continue;  // it has been removed meanwhile
    all.push_back({{"Image", name}, {"History", nlohmann::json::parse(*history, nullptr, false)}});
  }
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::string> reserved_blocks() {
  std::string out;
  auto host = local_host();
  for (const auto& system : TRY(host->file_systems())) {
    struct statvfs state{};
    if (!system.device.starts_with("/dev/") || ::statvfs(system.mount_point.c_str(), &state) != 0) continue;
    out += fmt::format("{} {} {} {}\n", system.mount_point, state.f_blocks, state.f_bfree - state.f_bavail,
                       state.f_frsize);
  }
  return out;
}

Result<std::string> answer(Question question, const Mesh& mesh) {
  switch (question) {
    case Question::sshd_effective:
      return tool({"sshd", "-T"});
    case Question::firewall_nft:
      return tool({"nft", "-j", "list", "ruleset"});
    case Question::firewall_iptables:
      return tool({"iptables-save"});
    case Question::bans:
      return tool({"fail2ban-client", "banned"});
    case Question::containers:
      return containers();
    case Question::engine_usage:
      return engine("/system/df");
    case Question::engine_info:
      return engine("/info");
    case Question::packages:
      return tool({"dpkg-query", "-W"});
    case Question::image_history:
      return image_history();
    case Question::peers:
      return ask_peers(mesh);
    case Question::resolvers:
      return ask_resolvers(mesh);
    case Question::clock:
      return tool({"timedatectl", "show"});
    case Question::reserved_blocks:
      return reserved_blocks();
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
        loop, [&]() -> asio::awaitable<void> { result = co_await ask_manager(*services); }, asio::detached);
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
