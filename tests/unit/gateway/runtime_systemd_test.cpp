// The systemd runtimes against a manager in memory: an end that nobody tells is still seen.
#include <gtest/gtest.h>

#include <csignal>

#include "fakes/fake_machine.h"
#include "gateway/runtimes.h"
#include "loop.h"

namespace meshops {
namespace {

using Kind = RuntimeEvent::Kind;
constexpr auto kUnit = "openclaw-gateway.service";
constexpr pid_t kPid = 811;

struct SystemdRuntimeTest : testing::Test {
  boost::asio::io_context io{1};
  FakeMachine machine{io};
  std::vector<RuntimeEvent> events;
  std::unique_ptr<Runtime> runtime;

  SystemdRuntimeTest() {
    manager().has(kUnit, "active", "running", kPid);
    machine.the_host.process_runs(kPid, {"openclaw-gateway"});
    GatewaySpec spec;
    spec.unit = kUnit;
    runtime = systemd_runtime(spec, Account{"ada", 1000, 1000, "/home/ada"}, machine);
    EXPECT_TRUE(test::run(runtime->attach([this](const RuntimeEvent& e) { events.push_back(e); })));
  }
  FakeServices& manager() { return machine.of_users["ada"]; }
  void look() { (void)test::run(runtime->view()); }
};

TEST_F(SystemdRuntimeTest, AProcessThatEndsWithItsManagerHasEnded) {
  machine.the_host.running.clear();
  manager().refusals.emplace(std::string("unit ") + kUnit, error(ServiceCode::no_bus, "there is no bus"));
  look();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::exited);
  EXPECT_EQ(events[1].pid, kPid);
  EXPECT_NE(events[1].detail.find("there is no bus"), std::string::npos);
  look();
  EXPECT_EQ(events.size(), 2U) << "told once";
  // Linger was enabled, and its manager has started it.
  machine.the_host.process_runs(900, {"openclaw-gateway"});
  manager().change(kUnit, [](UnitState& s) { s.main_pid = 900, s.invocation_id = "b"; });
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[2].kind, Kind::started);
}

TEST_F(SystemdRuntimeTest, AManagerThatEndsHasStoppedItAndNotAPerson) {
  auto stopped = [](UnitState& s) {
    s.active_state = "inactive", s.sub_state = "dead", s.main_pid = 0;
    s.last_exit = Exit{.code = 0, .signal = {}};
  };
  manager().ends = true;
  manager().change(kUnit, stopped);
  io.poll();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::exited) << "the last login of a user without linger has ended";
}

TEST_F(SystemdRuntimeTest, APersonsStopIsAPersonsStop) {
  manager().change(kUnit, [](UnitState& s) {
    s.active_state = "inactive", s.sub_state = "dead", s.main_pid = 0;
    s.last_exit = Exit{.code = 0, .signal = {}};
  });
  look();  // before it was known who it was
  io.poll();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::stopped_by_person);
}

TEST_F(SystemdRuntimeTest, AnEndWhoseWordWasLostIsAskedFor) {
  machine.the_host.running.clear();
  auto& state = manager().units[kUnit];
  state.active_state = "failed";
  state.sub_state = "failed";
  state.result = "signal";
  state.main_pid = 0;
  state.last_exit = Exit{.code = {}, .signal = SIGKILL};
  look();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::exited);
  EXPECT_EQ(events[1].exit.signal, SIGKILL);
  manager().tell(kUnit);
  EXPECT_EQ(events.size(), 2U) << "the word that comes late is no second end";
}

TEST_F(SystemdRuntimeTest, AProcessThatIsJustBeingReapedIsNotAskedAbout) {
  machine.the_host.running[kPid].state = 'Z';
  look();
  EXPECT_EQ(events.size(), 1U);
}

}  // namespace
}  // namespace meshops
