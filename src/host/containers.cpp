#include "host/containers.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace meshops {

using boost::asio::awaitable;

namespace {

constexpr auto kVersion = "/v1.41";  // Docker 20.10 and later; Podman's compatible API
constexpr Duration kLimit = std::chrono::seconds(10);
constexpr std::size_t kLogLimit = 2U << 20;

/// {"message": "…"}, with which the engine explains every refusal.
std::string explanation(std::string_view body) {
  auto answer = nlohmann::json::parse(body, nullptr, false);
  if (answer.is_object())
    if (auto it = answer.find("message"); it != answer.end() && it->is_string())
      return printable(it->get_ref<const std::string&>());
  return body.empty() ? "no reason given" : quote(body);
}

class Engine final : public Containers {
 public:
  Engine(Net& net, std::string socket) : net_(net), socket_(std::move(socket)) {}

  awaitable<Result<std::vector<ContainerInfo>>> list() override {
    auto answer = co_await ask("GET", "/containers/json?all=1", "list the containers", kLimit, 8U << 20);
    if (!answer) co_return fail(std::move(answer).error());
    co_return parse_container_list(answer->body);
  }

  awaitable<Result<ContainerInfo>> inspect(std::string id) override {
    auto answer = co_await ask("GET", path(id, "json"), "look at the container " + id, kLimit);
    if (!answer) co_return fail(std::move(answer).error());
    auto container = parse_container(answer->body);
    explicit_bzero(answer->body.data(), answer->body.size());  // it has the values of the environment
    co_return container;
  }

  awaitable<Status> start(std::string id) override { return order(std::move(id), "start", "start", kLimit); }

  awaitable<Status> stop(std::string id, Duration drain) override {
    auto whole = std::chrono::ceil<std::chrono::seconds>(drain);
    return order(std::move(id), "stop", fmt::format("stop?t={}", whole.count()), whole + kLimit);
  }

  awaitable<Status> kill(std::string id, int signal) override {
    return order(std::move(id), "signal", fmt::format("kill?signal={}", signal), kLimit);
  }

  awaitable<Result<bool>> end_was_asked(std::string id, WallTime since, WallTime until) override {
    auto filters = fmt::format(R"({{"container":["{}"],"event":["kill"]}})", id);
    auto answer =
        co_await ask("GET", "/events?" + window(since, until) + "&filters=" + percent_encoded(filters),
                     "read the events of the container " + id, kLimit);
    if (!answer) co_return fail(std::move(answer).error());
    co_return has_ending_signal(answer->body);
  }

  awaitable<Result<std::string>> logs(std::string id, std::size_t lines) override {
    return read_log(std::move(id), lines, "");
  }

  awaitable<Result<std::string>> logs_between(std::string id, WallTime since, WallTime until) override {
    constexpr std::size_t kMostLines = 1000;
    return read_log(std::move(id), kMostLines, "&" + window(since, until));
  }

 private:
  /// The engine takes both ends in, to the nanosecond.
  static std::string window(WallTime since, WallTime until) {
    auto from = since.time_since_epoch().count();
    auto to = until.time_since_epoch().count() - 1;
    return fmt::format("since={}.{:03}&until={}.{:03}999999", from / 1000, from % 1000, to / 1000, to % 1000);
  }

  awaitable<Result<std::string>> read_log(std::string id, std::size_t lines, std::string window) {
    // Long lines may be too much: then fewer of them.
    for (auto wanted = std::max<std::size_t>(lines, 1);; wanted = std::max<std::size_t>(wanted / 8, 1)) {
      auto answer =
          co_await ask("GET", path(id, fmt::format("logs?stdout=1&stderr=1&tail={}{}", wanted, window)),
                       "read the log of the container " + id, kLimit, kLogLimit);
      if (answer) co_return unframe_log(answer->body);
      if (wanted == 1 || !answer.error().is(code_name(NetCode::too_large)))
        co_return fail(std::move(answer).error());
    }
  }

  static std::string path(const std::string& id, std::string_view what) {
    return fmt::format("/containers/{}/{}", percent_encoded(id), what);
  }

  awaitable<Status> order(std::string id, std::string_view verb, std::string call, Duration limit) {
    auto answer = co_await ask("POST", path(id, call), fmt::format("{} the container {}", verb, id), limit);
    if (!answer) co_return fail(std::move(answer).error());
    co_return ok();
  }

  awaitable<Result<HttpAnswer>> ask(std::string method, std::string target, std::string doing, Duration limit,
                                    std::size_t body_limit = 1U << 20) {
    HttpRequest request;
    request.to.unix_path = socket_;
    request.method = std::move(method);
    request.target = kVersion + target;
    request.limit = limit;
    request.body_limit = body_limit;
    auto answer = co_await net_.http(std::move(request));
    if (!answer) co_return fail(unreachable(std::move(answer).error(), doing));
    // 304: it already is as wished.
    if ((answer->status >= 200 && answer->status < 300) || answer->status == 304) co_return answer;
    auto code = answer->status == 404                            ? EngineCode::no_container
                : answer->status == 401 || answer->status == 403 ? EngineCode::not_permitted
                                                                 : EngineCode::refused;
    co_return fail(error(code, "cannot {}", doing)
                       .because(error(code, "the container engine says {}: {}", answer->status,
                                      explanation(answer->body))));
  }

  Error unreachable(Error cause, std::string_view doing) const {
    if (cause.is(code_name(NetCode::not_permitted)))
      return error(EngineCode::not_permitted, "cannot {}: {} is not open to us", doing, socket_)
          .because(std::move(cause))
          .hint("run as root, or put the agent's user into the group docker (which is as good as root)");
    if (cause.is(code_name(NetCode::no_socket)) || cause.is(code_name(NetCode::refused)) ||
        cause.is(code_name(NetCode::unreachable)))
      return error(EngineCode::no_engine, "cannot {}: no container engine answers at {}", doing, socket_)
          .because(std::move(cause))
          .hint("start it (systemctl start docker), or name its socket with DOCKER_HOST=unix://PATH");
    return error(EngineCode::bad_answer, "cannot {}: the container engine at {} did not answer well", doing,
                 socket_)
        .because(std::move(cause));
  }

  Net& net_;
  std::string socket_;
};

}  // namespace

std::unique_ptr<Containers> engine(Net& net, std::string socket) {
  return std::make_unique<Engine>(net, std::move(socket));
}

}  // namespace meshops
