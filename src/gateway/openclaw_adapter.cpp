#include <nlohmann/json.hpp>

#include "base/text.h"
#include "gateway/adapters.h"
#include "gateway/openclaw_files.h"
#include "gateway/openclaw_log.h"
#include "gateway/probe_layers.h"

namespace meshops {

namespace asio = boost::asio;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

/// Answers are somebody else's: every lookup bears any shape.
json parse_answer(const std::string& body) { return json::parse(body, nullptr, false); }
std::string string_at(const json& object, const char* key) {
  if (!object.is_object()) return {};
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()).substr(0, 200)
                                                     : std::string();
}
std::optional<Duration> uptime_at(const json& object) {
  if (!object.is_object()) return std::nullopt;
  auto found = object.find("uptimeMs");
  if (found == object.end() || !found->is_number()) return std::nullopt;
  auto ms = found->get<double>();
  if (!(ms >= 0 && ms < 1e13)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}
/// "startup-sidecars, telegram": the names in `failing`, at most eight.
std::string failing_at(const json& object) {
  std::string names;
  if (!object.is_object()) return names;
  auto list = object.find("failing");
  if (list == object.end() || !list->is_array()) return names;
  std::size_t count = 0;
  for (const auto& item : *list) {
    if (!item.is_string() || ++count > 8) continue;
    names += (names.empty() ? "" : ", ") + printable(item.get<std::string>()).substr(0, 80);
  }
  return names;
}

Endpoint endpoint_of(const Identity& identity) {
  // It makes its own certificate; that the port is its own was looked at.
  return {"127.0.0.1", identity.port, "",
          identity.tls ? Endpoint::Tls::any_certificate : Endpoint::Tls::none};
}

HttpRequest get(const Endpoint& to, std::string target, Duration timeout) {
  HttpRequest request;
  request.to = to;
  request.target = std::move(target);
  request.limit = timeout;
  request.body_limit = 256U << 10;
  return request;
}

void take_started(Health& health, const HttpAnswer& answer) {
  auto said = parse_answer(answer.body);
  auto status = string_at(said, "status");
  if (auto version = string_at(said, "version"); !version.empty()) health.version = version;
  if (auto uptime = uptime_at(said)) health.uptime = uptime;
  auto& layer = health[Layer::started];
  if (status == "draining") health.draining = true;
  if (answer.status == 404 || (answer.status == 200 && !said.is_object())) {
    // Releases before /startupz: 404, or the control UI's page for any path.
    layer = {LayerState::not_applicable, health.at, std::nullopt, "this version has no /startupz"};
  } else if (answer.status == 200) {
    layer = passing(health, answer.latency);
  } else if (status == "draining") {
    layer = failing_because(health, "draining: it finishes its work and stops or restarts");
  } else {
    auto pending = string_at(said, "pendingReason");
    layer = failing_because(
        health, pending.empty()
                    ? fmt::format("{} ({})", status.empty() ? "not started" : status, answer.status)
                    : fmt::format("{}: waits for {}", status.empty() ? "starting" : status, pending));
  }
}

void take_ready(Health& health, const HttpAnswer& answer) {
  auto said = parse_answer(answer.body);
  auto names = failing_at(said);
  if (auto uptime = uptime_at(said)) health.uptime = uptime;
  if (names.find("gateway-draining") != std::string::npos) health.draining = true;
  const bool denied = said.is_object() && said.contains("ready") && said["ready"] == false;
  if (answer.status == 200 && !denied)
    health[Layer::ready] = passing(health, answer.latency);
  else if (!names.empty())
    health[Layer::ready] = failing_because(health, "not ready: " + names);
  else
    health[Layer::ready] = failing_because(health, fmt::format("/readyz answers {}", answer.status));
}

bool is_challenge(const std::string& message) {
  return string_at(parse_answer(message), "event") == "connect.challenge";
}

/// What a turn's HTTP answer means (the table in the gateway's own contract); ok for a real one.
Status judge_turn(const HttpAnswer& answer, const Identity& identity) {
  auto said = parse_answer(answer.body);
  std::string type;
  std::string message;
  if (said.is_object() && said.contains("error")) {
    type = string_at(said["error"], "type");
    message = without_keys(string_at(said["error"], "message"));
  }
  const auto told = message.empty() ? std::string() : ": " + message;
  switch (answer.status) {
    case 200: {
      auto choices = said.is_object() ? said.find("choices") : said.end();
      if (said.is_object() && choices != said.end() && choices->is_array() && !choices->empty()) return ok();
      return fail(GatewayCode::no_answer, "the turn was answered with 200 but without a choice");
    }
    case 400:
      if (message.find("ultiple agents") != std::string::npos)
        return fail(GatewayCode::not_supported, "the gateway cannot tell which agent is meant{}", told);
      return fail(GatewayCode::no_answer, "the turn was refused (400){}", told);
    case 401:
    case 403:
      if (type == "unauthorized")
        return fail(
            error(GatewayCode::not_supported, "the gateway does not take the token of its own configuration")
                .hint(
                    "set gateway.auth.token in {} and restart it: without one it makes a new token at every "
                    "start",
                    identity.config.string()));
      return fail(GatewayCode::no_answer, "the model's provider refused the key ({}){}", answer.status, told);
    case 404:
    case 405:
      if (message.find("nknown model") != std::string::npos)
        return fail(GatewayCode::no_answer, "the model's provider is not configured{}", told);
      return fail(
          error(GatewayCode::not_supported, "the gateway's chat endpoint is off ({})", answer.status)
              .hint("set gateway.http.endpoints.chatCompletions.enabled to true in {}, or canary = false",
                    identity.config.string()));
    case 429:
      return fail(GatewayCode::no_answer, "the model's provider limits the rate (429){}", told);
    case 500:
      return fail(GatewayCode::no_answer,
                  "the turn failed inside the gateway (500: a full disk, a context overflow or a drain){}",
                  told);
    case 502:
      return fail(GatewayCode::no_answer, "the model's provider fails (502){}", told);
    case 503:
      return fail(GatewayCode::no_answer, "the gateway takes no turns now (503){}", told);
    default:
      return fail(GatewayCode::no_answer, "the turn was answered with {}{}", answer.status, told);
  }
}

/// "openclaw"; with several agents and no default one the gateway wants a name (400 otherwise).
std::string agent_model(const json5::Value& root) {
  auto entries = root.find("agents", "entries");
  if (entries.size() < 2) return "openclaw";
  for (const auto& entry : entries.members())
    if (entry.value.at("default").as_bool().value_or(false)) return "openclaw";
  return "openclaw/" + (entries.at("main") ? "main" : entries.members().front().key);
}

class OpenclawAdapter final : public Adapter {
 public:
  GatewayKind kind() const override { return GatewayKind::openclaw; }

  Result<Identity> identify(const GatewaySpec& spec, const Host& host) const override {
    auto where = openclaw::places(spec, host);
    auto config = openclaw::read_config(spec, where, host);
    Identity identity;
    identity.version = openclaw::installed_version(spec, host);
    identity.state_dir = where.state_dir;
    identity.config = where.config;
    identity.port = openclaw::port_of(spec, where, config);
    identity.note = config.note;
    identity.tls = config.root.find("gateway", "tls", "enabled").as_bool().value_or(false);
    return identity;
  }

  asio::awaitable<Health> probe(const GatewaySpec& spec, const Identity& identity, const ProcessView& view,
                                Host& host, Net& net, Duration timeout, Depth depth) override {
    auto health = unprobed();
    if (!probe_process(health, view, host)) co_return health;
    auto to = endpoint_of(identity);
    bool open = co_await probe_port(health, to, spec, view, host, net, timeout);
    if (!open) co_return health;

    if (depth == Depth::light) {
      auto request = get(to, "/readyz", timeout);
      auto ready = co_await net.http(std::move(request));
      if (ready) take_ready(health, *ready);
      if (health.ok(Layer::ready)) {
        // One answer of the main thread, started, not draining: it proves what is below.
        for (auto layer : {Layer::live, Layer::loop, Layer::started})
          health[layer] = passing(health, ready->latency);
        co_return health;
      }
      health[Layer::ready] = {LayerState::unknown, health.at, std::nullopt, ""};
    }

    auto live_request = get(to, "/healthz", timeout);
    auto live = co_await net.http(std::move(live_request));
    if (!live) {
      health.silent = live.error().is(code_name(NetCode::timed_out));
      health[Layer::live] = failing_because(health, live.error().sentence());
      co_return health;
    }
    if (live->status != 200) {
      health[Layer::live] = failing_because(health, fmt::format("/healthz answers {}", live->status));
      co_return health;
    }
    health[Layer::live] = passing(health, live->latency);

    auto greeting = co_await net.websocket_greeting(to, "/", timeout);
    if (!greeting) {
      health[Layer::loop] = failing_because(health, greeting.error().sentence());
      co_return health;
    }
    if (!is_challenge(greeting->body)) {
      health[Layer::loop] = failing_because(health, "its WebSocket does not begin with connect.challenge");
      co_return health;
    }
    health[Layer::loop] = passing(health, greeting->latency);

    auto started_request = get(to, "/startupz", timeout);
    auto started = co_await net.http(std::move(started_request));
    if (!started) {
      health[Layer::started] = failing_because(health, started.error().sentence());
      co_return health;
    }
    take_started(health, *started);
    if (health[Layer::started].state == LayerState::failing) co_return health;

    auto ready_request = get(to, "/readyz", timeout);
    auto ready = co_await net.http(std::move(ready_request));
    if (ready)
      take_ready(health, *ready);
    else
      health[Layer::ready] = failing_because(health, ready.error().sentence());
    co_return health;
  }

  asio::awaitable<Result<Duration>> canary(const GatewaySpec& spec, const Identity& identity, Host& host,
                                           Net& net, Duration timeout) override {
    auto where = openclaw::places(spec, host);
    auto config = openclaw::read_config(spec, where, host);
    auto credential = openclaw::credential(spec, where, config, host);
    if (credential.needed && credential.bearer.empty())
      co_return fail(error(GatewayCode::not_supported, "cannot try a turn: no token of this gateway is known")
                         .hint("set gateway.auth.token in {}", where.config.string()));
    HttpRequest request;
    request.to = endpoint_of(identity);
    request.method = "POST";
    request.target = "/v1/chat/completions";
    request.headers["Content-Type"] = "application/json";
    request.bearer = std::move(credential.bearer);
    request.limit = timeout;
    json turn;
    turn["model"] = agent_model(config.root);
    turn["stream"] = false;
    turn["messages"] = json::array({{{"role", "user"}, {"content", "Reply with the single word ok."}}});
    // A key of a broken configuration may hold any bytes: replaced, not thrown over.
    request.body = turn.dump(-1, ' ', false, json::error_handler_t::replace);
    auto answer = co_await net.http(std::move(request));
    if (!answer)
      co_return fail(
          error(GatewayCode::no_answer, "the turn got no answer").because(std::move(answer).error()));
    auto judged = judge_turn(*answer, identity);
    if (!judged) co_return fail(std::move(judged).error());
    co_return answer->latency;
  }

  std::optional<TurnSign> turn_sign(const journal::LogLine& line) const override {
    return openclaw::turn_sign(line);
  }

  std::optional<Complaint> complaint(const journal::LogLine& line) const override {
    return openclaw::complaint(line);
  }

  /// It accepts a database of no bytes and begins anew: pairings, cron jobs and approvals would be forgotten.
  Status may_start(const GatewaySpec& spec, const Host& host) const override {
    auto database = openclaw::places(spec, host).state_dir / "state" / "openclaw.sqlite";
    auto info = host.stat(database);
    if (!info || info->kind != FileInfo::Kind::regular || info->size > 0) return ok();
    return fail(
        error(
            GatewayCode::unsafe_start,
            "{} has no bytes: started over it, the gateway would have forgotten its pairings, cron jobs and "
            "approvals",
            database.string())
            .hint("put it back from a backup, or remove it if this gateway is to begin anew"));
  }

  /// Its own budget is 315 s of drain and 15 s to close; its units have TimeoutStopSec=330.
  Duration drain_time() const override { return 330s; }

  Environment supervisor_environment() const override {
    return {{"OPENCLAW_SUPERVISOR_MODE", "external"},  // a failed start ends at once, without a triage child
            {"OPENCLAW_SERVICE_REPAIR_POLICY", "external"},  // its doctor keeps its hands off services
            {"OPENCLAW_NO_RESPAWN", "1"},                    // restarts keep the pid
            {"NO_COLOR", "1"}};
  }

  std::string explain_exit(const Exit& exit) const override {
    if (exit.signal == 6) return "its JavaScript heap was full (raise --max-old-space-size)";
    if (exit.signal == 9) return "killed from outside: out of memory (kernel or cgroup), or kill -9";
    if (!exit.code) return {};
    switch (*exit.code) {
      case 0:
        return "a clean stop";
      case 1:
        return "it could not start (port busy, wrong Node version, a configuration of a newer OpenClaw, a "
               "missing "
               "secret) or not finish its stop";
      case 78:
        return "it refuses its configuration or state (exit 78); its log says which";
      case 79:
        return "its updater could not put the previous version back";
      case 127:
        return "node is not on its PATH";
      case 134:
        return "its JavaScript heap was full (raise --max-old-space-size)";
      case 137:
        return "killed from outside: out of memory (kernel or cgroup), or kill -9";
      default:
        return {};
    }
  }

  bool needs_diagnosis(const Exit& exit) const override { return exit.code == 78; }
};

}  // namespace

std::unique_ptr<Adapter> openclaw_adapter() { return std::make_unique<OpenclawAdapter>(); }

}  // namespace meshops
