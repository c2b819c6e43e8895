#include <map>

#include "gateway/gateway.h"
#include "gateway/runtimes.h"

namespace meshops {

namespace {

class LocalMachine final : public Machine {
 public:
  LocalMachine(boost::asio::any_io_executor executor, const Mesh& mesh)
      : executor_(std::move(executor)), state_dir_(mesh.state_dir), host_(local_host()), net_(real_net()) {
    auto environment = own_environment();
    std::string socket = "/var/run/docker.sock";
    if (auto named = environment["DOCKER_HOST"]; named.starts_with("unix://")) socket = named.substr(7);
    containers_ = engine(*net_, socket);
  }

  boost::asio::any_io_executor executor() override { return executor_; }
  Clock& clock() override { return clock_; }
  Host& host() override { return *host_; }
  Net& net() override { return *net_; }
  Containers& containers() override { return *containers_; }
  std::filesystem::path state_dir() override { return state_dir_; }

  Result<Services*> services(std::optional<Account> user) override {
    constexpr uid_t kSystem = static_cast<uid_t>(-1);
    auto key = user ? user->uid : kSystem;
    if (auto known = services_.find(key); known != services_.end()) return known->second.get();
    auto made = TRY(connect_services(executor_, user));
    return (services_[key] = std::move(made)).get();
  }

 private:
  boost::asio::any_io_executor executor_;
  std::filesystem::path state_dir_;
  SystemClock clock_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<Net> net_;
  std::unique_ptr<Containers> containers_;
  std::map<uid_t, std::unique_ptr<Services>> services_;
};

}  // namespace

std::unique_ptr<Machine> local_machine(boost::asio::any_io_executor executor, const Mesh& mesh) {
  return std::make_unique<LocalMachine>(std::move(executor), mesh);
}

Result<std::unique_ptr<Runtime>> make_runtime(const GatewaySpec& spec, const Adapter& adapter,
                                              const Limits& limits, Machine& machine) {
  switch (spec.runtime) {
    case RuntimeKind::process:
      return process_runtime(spec, adapter, limits, machine);
    case RuntimeKind::systemd_system:
      return systemd_runtime(spec, std::nullopt, machine);
    case RuntimeKind::systemd_user: {
      auto who = spec.user.empty() ? own_account() : TRY(account(spec.user));
      return systemd_runtime(spec, who, machine);
    }
    case RuntimeKind::docker:
      return docker_runtime(spec, machine);
  }
  return fail(GatewayCode::not_supported, "gateway {} has a runtime this build does not know", spec.name);
}

}  // namespace meshops
