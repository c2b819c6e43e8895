// Which of the units, containers and processes of a machine are gateways, and which of them ought to run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_machine.h"
#include "loop.h"

namespace meshops {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

struct Discovering : testing::Test {
  boost::asio::io_context io{1};
  FakeMachine machine{io};
  UnitState& unit(const std::string& name, const std::string& enabled, std::string active = "inactive",
                  pid_t pid = 0) {
    machine.system.has(name, active, active == "active" ? "running" : "dead", pid);
    auto& state = machine.system.units[name];
    state.unit_file_state = enabled;
    state.exec_start = {"/usr/bin/node", "/opt/openclaw/dist/index.js", "gateway"};
    return state;
  }
  std::vector<Discovered> found() { return test::run(discover(machine)).gateways; }
};

TEST_F(Discovering, AUnitAndItsProcessAreOneGateway) {
  unit("openclaw-gateway.service", "enabled", "active", 50);
  machine.the_host.process_runs(50, {"openclaw-gateway"}, "/system.slice/openclaw-gateway.service").comm =
      "openclaw-gatewa";
  auto gateways = found();
  ASSERT_THAT(gateways, SizeIs(1));
  EXPECT_EQ(gateways[0].spec.unit, "openclaw-gateway.service");
  EXPECT_TRUE(gateways[0].running);
  EXPECT_TRUE(gateways[0].enabled);
  EXPECT_EQ(gateways[0].pid, 50);
  EXPECT_THAT(gateways[0].evidence, SizeIs(2));
}

TEST_F(Discovering, AUnitThatFailedOrIsEnabledIsExpectedToRunAPutAsideOneIsNot) {
  unit("openclaw-a.service", "enabled");
  unit("openclaw-b.service", "disabled", "failed");
  unit("openclaw-c.service", "disabled");
  std::map<std::string, bool> expected;
  for (const auto& g : found()) expected[g.spec.unit] = g.expected;
  EXPECT_TRUE(expected.at("openclaw-a.service"));
  EXPECT_TRUE(expected.at("openclaw-b.service"));
  EXPECT_FALSE(expected.at("openclaw-c.service"));
}

TEST_F(Discovering, AUnitOfOpenclawThatStartsNoGatewayIsNone) {
  unit("openclaw-backup.service", "enabled").exec_start = {"/usr/bin/openclaw", "backup", "create"};
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Discovering, AContainerAndItsProcessAreOneGateway) {
  auto& container = machine.the_containers.has("bot", "running", 70);
  machine.the_host.process_runs(70, {"openclaw-gateway"}, "/system.slice/docker-" + container.id + ".scope")
      .comm = "openclaw-gatewa";
  auto gateways = found();
  ASSERT_THAT(gateways, SizeIs(1));
  EXPECT_EQ(gateways[0].spec.container, "bot");
  EXPECT_TRUE(gateways[0].expected);
}

TEST_F(Discovering, AProcessOfAMachineContainerIsThatMachines) {
  machine.the_host.process_runs(80, {"openclaw-gateway"}, "/machine.slice/x/system.slice/openclaw.service")
      .comm = "openclaw-gatewa";
  machine.the_host.file("/proc/self/status", "Name:\tmeshops\nNSpid:\t7\n");
  machine.the_host.file("/proc/80/status", "Name:\topenclaw-gatewa\nNSpid:\t80\t12\n");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Discovering, ASandboxOfOpenclawIsNoGateway) {
  auto& sandbox = machine.the_containers.has("openclaw-sbx-agent-main");
  sandbox.image = "openclaw-sandbox:bookworm-slim";
  sandbox.command = {"sleep", "infinity"};
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Discovering, AContainerThatHasEndedIsFoundButNotExpected) {
  machine.the_containers.has("bot", "exited");
  auto gateways = found();
  ASSERT_THAT(gateways, SizeIs(1));
  EXPECT_FALSE(gateways[0].expected);
}

TEST_F(Discovering, WhatCannotBeLookedAtIsSaid) {
  machine.the_containers.refusal = error(EngineCode::no_engine, "no container engine answers");
  EXPECT_THAT(test::run(discover(machine)).skipped, SizeIs(1));
}

TEST_F(Discovering, AMachineWithoutAnEngineHasNoContainers) {
  machine.the_containers.refusal = error(EngineCode::no_engine, "no container engine answers")
                                       .because(error(NetCode::no_socket, "there is no socket"));
  EXPECT_THAT(test::run(discover(machine)).skipped, IsEmpty());
}

}  // namespace
}  // namespace meshops
