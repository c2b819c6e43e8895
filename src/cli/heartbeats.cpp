#include "cli/heartbeats.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "mesh/heartbeat_keys.h"
#include "mesh/pulse.h"

namespace meshops::cli {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {
constexpr int kTries = 3;
constexpr auto kPatience = 330ms;
}  // namespace

asio::awaitable<Result<Heartbeats>> ask_heartbeats(Mesh mesh) {
  auto keys = heartbeat::read_keys(heartbeat::keys_file(mesh));
  if (!keys) co_return fail(std::move(keys).error());
  auto executor = co_await asio::this_coro::executor;
  SystemClock clock;
  Heartbeats out;
  asio::steady_timer patience(executor);
  heartbeat::Pulse pulse(executor, mesh, clock,
                         [&](std::string_view peer, Instant asked, const mesh::Word& word) {
                           out.try_emplace(std::string(peer), Heard{clock.now() - asked, word});
                           if (out.size() == mesh.nodes.size()) patience.cancel();
                         });
  pulse.use_keys(std::move(*keys));
  for (int i = 0; i < kTries && out.size() < mesh.nodes.size(); ++i) {
    std::vector<std::string> silent;
    for (const auto& node : mesh.nodes)
      if (!out.contains(node.name)) silent.push_back(node.name);
    pulse.beat(silent);
    patience.expires_after(kPatience);
    boost::system::error_code ignored;
    co_await patience.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return out;
}

}  // namespace meshops::cli
