#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_host.h"
#include "fakes/fake_net.h"
#include "gateway/gateway.h"
#include "loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct HttpAdapter : testing::Test {
  FakeHost host;
  FakeNet net;
  GatewaySpec spec;
  ProcessView view;
  std::unique_ptr<Adapter> adapter = make_adapter(GatewayKind::http);

  HttpAdapter() {
    spec.kind = GatewayKind::http;
    spec.name = "web";
    spec.url = "http://127.0.0.1:8080/health?deep=1";
    host.process_runs(10, {"web"});
    host.listens(10, 8080);
    view.running = true;
    view.pid = 10;
  }
  Health probe() {
    auto identity = adapter->identify(spec, host);
    return test::run(adapter->probe(spec, identity.value_or(Identity{}), view, host, net, 5s));
  }
};

TEST_F(HttpAdapter, A2xxIsReadyAndItHasOnlyItsOwnLayers) {
  net.answer("GET /health?deep=1", 204);
  auto health = probe();
  std::vector<LayerState> states;
  for (const auto& layer : health.layers) states.push_back(layer.state);
  constexpr auto kNone = LayerState::not_applicable;
  EXPECT_THAT(states, ElementsAre(LayerState::ok, LayerState::ok, LayerState::ok, kNone, kNone,
                                  LayerState::ok, kNone));
  EXPECT_THAT(net.asked, ElementsAre("GET /health?deep=1"));
}

TEST_F(HttpAdapter, AnythingElseIsAliveButNotReady) {
  net.answer("GET /health?deep=1", 503);
  auto health = probe();
  EXPECT_TRUE(health.ok(Layer::live));
  EXPECT_EQ(health.failing(), Layer::ready);
  EXPECT_EQ(health[Layer::ready].reason, "/health?deep=1 answers 503");
}

TEST_F(HttpAdapter, SilenceIsToldApartFromRefusal) {
  net.fails("GET /health?deep=1", error(NetCode::timed_out, "sent nothing"));
  EXPECT_TRUE(probe().silent);
  net.answers.clear();
  auto health = probe();
  EXPECT_FALSE(health.silent);
  EXPECT_EQ(health.failing(), Layer::live);
}

TEST_F(HttpAdapter, TheUrlGivesThePort) {
  EXPECT_EQ(adapter->identify(spec, host)->port, 8080);
  spec.url = "https://x/";
  EXPECT_EQ(adapter->identify(spec, host)->port, 443);
}

TEST_F(HttpAdapter, HasNoRealTurn) {
  auto took = test::run(adapter->canary(spec, {}, host, net, 5s));
  ASSERT_FALSE(took.has_value());
  EXPECT_EQ(took.error().code(), "gateway.not_supported");
}

}  // namespace
}  // namespace meshops
