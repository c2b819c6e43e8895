#include "mesh/serf_contacts.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "base/text.h"
#include "mesh/rendezvous.h"
#include "mesh/serf_agent.h"

namespace meshops::serf {

namespace asio = boost::asio;

std::vector<std::string> addresses_in_order(const Mesh& mesh) {
  std::vector<std::string> names, out;
  for (const auto& node : mesh.nodes) names.push_back(node.name);
  for (const auto& name : mesh::order(mesh.node, names))
    for (const auto& node : mesh.nodes)
      if (node.name == name) out.push_back(gossip_address(mesh, node));
  return out;
}

namespace {
/// "10.0.0.2:7946", "[fd00::2]:7946"
Endpoint endpoint_of(std::string_view address) {
  auto colon = address.rfind(':');
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {.host = std::string(host),
          .port = to_number<std::uint16_t>(address.substr(colon + 1)).value_or(0),
          .unix_path = {}};
}
}  // namespace

asio::awaitable<std::vector<std::string>> contacts_among(Net& net, std::vector<std::string> addresses,
                                                         Duration limit) {
  if (addresses.size() <= 1) co_return addresses;
  struct State {
    explicit State(const asio::any_io_executor& executor) : all_known(executor) {}
    asio::steady_timer all_known;
    std::vector<char> listens;
    std::size_t asked = 0;
  };
  auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(executor);
  state->listens.resize(addresses.size());
  state->all_known.expires_at(asio::steady_timer::time_point::max());
  for (std::size_t i = 0; i < addresses.size(); ++i)
    asio::co_spawn(executor, net.connect(endpoint_of(addresses[i]), limit),
                   [state, i](const std::exception_ptr& thrown, const Result<Duration>& took) {
                     state->listens[i] = !thrown && took.has_value();
                     if (++state->asked == state->listens.size()) state->all_known.cancel();
                   });
  boost::system::error_code woken;
  if (state->asked < addresses.size())
    co_await state->all_known.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < addresses.size() && out.size() < kContacts; ++i)
    if (state->listens[i] != 0) out.push_back(addresses[i]);
  if (!out.empty()) co_return out;
  addresses.resize(std::min(addresses.size(), kContacts));
  co_return addresses;
}

}  // namespace meshops::serf
