#include "base/text.h"
#include "gateway/adapters.h"
#include "gateway/probe_layers.h"

namespace meshops {

namespace asio = boost::asio;

namespace {

/// Any service with a health URL. We know nothing of its files and exit codes, so we claim nothing about
/// them.
class HttpAdapter final : public Adapter {
 public:
  GatewayKind kind() const override { return GatewayKind::http; }

  Result<Identity> identify(const GatewaySpec& spec, const Host&) const override {
    auto url = TRY(parse_url(spec.url));
    Identity identity;
    identity.port = spec.port.value_or(url.endpoint.port);
    identity.state_dir = spec.state_dir;
    identity.config = spec.config;
    return identity;
  }

  asio::awaitable<Health> probe(const GatewaySpec& spec, const Identity& identity, const ProcessView& view,
                                Host& host, Net& net, Duration timeout, Depth) override {
    auto health = unprobed();
    for (auto layer : {Layer::loop, Layer::started, Layer::works})
      health[layer].state = LayerState::not_applicable;
    if (!probe_process(health, view, host)) co_return health;
    auto url = parse_url(spec.url);
    if (!url) {
      health[Layer::port] = failing_because(health, url.error().sentence());
      co_return health;
    }
    if (identity.port != 0) url->endpoint.port = identity.port;
    bool open = co_await probe_port(health, url->endpoint, spec, view, host, net, timeout);
    if (!open) co_return health;

    HttpRequest request;
    request.to = url->endpoint;
    request.target = url->target;
    request.limit = timeout;
    auto answer = co_await net.http(std::move(request));
    if (!answer) {
      health.silent = answer.error().is(code_name(NetCode::timed_out));
      health[Layer::live] = failing_because(health, answer.error().sentence());
      co_return health;
    }
    health[Layer::live] = passing(health, answer->latency);
    if (answer->status / 100 == 2)
      health[Layer::ready] = passing(health, answer->latency);
    else
      health[Layer::ready] =
          failing_because(health, fmt::format("{} answers {}", url->target, answer->status));
    co_return health;
  }

  asio::awaitable<Result<Duration>> canary(const GatewaySpec& spec, const Identity&, Host&, Net&,
                                           Duration) override {
    return no_canary(spec.name);
  }

  std::optional<TurnSign> turn_sign(const journal::LogLine&) const override { return std::nullopt; }
  Duration drain_time() const override { return std::chrono::seconds(30); }
  Environment supervisor_environment() const override { return {}; }
  std::string explain_exit(const Exit&) const override { return {}; }
  bool needs_diagnosis(const Exit&) const override { return false; }

 private:
  static asio::awaitable<Result<Duration>> no_canary(std::string name) {
    co_return fail(
        error(GatewayCode::not_supported, "{} is of kind http: meshops knows no real turn to try", name)
            .hint("set canary = false for it"));
  }
};

}  // namespace

std::unique_ptr<Adapter> http_adapter() { return std::make_unique<HttpAdapter>(); }

}  // namespace meshops
