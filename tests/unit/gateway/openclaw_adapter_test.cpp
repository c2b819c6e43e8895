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
using testing::IsEmpty;
using testing::Not;

constexpr auto kChallenge = R"({"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1}})";
constexpr auto kStarted = R"({"ok":true,"status":"started","version":"2026.9.6","uptimeMs":4742})";
constexpr auto kReady = R"({"ready":true,"failing":[],"uptimeMs":4750,"eventLoop":{}})";

/// A gateway with pid 10 in a service of its own, all well; each test breaks one thing.
struct OpenclawAdapter : testing::Test {
  FakeHost host;
  FakeNet net;
  GatewaySpec spec;
  Identity identity;
  ProcessView view;
  std::unique_ptr<Adapter> adapter = make_adapter(GatewayKind::openclaw);

  OpenclawAdapter() {
    spec.name = "main";
    spec.runtime = RuntimeKind::systemd_system;
    spec.user = "root";
    identity.port = 18789;
    identity.config = "/root/.openclaw/openclaw.json";
    host.process_runs(10, {"openclaw-gateway"}, "/system.slice/openclaw-gateway.service");
    host.listens(10, 18789);
    view.running = true;
    view.pid = 10;
    view.start_ticks = 1000;
    view.info = host.running[10];
    net.answer("GET /healthz", 200, R"({"ok":true,"status":"live"})");
    net.answer("GET /startupz", 200, kStarted);
    net.answer("GET /readyz", 200, kReady);
    net.greets(kChallenge);
  }
  Health probe(Depth depth = Depth::full) {
    return test::run(adapter->probe(spec, identity, view, host, net, 5s, depth));
  }
  static std::vector<LayerState> states(const Health& health) {
    std::vector<LayerState> out;
    for (const auto& layer : health.layers) out.push_back(layer.state);
    return out;
  }
};
constexpr auto kOk = LayerState::ok;
constexpr auto kFailing = LayerState::failing;
constexpr auto kUnknown = LayerState::unknown;

TEST_F(OpenclawAdapter, AWellOneIsOkUpToReadyAndNobodyClaimsThatItWorks) {
  auto health = probe();
  EXPECT_THAT(states(health), ElementsAre(kOk, kOk, kOk, kOk, kOk, kOk, kUnknown));
  EXPECT_EQ(health.version, "2026.9.6");
  EXPECT_EQ(health.uptime, 4750ms);
  EXPECT_FALSE(health.silent || health.draining);
  EXPECT_TRUE(health[Layer::live].latency.has_value());
  EXPECT_THAT(net.asked, ElementsAre("GET /healthz", "websocket /", "GET /startupz", "GET /readyz"));
}

TEST_F(OpenclawAdapter, ALightProbeAsksOneThingAndLeavesNoTraceInItsLog) {
  auto health = probe(Depth::light);
  EXPECT_THAT(states(health), ElementsAre(kOk, kOk, kOk, kOk, kOk, kOk, kUnknown));
  EXPECT_EQ(health.uptime, 4750ms);
  EXPECT_THAT(net.asked, ElementsAre("GET /readyz"));
}

TEST_F(OpenclawAdapter, ALightProbeThatIsNotGoodBecomesAFullOne) {
  net.answer("GET /readyz", 503, R"({"ready":false,"failing":["telegram"]})");
  auto health = probe(Depth::light);
  EXPECT_THAT(states(health), ElementsAre(kOk, kOk, kOk, kOk, kOk, kFailing, kUnknown));
  EXPECT_EQ(health[Layer::ready].reason, "not ready: telegram");
}

TEST_F(OpenclawAdapter, AProcessThatDoesNotRunIsAskedNothing) {
  view = {};
  view.stopped_reason = "exit code 78";
  auto health = probe();
  EXPECT_EQ(health[Layer::process].reason, "exit code 78");
  EXPECT_THAT(states(health),
              ElementsAre(kFailing, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown));
  EXPECT_THAT(net.asked, IsEmpty());
}

TEST_F(OpenclawAdapter, StoppedAndZombieProcessesFailAtTheLowestLayer) {
  host.running[10].state = 'T';
  EXPECT_EQ(probe()[Layer::process].reason, "stopped (SIGSTOP): state T");
  host.running[10].state = 't';
  EXPECT_THAT(probe()[Layer::process].reason, HasSubstr("debugger"));
  host.running[10].state = 'Z';
  EXPECT_THAT(probe()[Layer::process].reason, HasSubstr("state Z"));
  host.running.erase(10);
  EXPECT_EQ(probe()[Layer::process].reason, "its process 10 has ended");
}

TEST_F(OpenclawAdapter, ARecycledPidIsNotTheGateway) {
  host.running[10].start_ticks = 999999;
  EXPECT_EQ(probe().failing(), Layer::process);
}

TEST_F(OpenclawAdapter, AClosedPortIsToldWithoutConnecting) {
  host.listening.clear();
  auto health = probe();
  EXPECT_THAT(states(health), ElementsAre(kOk, kFailing, kUnknown, kUnknown, kUnknown, kUnknown, kUnknown));
  EXPECT_EQ(health[Layer::port].reason, "nothing listens on port 18789");
  EXPECT_THAT(net.asked, IsEmpty());
}

TEST_F(OpenclawAdapter, APortThiefIsNamedAndNotTakenForTheGateway) {
  host.listening.clear();
  host.process_runs(66, {"nc"}, "/user.slice").comm = "nc";
  host.listens(66, 18789);
  auto health = probe();
  EXPECT_EQ(health.failing(), Layer::port);
  EXPECT_EQ(health[Layer::port].reason, "port 18789 is held by pid 66 (nc)");
  EXPECT_THAT(net.asked, IsEmpty());
}

TEST_F(OpenclawAdapter, AThiefOfTheLoopbackAddressIsSeenBesideTheGatewaysOwnListener) {
  host.listening.clear();
  host.listens(10, 18789, "::1", "tcp6");
  host.process_runs(66, {"nc"}, "/user.slice");
  host.listens(66, 18789, "127.0.0.1");
  EXPECT_EQ(probe().failing(), Layer::port);
}

TEST_F(OpenclawAdapter, AChildOrTheSameServiceMayHoldThePort) {
  host.listening.clear();
  host.process_runs(11, {"node"}, "/elsewhere").parent = 10;
  host.listens(11, 18789);
  EXPECT_TRUE(probe().ok(Layer::port));

  host.listening.clear();
  host.process_runs(12, {"node"}, "/system.slice/openclaw-gateway.service");
  host.listens(12, 18789);
  EXPECT_TRUE(probe().ok(Layer::port));

  // Our own children share our cgroup, so there it proves nothing.
  spec.runtime = RuntimeKind::process;
  EXPECT_FALSE(probe().ok(Layer::port));
}

TEST_F(OpenclawAdapter, WhereNobodyMayLookAConnectionDecides) {
  host.listening[0].pids.clear();
  net.connects = Result<Duration>(1ms);
  EXPECT_TRUE(probe().ok(Layer::port));
  EXPECT_EQ(net.asked.front(), "connect");
  host.listening[0].uid = 1001;
  EXPECT_THAT(probe()[Layer::port].reason, HasSubstr("process of user 1001"));
}

TEST_F(OpenclawAdapter, AContainersPortIsFoundByConnecting) {
  spec.runtime = RuntimeKind::docker;
  host.listening.clear();
  EXPECT_EQ(probe().failing(), Layer::port);
  net.connects = Result<Duration>(1ms);
  EXPECT_TRUE(probe().ok(Layer::ready));
}

TEST_F(OpenclawAdapter, AnAddressOtherThanLoopbackIsProbedWhereItIs) {
  host.listening.clear();
  host.listens(10, 18789, "10.0.0.7");
  auto health = probe();
  EXPECT_TRUE(health.ok(Layer::ready));
  EXPECT_EQ(net.endpoints.back().host, "10.0.0.7");
}

TEST_F(OpenclawAdapter, AHungOneIsSilent) {
  net.fails("GET /healthz",
            error(NetCode::timed_out, "127.0.0.1:18789 took the connection but sent nothing within 5 s"));
  auto health = probe();
  EXPECT_TRUE(health.silent);
  EXPECT_THAT(states(health), ElementsAre(kOk, kOk, kFailing, kUnknown, kUnknown, kUnknown, kUnknown));
  EXPECT_THAT(health[Layer::live].reason, HasSubstr("sent nothing within 5 s"));
  EXPECT_THAT(net.asked, ElementsAre("GET /healthz"));
}

TEST_F(OpenclawAdapter, ARefusedConnectionFailsButIsNotSilence) {
  net.answers.erase("GET /healthz");
  auto health = probe();
  EXPECT_FALSE(health.silent);
  EXPECT_EQ(health.failing(), Layer::live);
}

TEST_F(OpenclawAdapter, AWebSocketThatDoesNotChallengeFailsTheLoop) {
  net.greets("{\"type\":\"event\",\"event\":\"hello\"}");
  EXPECT_EQ(probe().failing(), Layer::loop);
  net.greets("not json at all");
  EXPECT_EQ(probe().failing(), Layer::loop);
  net.greeting.reset();
  EXPECT_EQ(probe().failing(), Layer::loop);
}

TEST_F(OpenclawAdapter, AStartingOneSaysWhatItWaitsFor) {
  net.answer(
      "GET /startupz", 503,
      R"({"ok":false,"status":"starting","version":"2026.9.6","uptimeMs":1241,"pendingReason":"startup-sidecars"})");
  auto health = probe();
  EXPECT_THAT(states(health), ElementsAre(kOk, kOk, kOk, kOk, kFailing, kUnknown, kUnknown));
  EXPECT_EQ(health[Layer::started].reason, "starting: waits for startup-sidecars");
  EXPECT_EQ(health.version, "2026.9.6");
  EXPECT_EQ(health.uptime, 1241ms);
  EXPECT_FALSE(health.draining);
}

TEST_F(OpenclawAdapter, ADrainingOneIsSeenAtEitherProbe) {
  net.answer("GET /startupz", 503, R"({"ok":false,"status":"draining","version":"2026.9.6","uptimeMs":9})");
  EXPECT_TRUE(probe().draining);
  net.answer("GET /startupz", 200, kStarted);
  net.answer("GET /readyz", 503, R"({"ready":false,"failing":["gateway-draining"]})");
  auto health = probe();
  EXPECT_TRUE(health.draining);
  EXPECT_EQ(health.failing(), Layer::ready);
}

TEST_F(OpenclawAdapter, AnOldReleaseWithoutStartupzIsNotFailed) {
  net.answer("GET /startupz", 404);
  auto health = probe();
  EXPECT_EQ(health[Layer::started].state, LayerState::not_applicable);
  EXPECT_TRUE(health.ok(Layer::ready));
  net.answer("GET /startupz", 200, "<!doctype html>");
  EXPECT_EQ(probe()[Layer::started].state, LayerState::not_applicable);
}

TEST_F(OpenclawAdapter, AnswersOfAnyShapeAreBorne) {
  for (const auto* body :
       {"", "[]", "null", "7", "{\"failing\":7,\"uptimeMs\":\"x\",\"version\":[],\"ready\":\"no\"}",
        "{\"failing\":[1,null,{\"a\":1}],\"uptimeMs\":-1e300,\"pendingReason\":{}}", "\xff\xfe{",
        "{\"failing\":[\"a\\u001b[2J\"]}"}) {
    for (int status : {200, 503}) {
      net.answer("GET /healthz", 200, body);
      net.answer("GET /startupz", status, body);
      net.answer("GET /readyz", status, body);
      auto health = probe();
      for (const auto& layer : health.layers) EXPECT_EQ(layer.reason.find('\x1b'), std::string::npos);
    }
  }
}

TEST_F(OpenclawAdapter, OneThatServesTlsIsAskedOverTls) {
  identity.tls = true;
  auto health = probe();
  EXPECT_TRUE(health.ok(Layer::ready));
  for (const auto& request : net.requests) EXPECT_EQ(request.to.tls, Endpoint::Tls::any_certificate);
}

// ---- canary

struct Canary : OpenclawAdapter {
  Canary() {
    host.file("/root/.openclaw/openclaw.json", "{ gateway: { mode: 'local', auth: { token: 's3cret' } } }");
  }
  Result<Duration> canary() { return test::run(adapter->canary(spec, identity, host, net, 60s)); }
  Result<Duration> after(int status, std::string body) {
    net.answer("POST /v1/chat/completions", status, std::move(body));
    return canary();
  }
};

TEST_F(Canary, AnAnsweredTurnIsGood) {
  auto took = after(200, R"({"choices":[{"message":{"role":"assistant","content":"ok"}}]})");
  ASSERT_TRUE(took.has_value()) << took.error().text();
  EXPECT_EQ(*took, 3ms);
  const auto& request = net.requests.back();
  EXPECT_EQ(request.bearer.reveal(), "s3cret");
  EXPECT_THAT(request.body, HasSubstr(R"("model":"openclaw")"));
  EXPECT_EQ(request.limit, 60s);
}

TEST_F(Canary, AMissingEndpointSaysHowToTurnItOn) {
  for (int status : {404, 405}) {
    auto took = after(status, "Not Found");
    ASSERT_FALSE(took.has_value());
    EXPECT_EQ(took.error().code(), "gateway.not_supported");
    EXPECT_THAT(took.error().hint_text(), HasSubstr("gateway.http.endpoints.chatCompletions.enabled"));
  }
}

TEST_F(Canary, AModelWithoutProviderIsNotAMissingEndpoint) {
  auto took =
      after(404, R"({"error":{"message":"Unknown model: nosuch/m. Check.","type":"invalid_request_error"}})");
  ASSERT_FALSE(took.has_value());
  EXPECT_EQ(took.error().code(), "gateway.no_answer");
  EXPECT_THAT(took.error().sentence(), HasSubstr("Unknown model: nosuch/m"));
}

TEST_F(Canary, OurTokenRefusedIsNotTheProvidersRefusal) {
  EXPECT_EQ(after(401, R"({"error":{"message":"Unauthorized","type":"unauthorized"}})").error().code(),
            "gateway.not_supported");
  auto provider = after(
      401,
      R"({"error":{"message":"401 Incorrect API key provided: sk-abc123def","type":"authentication_error"}})");
  EXPECT_EQ(provider.error().code(), "gateway.no_answer");
  EXPECT_THAT(provider.error().text(), HasSubstr("Incorrect API key"));
  EXPECT_THAT(provider.error().text(), Not(HasSubstr("sk-abc123def")));
}

TEST_F(Canary, EveryOtherAnswerIsNamed) {
  EXPECT_THAT(after(429, R"({"error":{"message":"slow down","type":"rate_limit_error"}})").error().sentence(),
              HasSubstr("limits the rate (429): slow down"));
  EXPECT_THAT(
      after(502, R"({"error":{"message":"upstream provider error","type":"api_error"}})").error().sentence(),
      HasSubstr("provider fails (502)"));
  EXPECT_THAT(after(500, R"({"error":{"message":"internal error"}})").error().sentence(),
              HasSubstr("full disk"));
  EXPECT_EQ(after(400, R"({"error":{"message":"Multiple agents are configured, but …"}})").error().code(),
            "gateway.not_supported");
  EXPECT_EQ(after(200, R"({"choices":[]})").error().code(), "gateway.no_answer");
  EXPECT_EQ(after(200, "<html>").error().code(), "gateway.no_answer");
}

TEST_F(Canary, WithoutATokenNothingIsSent) {
  host.file("/root/.openclaw/openclaw.json", "{ gateway: { mode: 'local' } }");
  auto took = canary();
  ASSERT_FALSE(took.has_value());
  EXPECT_EQ(took.error().code(), "gateway.not_supported");
  EXPECT_THAT(net.asked, IsEmpty());
}

TEST_F(Canary, SeveralAgentsAreNamed) {
  host.file("/root/.openclaw/openclaw.json",
            "{ gateway: { auth: { mode: 'none' } }, agents: { entries: { work: {}, home: {} } } }");
  (void)after(200, "");
  EXPECT_THAT(net.requests.back().body, HasSubstr(R"("model":"openclaw/work")"));
  EXPECT_TRUE(net.requests.back().bearer.empty());
}

TEST_F(Canary, ATimeoutIsNoAnswerAndHoldsNoToken) {
  net.fails("POST /v1/chat/completions", error(NetCode::timed_out, "nothing within 60 s"));
  auto took = canary();
  ASSERT_FALSE(took.has_value());
  EXPECT_EQ(took.error().code(), "gateway.no_answer");
  EXPECT_THAT(took.error().text(), Not(HasSubstr("s3cret")));
}

// ---- exits

TEST_F(OpenclawAdapter, ExitsAreExplainedAndOnly78NeedsDiagnosis) {
  EXPECT_TRUE(adapter->needs_diagnosis({.code = 78, .signal = {}}));
  EXPECT_FALSE(adapter->needs_diagnosis({.code = 1, .signal = {}}));
  EXPECT_FALSE(adapter->needs_diagnosis({.code = {}, .signal = 9}));
  for (int code : {0, 1, 78, 79, 127, 134, 137})
    EXPECT_NE(adapter->explain_exit({.code = code, .signal = {}}), "");
  EXPECT_THAT(adapter->explain_exit({.code = {}, .signal = 9}), HasSubstr("out of memory"));
  EXPECT_EQ(adapter->explain_exit({.code = 3, .signal = {}}), "");
  EXPECT_EQ(adapter->explain_exit({}), "");
}

TEST_F(OpenclawAdapter, ItIsToldThatItIsSupervised) {
  auto environment = adapter->supervisor_environment();
  EXPECT_EQ(environment.at("OPENCLAW_SUPERVISOR_MODE"), "external");
  EXPECT_EQ(environment.at("OPENCLAW_NO_RESPAWN"), "1");
  EXPECT_FALSE(environment.contains("NODE_COMPILE_CACHE"));  // it would fork, and we would hold the wrong pid
  EXPECT_EQ(adapter->drain_time(), 330s);
}

}  // namespace
}  // namespace meshops
