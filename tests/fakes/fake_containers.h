// A container engine in memory: obeys at once, records its orders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/containers.h"

namespace meshops {

class FakeContainers final : public Containers {
 public:
  std::map<std::string, ContainerInfo> containers;          // by name
  std::optional<Error> refusal;                             // of everything
  std::vector<std::string> orders;                          // "start bot", "kill bot 9"
  bool person_asked = false;                                // for the last end
  std::function<boost::asio::awaitable<void>()> meanwhile;  // while it is asked how something ended
  pid_t next_pid = 2000;

  ContainerInfo& has(const std::string& name, std::string state = "running", pid_t pid = 0) {
    auto& c = containers[name];
    c = {.id = std::string(64 - name.size(), '0') + name, .name = name, .image = "openclaw:latest"};
    c.state = std::move(state);
    c.pid = pid;
    c.command = {"node", "openclaw.mjs", "gateway"};
    c.started = WallTime(std::chrono::seconds(1'000'000));
    return c;
  }

  boost::asio::awaitable<Result<std::vector<ContainerInfo>>> list() override {
    if (refusal) co_return fail(*refusal);
    std::vector<ContainerInfo> out;
    for (const auto& [name, c] : containers) out.push_back(c);
    co_return out;
  }
  boost::asio::awaitable<Result<ContainerInfo>> inspect(std::string name) override {
    if (refusal) co_return fail(*refusal);
    auto it = containers.find(name);
    if (it == containers.end()) co_return fail(EngineCode::no_container, "there is no container {}", name);
    co_return it->second;
  }
  boost::asio::awaitable<Status> start(std::string name) override {
    orders.push_back("start " + name);
    containers[name].state = "running";
    containers[name].pid = next_pid++;
    co_return ok();
  }
  boost::asio::awaitable<Status> stop(std::string name, Duration) override {
    orders.push_back("stop " + name);
    containers[name].state = "exited";
    containers[name].pid = 0;
    co_return ok();
  }
  boost::asio::awaitable<Status> kill(std::string name, int signal) override {
    orders.push_back("kill " + name + " " + std::to_string(signal));
    co_return ok();
  }
  boost::asio::awaitable<Result<bool>> end_was_asked(std::string, WallTime, WallTime) override {
    if (auto now = std::exchange(meanwhile, {})) co_await now();
    co_return person_asked;
  }
  boost::asio::awaitable<Result<std::string>> logs(std::string, std::size_t) override { co_return ""; }
  boost::asio::awaitable<Result<std::string>> logs_between(std::string, WallTime, WallTime) override {
    co_return "";
  }
};

}  // namespace meshops
