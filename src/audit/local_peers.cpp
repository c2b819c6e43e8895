#include "audit/local_peers.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <resolv.h>

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
  Reached out;
  asio::co_spawn(
      loop,
      [&]() -> asio::awaitable<void> {
        auto took = co_await net->connect({.host = host, .port = port}, kTryFor);
        out = {took.has_value(), took.has_value() || took.error().is("net.refused")};
      },
      asio::detached);
  loop.run();
  return out;
}

/// Nothing where no ping is installed, or it may not be used.
std::optional<bool> answers_ping(const std::string& host) {
  auto done = run({"ping", "-n", "-q", "-c", "1", "-W", "2", "--", host}, {.limit = kTryFor});
  if (!done) return done.error().is("process.timed_out") ? std::optional(false) : std::nullopt;
  if (done->exit.code == 0) return true;
  if (done->exit.code == 1) return false;  // sent, and nothing came back
  return std::nullopt;
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

/// One question to one server; an empty answer when none came in time.
class Asker {
 public:
  explicit Asker(const std::string& server) {
    good_ = ::res_ninit(&state_) == 0;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(53);
    good_ = good_ && ::inet_pton(AF_INET, server.c_str(), &to.sin_addr) == 1;
    state_.nscount = 1;
    state_.nsaddr_list[0] = to;
    state_.retrans = 2;
    state_.retry = 1;
  }
  ~Asker() { ::res_nclose(&state_); }
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// Whether anything came back, a refusal included.
  bool answers() { return !ask(".", ns_t_ns).empty(); }

  std::vector<std::string> addresses(const std::string& name) {
    std::vector<std::string> out;
    each(ask(name, ns_t_a), ns_t_a, [&](const ns_msg&, const ns_rr& record) {
      std::array<char, INET_ADDRSTRLEN> text{};
      if (ns_rr_rdlen(record) == 4 &&
          ::inet_ntop(AF_INET, ns_rr_rdata(record), text.data(), text.size()) != nullptr)
        out.emplace_back(text.data());
    });
    std::ranges::sort(out);
    return out;
  }
  std::vector<std::string> name_servers(const std::string& zone) {
    std::vector<std::string> out;
    each(ask(zone, ns_t_ns), ns_t_ns, [&](const ns_msg& message, const ns_rr& record) {
      std::array<char, NS_MAXDNAME> text{};
      if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record), text.data(),
                               text.size()) >= 0)
        out.emplace_back(text.data());
    });
    return out;
  }

 private:
  std::vector<unsigned char> ask(const std::string& name, int type) {
    std::array<unsigned char, 512> question{};
    std::vector<unsigned char> answer(4096);
    if (!good_) return {};
    int length = ::res_nmkquery(&state_, ns_o_query, name.c_str(), ns_c_in, type, nullptr, 0, nullptr,
                                question.data(), static_cast<int>(question.size()));
    if (length < 0) return {};
    int got = ::res_nsend(&state_, question.data(), length, answer.data(), static_cast<int>(answer.size()));
    answer.resize(got > 0 ? std::min(static_cast<std::size_t>(got), answer.size()) : 0);
    return answer;
  }
  template <class F>
  static void each(const std::vector<unsigned char>& answer, int type, F take) {
    ns_msg message;
    if (answer.empty() || ::ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0)
      return;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
      ns_rr record;
      if (::ns_parserr(&message, ns_s_an, i, &record) == 0 && ns_rr_type(record) == type)
        take(message, record);
    }
  }

  struct __res_state state_{};
  bool good_ = false;
};

std::vector<std::string> by_nsswitch(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<std::string> out;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return out;
  for (const auto* at = list; at != nullptr; at = at->ai_next) {
    std::array<char, INET_ADDRSTRLEN> text{};
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
    if (::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size()) != nullptr)
      out.emplace_back(text.data());
  }
  ::freeaddrinfo(list);
  std::ranges::sort(out);
  return out;
}

/// What the zone's own server says, found by going up the name's labels; nothing if none can be found.
std::optional<std::vector<std::string>> authoritative(Asker& asker, const std::string& name) {
  for (auto zone = name; zone.find('.') != std::string::npos; zone = zone.substr(zone.find('.') + 1))
    for (const auto& server : asker.name_servers(zone))
      for (const auto& address : by_nsswitch(server)) {
        Asker own(address);
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
          [&, i] { told[i] = {{"address", servers[i]}, {"answers", Asker(servers[i]).answers()}}; });
    for (std::size_t i = 0; i < names.size(); ++i)
      tries.emplace_back([&, i] {
        auto all = Json::array();
        all.push_back({{"layer", "nsswitch"}, {"addresses", by_nsswitch(names[i])}});
        for (const auto& server : servers) {
          Asker asker(server);
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
