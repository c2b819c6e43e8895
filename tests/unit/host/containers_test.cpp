#include "host/containers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "fakes/fake_net.h"

using namespace meshops;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

namespace {

template <class T>
T wait(boost::asio::awaitable<T> work) {
  boost::asio::io_context io;
  std::optional<T> out;
  boost::asio::co_spawn(
      io, [&]() -> boost::asio::awaitable<void> { out.emplace(co_await std::move(work)); },
      boost::asio::detached);
  io.run();
  return std::move(*out);
}

constexpr auto kList = R"([
 {"Id":"4f1c","Names":["/other/alias","/openclaw"],"Image":"openclaw:2026.9","ImageID":"sha256:9","Command":"node x",
  "Created":1732420000,"Ports":[{"IP":"127.0.0.1","PrivatePort":18789,"PublicPort":28789,"Type":"tcp"},
  {"PrivatePort":9,"Type":"udp"}],"State":"running","Status":"Up 3 minutes",
  "Mounts":[{"Type":"bind","Source":"/srv/claw","Destination":"/home/node/.openclaw","Mode":"","RW":true}]},
 {"Id":"77aa","Names":["/old"],"Image":"x","State":"exited","Status":"Exited (137) 2 hours ago","Ports":[]}])";

constexpr auto kInspect = R"({"Id":"4f1c","Name":"/openclaw","Path":"tini","Args":["--","node","gateway"],
 "State":{"Status":"exited","Running":false,"OOMKilled":true,"Dead":false,"Pid":0,"ExitCode":137},
 "RestartCount":3,"HostConfig":{"RestartPolicy":{"Name":"unless-stopped","MaximumRetryCount":0},
   "PortBindings":{"18789/tcp":[{"HostIp":"","HostPort":"28789"}]}},
 "Config":{"Image":"openclaw:2026.9","Env":["OPENCLAW_GATEWAY_TOKEN=hunter2","PATH=/bin","ODD"],"Labels":{"Env":"x"}},
 "NetworkSettings":{"Ports":{}},"Mounts":[{"Source":"/srv/claw","Destination":"/data"}]})";

class EngineTest : public testing::Test {
 protected:
  FakeNet net;
  std::unique_ptr<Containers> containers = engine(net, "/run/docker.sock");
};

}  // namespace

TEST(ContainerAnswers, AListHasNamesStatesPortsAndMounts) {
  auto list = parse_container_list(kList);
  ASSERT_TRUE(list) << list.error().text();
  ASSERT_EQ(list->size(), 2U);
  const auto& c = list->at(0);
  EXPECT_EQ(c.id, "4f1c");
  EXPECT_EQ(c.name, "openclaw");
  EXPECT_EQ(c.image, "openclaw:2026.9");
  EXPECT_EQ(c.state, "running");
  ASSERT_EQ(c.ports.size(), 2U);
  EXPECT_EQ(c.ports[0].host_address, "127.0.0.1");
  EXPECT_EQ(c.ports[0].host_port, 28789);
  EXPECT_EQ(c.ports[0].container_port, 18789);
  EXPECT_EQ(c.ports[1].host_port, 0);
  EXPECT_THAT(c.mounts, ElementsAre(Pair("/srv/claw", "/home/node/.openclaw")));
  EXPECT_EQ(list->at(1).state, "exited");
  EXPECT_EQ(list->at(1).exit_code, 137);
}

TEST(ContainerAnswers, AContainerTellsHowItEndedAndWhatItWishes) {
  auto c = parse_container(kInspect);
  ASSERT_TRUE(c) << c.error().text();
  EXPECT_EQ(c->name, "openclaw");
  EXPECT_EQ(c->state, "exited");
  EXPECT_EQ(c->exit_code, 137);
  EXPECT_TRUE(c->oom_killed);
  EXPECT_EQ(c->restarts, 3U);
  EXPECT_EQ(c->restart_policy, "unless-stopped");
  EXPECT_THAT(c->command, ElementsAre("tini", "--", "node", "gateway"));
  ASSERT_EQ(c->ports.size(), 1U);
  EXPECT_EQ(c->ports[0].host_port, 28789);
}

TEST(ContainerAnswers, OfTheEnvironmentOnlyTheNamesAreKept) {
  auto c = parse_container(kInspect);
  ASSERT_TRUE(c);
  EXPECT_THAT(c->environment_names, ElementsAre("OPENCLAW_GATEWAY_TOKEN", "PATH", "ODD"));
}

TEST(ContainerAnswers, WrongTypesAreEmptyAndNotACrash) {
  auto c = parse_container(
      R"({"Id":"x","Name":7,"State":[],"RestartCount":"3","Config":{"Env":{"a":1}},"Mounts":{},
    "Args":5,"HostConfig":null,"NetworkSettings":{"Ports":{"tcp":[1],"70000/tcp":null,"80/tcp":[{"HostPort":"x"}]}}})");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->name, "");
  EXPECT_EQ(c->restarts, 0U);
  EXPECT_EQ(parse_container(R"({"Id":"x","State":{"Pid":99999999999,"ExitCode":-1}})")->pid, 0);
  EXPECT_EQ(parse_container(R"({"Id":"x","State":{"ExitCode":-1}})")->exit_code, -1);
}

TEST(ContainerAnswers, WhatIsNoAnswerOfAnEngineIsRefused) {
  for (auto text : {"", "null", "{}", "[1]", "[{}]", "{\"Id\":\"\"}", "<html>", "[{\"Id\":\"a\"}"}) {
    EXPECT_FALSE(parse_container_list(text) && std::string_view(text) != "[]") << text;
    EXPECT_FALSE(parse_container(text)) << text;
  }
}

TEST(ContainerLogs, FramesAreTakenOffAndBothStreamsKept) {
  using namespace std::string_literals;
  EXPECT_EQ(unframe_log("\1\0\0\0\0\0\0\4one\n\2\0\0\0\0\0\0\4two\n"s), "one\ntwo\n");
  EXPECT_EQ(unframe_log("\1\0\0\0\0\0\0\7cut"s), "cut");
  EXPECT_EQ(unframe_log("\1\0\0\0\0\0\0\1aX"s), "a");
  EXPECT_EQ(unframe_log(""), "");
}

TEST(ContainerLogs, TextOfATerminalStaysAsItIs) {
  EXPECT_EQ(unframe_log("plain text\r\n"), "plain text\r\n");
}

TEST_F(EngineTest, AsksOnItsSocketForAllContainers) {
  net.answer("GET /v1.41/containers/json?all=1", 200, kList);
  auto list = wait(containers->list());
  ASSERT_TRUE(list) << list.error().text();
  EXPECT_EQ(list->size(), 2U);
  EXPECT_EQ(net.endpoints.at(0).unix_path, "/run/docker.sock");
}

TEST_F(EngineTest, OrdersAndTheirDrainTime) {
  net.answer("POST /v1.41/containers/4f1c/start", 204);
  net.answer("POST /v1.41/containers/4f1c/stop?t=12", 204);
  net.answer("POST /v1.41/containers/4f1c/kill?signal=9", 204);
  EXPECT_TRUE(wait(containers->start("4f1c")));
  EXPECT_TRUE(wait(containers->stop("4f1c", 11500ms)));
  EXPECT_TRUE(wait(containers->kill("4f1c", 9)));
  EXPECT_GE(net.requests.at(1).limit, 15s) << "the engine answers only after the drain";
}

TEST_F(EngineTest, AlreadyAsWishedIsGood) {
  net.answer("POST /v1.41/containers/4f1c/start", 304);
  EXPECT_TRUE(wait(containers->start("4f1c")));
}

TEST_F(EngineTest, ANameCannotChangeTheRequest) {
  net.answer("GET /v1.41/containers/..%2F..%2Fx%3Fy%20z/json", 404, R"({"message":"No such container"})");
  auto c = wait(containers->inspect("../../x?y z"));
  ASSERT_FALSE(c);
  EXPECT_EQ(c.error().code(), "engine.no_container");
  EXPECT_THAT(c.error().text(), HasSubstr("No such container"));
}

TEST_F(EngineTest, ARefusalIsExplained) {
  net.answer("POST /v1.41/containers/4f1c/start", 500, R"({"message":"port is already allocated"})");
  auto started = wait(containers->start("4f1c"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), "engine.refused");
  EXPECT_THAT(started.error().text(), HasSubstr("port is already allocated"));
}

TEST_F(EngineTest, NoEngineAndNoRightAreToldApartWithWhatToDo) {
  net.fails("GET /v1.41/containers/json?all=1",
            error(NetCode::no_socket, "there is no socket /run/docker.sock"));
  auto list = wait(containers->list());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), "engine.no_engine");
  net.fails("GET /v1.41/containers/json?all=1", error(NetCode::not_permitted, "permission denied"));
  list = wait(containers->list());
  EXPECT_EQ(list.error().code(), "engine.not_permitted");
  EXPECT_THAT(list.error().for_people(), HasSubstr("group docker"));
}

TEST_F(EngineTest, ALogIsReadInWindowsThatMeetWithoutOverlap) {
  net.answer("GET /v1.41/containers/4f1c/logs?stdout=1&stderr=1&tail=1000&since=100.250&until=115.009999999",
             200, "plain\n");
  auto log = wait(containers->logs_between("4f1c", WallTime(std::chrono::milliseconds(100'250)),
                                           WallTime(std::chrono::milliseconds(115'010))));
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ(*log, "plain\n");
}

TEST_F(EngineTest, ALogThatIsTooLongIsAskedForShorter) {
  using namespace std::string_literals;
  net.fails("GET /v1.41/containers/4f1c/logs?stdout=1&stderr=1&tail=80",
            error(NetCode::too_large, "too large"));
  net.answer("GET /v1.41/containers/4f1c/logs?stdout=1&stderr=1&tail=10", 200, "\1\0\0\0\0\0\0\3hi\n"s);
  auto log = wait(containers->logs("4f1c", 80));
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ(*log, "hi\n");
}
