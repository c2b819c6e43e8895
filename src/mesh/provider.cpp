#include "mesh/provider.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "base/secret_file.h"
#include "base/text.h"
#include "config/values.h"
#include "mesh/provider_gcp.h"
#include "mesh/provider_vultr.h"

namespace meshops::mesh {

namespace asio = boost::asio;

bool can_reset(const Mesh& mesh, const NodeSpec& node) {
  if (node.instance.starts_with("gcp:")) return !mesh.reset.gcp_key_file.empty();
  return node.instance.starts_with("vultr:") && !mesh.reset.vultr_key_file.empty();
}

Result<std::unique_ptr<Provider>> provider_of(const Mesh& mesh, const NodeSpec& node, Net& net,
                                              const Clock& clock, ProviderPatience patience) {
  if (node.instance.empty())
    return fail(error(ProviderCode::not_configured,
                      "mesh.toml does not say what {}'s machine is called by its provider", node.name)
                    .hint("give it an instance, such as \"gcp:PROJECT/ZONE/NAME\", if it may be reset"));
  auto instance = values::instance(node.instance);
  if (!instance)
    return fail(ProviderCode::not_configured, "the instance of {} is {}, expected {}", node.name,
                quote(node.instance), instance.error());
  bool gcp = instance->provider == "gcp";
  const auto& key_file = gcp ? mesh.reset.gcp_key_file : mesh.reset.vultr_key_file;
  if (key_file.empty())
    return fail(error(ProviderCode::not_configured, "mesh.toml has no key of the provider of {} ({})",
                      node.name, node.instance)
                    .hint("set {} under [reset], if its machines may be reset",
                          gcp ? "gcp_key_file" : "vultr_key_file"));
  ProviderSetup setup{.instance = node.instance,
                      .parts = instance->parts,
                      .key_file = key_file,
                      .url = gcp ? mesh.reset.gcp_url : mesh.reset.vultr_url,
                      .patience = patience};
  if (gcp) return gcp_provider(std::move(setup), net, clock);
  return vultr_provider(std::move(setup), net, clock);
}

Result<Secret> read_credential(const std::filesystem::path& path) {
  auto secret = read_secret_file(path, "the key of a provider");
  if (!secret)
    return fail(error(ProviderCode::no_key, "the key of a provider cannot be used")
                    .because(std::move(secret).error()));
  return secret;
}

std::string refusal_in(std::string_view body) {
  constexpr std::size_t kMost = 200;
  auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return {};
  auto text_of = [](const nlohmann::json& in, const char* name) -> std::string {
    auto found = in.find(name);
    return found != in.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string said;
  if (auto inner = json.find("error"); inner != json.end() && inner->is_object())
    said = text_of(*inner, "message");
  for (const char* name : {"error_description", "error", "message"})
    if (said.empty()) said = text_of(json, name);
  said = printable(without_keys(said.substr(0, 4 * kMost)));
  auto end = std::min(said.size(), kMost);
  while (end > 0 && end < said.size() && (static_cast<unsigned char>(said[end]) & 0xC0) == 0x80) --end;
  return said.substr(0, end);
}

Status may_reset(const ProviderState& state, std::string_view instance) {
  switch (state.is) {
    case ProviderState::Is::running:
      return ok();
    case ProviderState::Is::changing:
      return fail(
          error(ProviderCode::busy, "{} is not reset: its provider is at it ({})", instance, state.words)
              .hint("wait until it runs; if it stays so, ask the provider"));
    case ProviderState::Is::stopped:
      break;
  }
  return fail(error(ProviderCode::stopped_by_intent,
                    "{} is not reset: it is stopped ({}), and meshops did not stop it", instance, state.words)
                  .hint("start it with its provider, if nobody wanted that"));
}

asio::awaitable<Result<std::string>> call_api(ApiCall call, Net& net, Duration limit) {
  // Whoever listens on the way would have the key.
  auto url = parse_url(call.url);
  if (!url)
    co_return fail(
        error(ProviderCode::not_configured, "cannot {}", call.doing).because(std::move(url).error()));
  if (values::in_clear_text(call.url))
    co_return fail(error(ProviderCode::not_configured, "cannot {}: the key would go to {} in clear text",
                         call.doing, url->endpoint.text())
                       .hint("give an https:// URL"));
  HttpRequest request;
  request.to = url->endpoint;
  request.method = call.method;
  request.target = url->target;
  request.bearer = call.bearer;
  request.body = std::move(call.body);
  request.limit = limit;
  request.body_limit = 256U << 10;
  request.headers["Accept"] = "application/json";
  if (!call.content_type.empty()) request.headers["Content-Type"] = call.content_type;
  auto answer = co_await net.http(std::move(request));
  if (!answer)
    co_return fail(
        error(ProviderCode::not_reached, "cannot {}", call.doing).because(std::move(answer).error()));
  if (answer->status / 100 == 2) co_return std::move(answer->body);
  auto said = refusal_in(answer->body);
  auto why = error(ProviderCode::refused, "cannot {}: {} answered {}{}{}", call.doing, url->endpoint.host,
                   answer->status, said.empty() ? "" : ": ", said);
  if (answer->status == 401 || answer->status == 403)
    why = std::move(why).hint("its key lacks the right, is withdrawn, or may not be used from this address");
  if (answer->status == 404) why = std::move(why).hint("see the node's instance in mesh.toml");
  co_return fail(std::move(why));
}

asio::awaitable<void> wait_for(Duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace meshops::mesh
