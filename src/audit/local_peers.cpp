#include "audit/local_peers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "audit/network_peers.h"
#include "audit/site.h"
#include "base/text.h"
#include "formats/resolv_conf.h"
#include "host/host.h"
#include "net/echo.h"
#include "net/name_server.h"
#include "net/net.h"

namespace meshops::audit {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

namespace {

constexpr auto kTryFor = 3s;
/// Bounds threads and time: a mesh is small, its file may be hostile.
constexpr std::size_t kMostNodes = 64, kMostNames = 32, kMostServers = 8;

struct Reached {
  bool open = false;      // something accepts connections
  bool answered = false;  // open, or refused: packets come and go
};
Reached reach(const std::string& host, std::uint16_t port) {
  asio::io_context loop;
  auto net = real_net();
  // A temporary here would be destroyed twice by gcc 12 (house_test.py looks for such).
  Endpoint where{.host = host, .port = port};
  Reached out;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        auto took = co_await net->connect(where, kTryFor);
        out = {took.has_value(), took.has_value() || took.error().is("net.refused")};
      },
      asio::detached);
  loop.run();
  return out;
}

/// Nothing where it could not be tried.
std::optional<bool> answers_ping(const std::string& host) {
  auto addresses = system_addresses(host, Family::any).addresses;
  if (addresses.empty()) return std::nullopt;
  constexpr std::array<unsigned, 1> kSmall{84};  // as ping sends it
  auto answer = echo(addresses.front(), kSmall, 2s);
  if (!answer) return std::nullopt;
  return answer->sizes.front().took.has_value();
}

/// "ssh-ed25519 AAAA…", without the name that stands before.
std::vector<std::string> host_keys(const NodeSpec& node) {
  auto done = run({"ssh-keyscan", "-T", "3", "-p", std::to_string(node.ssh_port), "--", node.address},
                  {.limit = 5s, .output_limit = 64U << 10});
  std::vector<std::string> keys;
  if (!done) return keys;
  for (auto line : split(done->out, '\n')) {
    auto parts = words(line);
    if (parts.size() >= 3 && !parts[0].starts_with('#'))
      keys.push_back(fmt::format("{} {}", parts[1], parts[2]));
  }
  return keys;
}

Json ask_peer(const Mesh& mesh, const NodeSpec& node) {
  Json out = {{"node", node.name}, {"self", node.name == mesh.node}};
  auto ssh = reach(node.address, node.ssh_port);
  bool tcp = ssh.answered;
  for (const auto& gateway : mesh.gateways)
    if (!tcp && gateway.node == node.name && gateway.port) tcp = reach(node.address, *gateway.port).answered;
  out["ssh"] = ssh.open;
  out["tcp"] = tcp;
  auto icmp = answers_ping(node.address);
  out["icmp"] = icmp ? Json(*icmp) : Json(nullptr);
  out["host_keys"] = ssh.open ? host_keys(node) : std::vector<std::string>();
  out["seen_by"] = Json::array();
  return out;
}

// --- names

std::vector<std::string> by_nsswitch(const std::string& name) {
  auto out = system_addresses(name, Family::ipv4).addresses;
  std::ranges::sort(out);
  return out;
}

/// What the zone's own server says, found by going up the name's labels; nothing if none can be found.
std::optional<std::vector<std::string>> authoritative(NameServer& asker, const std::string& name) {
  for (auto zone = name; zone.find('.') != std::string::npos; zone = zone.substr(zone.find('.') + 1))
    for (const auto& server : asker.name_servers(zone))
      for (const auto& address : by_nsswitch(server)) {
        NameServer own(address);
        if (own.answers()) return own.addresses(name);
      }
  return std::nullopt;
}

std::vector<std::string> servers_of(const Host& host, const char* file) {
  std::vector<std::string> out;
  if (auto text = host.read(file, 64U << 10))
    for (const auto& server : resolver::parse_resolv_conf(*text)) {
      std::array<unsigned char, 4> ignored{};
      if (out.size() < kMostServers && ::inet_pton(AF_INET, server.address.c_str(), ignored.data()) == 1)
        out.push_back(server.address);
    }
  return out;
}

}  // namespace

Result<std::string> ask_peers(const Mesh& mesh) {
  auto count = std::min(mesh.nodes.size(), kMostNodes);
  std::vector<Json> answers(count);
  {
    std::vector<std::jthread> tries;
    for (std::size_t i = 0; i < count; ++i)
      tries.emplace_back([&, i] { answers[i] = ask_peer(mesh, mesh.nodes[i]); });
  }
  return Json(answers).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> ask_resolvers(const Mesh& mesh) {
  constexpr std::string_view kStub = "127.0.0.53";
  auto host = local_host();
  auto named = servers_of(*host, "/etc/resolv.conf");
  auto servers = named;
  bool stub = std::ranges::find(named, kStub) != named.end();
  if (stub)
    for (auto& more : servers_of(*host, "/run/systemd/resolve/resolv.conf"))
      if (std::ranges::find(servers, more) == servers.end()) servers.push_back(more);

  std::vector<std::string> names;
  for (const auto& node : mesh.nodes)
    if (kind_of_address(node.address) == AddressKind::name && names.size() < kMostNames)
      names.push_back(node.address);

  std::vector<Json> told(servers.size());
  std::vector<Json> layers(names.size());
  {
    std::vector<std::jthread> tries;
    for (std::size_t i = 0; i < servers.size(); ++i)
      tries.emplace_back(
          [&, i] { told[i] = {{"address", servers[i]}, {"answers", NameServer(servers[i]).answers()}}; });
    for (std::size_t i = 0; i < names.size(); ++i)
      tries.emplace_back([&, i] {
        auto all = Json::array();
        all.push_back({{"layer", "nsswitch"}, {"addresses", by_nsswitch(names[i])}});
        for (const auto& server : servers) {
          NameServer asker(server);
          if (!asker.answers()) continue;
          all.push_back({{"layer", fmt::format("{} {}", server == kStub ? "stub" : "server", server)},
                         {"addresses", asker.addresses(names[i])}});
          if (&server != &servers.front()) continue;
          if (auto right = authoritative(asker, names[i]))
            all.push_back({{"layer", "authoritative"}, {"addresses", *right}});
        }
        layers[i] = {{"name", names[i]}, {"layers", std::move(all)}};
      });
  }
  return Json{{"servers", told}, {"names", layers}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace meshops::audit
