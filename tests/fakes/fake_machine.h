// A machine of fakes: what runtimes and discovery work with.
#pragma once

#include <boost/asio/io_context.hpp>

#include "fakes/fake_clock.h"
#include "fakes/fake_containers.h"
#include "fakes/fake_host.h"
#include "fakes/fake_net.h"
#include "fakes/fake_services.h"
#include "gateway/gateway.h"

namespace meshops {

class FakeMachine final : public Machine {
 public:
  explicit FakeMachine(boost::asio::io_context& loop) : loop_(loop) {}

  FakeClock the_clock;
  FakeHost the_host;
  FakeNet the_net;
  FakeContainers the_containers;
  FakeServices system;
  std::map<std::string, FakeServices> of_users;

  boost::asio::any_io_executor executor() override { return loop_.get_executor(); }
  Clock& clock() override { return the_clock; }
  Host& host() override { return the_host; }
  Net& net() override { return the_net; }
  Containers& containers() override { return the_containers; }
  Result<Services*> services(std::optional<Account> user) override {
    return user ? &of_users[user->name] : &system;
  }
  std::filesystem::path state_dir() override { return "/var/lib/meshops"; }

 private:
  boost::asio::io_context& loop_;
};

}  // namespace meshops
