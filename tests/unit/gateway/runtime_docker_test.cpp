// The docker runtime against an engine in memory: which ends are failures and which are somebody's wish.
#include "gateway/runtimes.h"

#include <gtest/gtest.h>

#include <csignal>

#include "fakes/fake_machine.h"
#include "loop.h"

namespace meshops {
namespace {

using Kind = RuntimeEvent::Kind;

struct DockerRuntimeTest : testing::Test {
  boost::asio::io_context io{1};
  FakeMachine machine{io};
  std::vector<RuntimeEvent> events;
  std::unique_ptr<Runtime> runtime;

  DockerRuntimeTest() {
    machine.the_containers.has("bot", "running", 999'999'999);
    GatewaySpec spec;
    spec.container = "bot";
    runtime = docker_runtime(spec, machine);
    EXPECT_TRUE(test::run(runtime->attach([this](const RuntimeEvent& e) { events.push_back(e); })));
  }
  void ends(int code) {
    auto& bot = machine.the_containers.containers["bot"];
    bot.state = "exited";
    bot.pid = 0;
    bot.exit_code = code;
    test::run(runtime->view());
  }
};

TEST_F(DockerRuntimeTest, ARunningOneIsAdopted) {
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::started);
}

TEST_F(DockerRuntimeTest, AnEndThatNobodyAskedForIsAnExit) {
  ends(137);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::exited);
  EXPECT_EQ(events[1].exit.signal, SIGKILL);
}

TEST_F(DockerRuntimeTest, DockerStopIsAPersonsWish) {
  machine.the_containers.person_asked = true;
  ends(143);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].kind, Kind::stopped_by_person);
}

TEST_F(DockerRuntimeTest, OurOwnSignalIsNobodysWish) {
  machine.the_containers.person_asked = true;  // the engine cannot tell us from a person
  ASSERT_TRUE(test::run(runtime->signal(SIGTERM)));
  ends(143);
  EXPECT_EQ(events.back().kind, Kind::exited);
}

TEST_F(DockerRuntimeTest, ALookInTheMiddleOfAnEndDoesNotTellTheNextStartBeforeIt) {
  machine.the_containers.meanwhile = [this]() -> boost::asio::awaitable<void> { co_await runtime->view(); };
  machine.the_containers.containers["bot"].pid = 999'999'998;  // the engine itself has restarted it
  test::run(runtime->view());
  std::vector<Kind> kinds;
  for (const auto& e : events) kinds.push_back(e.kind);
  EXPECT_EQ(kinds, (std::vector{Kind::started, Kind::exited, Kind::started}));
}

TEST_F(DockerRuntimeTest, AfterANewStartAPersonsWishCountsAgain) {
  ASSERT_TRUE(test::run(runtime->kill_now()));
  ends(137);
  ASSERT_TRUE(test::run(runtime->start()));
  test::run(runtime->view());
  EXPECT_EQ(events.back().kind, Kind::started);
  machine.the_containers.person_asked = true;
  ends(0);
  EXPECT_EQ(events.back().kind, Kind::stopped_by_person);
}

}  // namespace
}  // namespace meshops
