// The edge of the walk on this machine: files and name servers, the kernel's routes over netlink
// (rtnetlink(7)), echo, and the conversation.
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "formats/resolv_conf.h"
#include "mesh/path_probe.h"
#include "mesh/path_talk.h"
#include "net/echo.h"
#include "net/name_server.h"

namespace meshops::path {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMostServers = 3;  // resolv.conf(5): MAXNS

// --- names

NameSeen::Told from_hosts_file(const std::string& host, const std::filesystem::path& path) {
  NameSeen::Told out{.source = {}, .hosts_file = true};
  auto text = read_file(path);
  if (!text) return out;
  for (const auto& entry : resolver::parse_hosts(*text)) {
    if (std::ranges::find(entry.names, lower(host)) == entry.names.end()) continue;
    if (out.source.empty()) out.source = fmt::format("{} line {}", path.string(), entry.line);
    out.addresses.push_back(entry.address);
  }
  return out;
}

NameSeen::Told from_server(const std::string& host, const std::string& address) {
  NameSeen::Told out{.source = "name server " + address};
  NameServer server(address);
  out.addresses = server.addresses(host);
  // That nothing came back, and that it knows no such name, look the same until it is asked something easy.
  if (out.addresses.empty()) out.silent = !server.answers();
  return out;
}

/// getaddrinfo cannot be interrupted, and waits for half a minute where nobody answers: its thread is left to
/// itself.
SystemAnswer from_system(const std::string& host, Duration limit) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<SystemAnswer> answer;
  };
  auto shared = std::make_shared<Shared>();
  std::thread([shared, host] {
    auto answer = system_addresses(host, Family::any);
    std::scoped_lock lock(shared->mutex);
    shared->answer = std::move(answer);
    shared->done.notify_all();
  }).detach();
  std::unique_lock lock(shared->mutex);
  if (!shared->done.wait_for(lock, limit, [&] { return shared->answer.has_value(); }))
    return {.addresses = {}, .no_server = true, .why = "no answer within " + about(limit)};
  return *shared->answer;
}

// --- routes

struct Binary {
  int family = AF_UNSPEC;
  std::array<unsigned char, 16> bytes{};
  unsigned scope = 0;
  std::size_t size() const { return family == AF_INET ? 4 : 16; }
};
std::optional<Binary> binary(const std::string& address) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (::getaddrinfo(address.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  Binary out{.family = list->ai_family};
  if (out.family == AF_INET) {
    std::memcpy(out.bytes.data(), &reinterpret_cast<const sockaddr_in*>(list->ai_addr)->sin_addr, 4);
  } else {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(list->ai_addr);
    std::memcpy(out.bytes.data(), &six->sin6_addr, 16);
    out.scope = six->sin6_scope_id;
  }
  ::freeaddrinfo(list);
  return out;
}

struct Question {
  nlmsghdr head{};
  rtmsg route{};
  std::array<unsigned char, 64> attributes{};

  void add(unsigned short type, const void* bytes, std::size_t size) {
    const auto at = head.nlmsg_len - NLMSG_LENGTH(sizeof route);
    rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    std::memcpy(attributes.data() + at, &attribute, sizeof attribute);
    std::memcpy(attributes.data() + at + RTA_LENGTH(0), bytes, size);
    head.nlmsg_len += static_cast<unsigned>(RTA_ALIGN(RTA_LENGTH(size)));
  }
};

std::string address_text(int family, const void* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) != nullptr ? text.data() : "";
}

unsigned mtu_of(const std::string& interface) {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!fd || ::ioctl(fd.get(), SIOCGIFMTU, &request) != 0 || request.ifr_mtu < 0) return 0;
  return static_cast<unsigned>(request.ifr_mtu);
}

void read_route(const nlmsghdr* head, RouteSeen& out) {
  const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(head));
  out.outcome = RouteSeen::Outcome::found;
  out.here = route->rtm_type == RTN_LOCAL;
  if (route->rtm_type == RTN_UNREACHABLE || route->rtm_type == RTN_BLACKHOLE)
    out.outcome = RouteSeen::Outcome::none;
  if (route->rtm_type == RTN_PROHIBIT) out.outcome = RouteSeen::Outcome::prohibited;
  auto left = static_cast<int>(RTM_PAYLOAD(head));
  for (const auto* at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type == RTA_OIF && RTA_PAYLOAD(at) == sizeof(int)) {
      std::array<char, IF_NAMESIZE> name{};
      int index = 0;
      std::memcpy(&index, RTA_DATA(at), sizeof index);
      if (::if_indextoname(static_cast<unsigned>(index), name.data()) != nullptr) out.interface = name.data();
    }
    if (at->rta_type == RTA_PREFSRC) out.source = address_text(route->rtm_family, RTA_DATA(at));
    if (at->rta_type == RTA_GATEWAY) out.gateway = address_text(route->rtm_family, RTA_DATA(at));
  }
  out.mtu = mtu_of(out.interface);
}

RouteSeen ask_kernel(const Binary& to) {
  RouteSeen out;
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  // A kernel that does not answer at all must not hold us.
  const timeval second{1, 0};
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) != 0) return out;
  Question question;
  question.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg)),
                   .nlmsg_type = RTM_GETROUTE,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = 1,
                   .nlmsg_pid = 0};
  question.route.rtm_family = static_cast<unsigned char>(to.family);
  question.route.rtm_dst_len = static_cast<unsigned char>(to.size() * 8);
  question.add(RTA_DST, to.bytes.data(), to.size());
  if (to.scope != 0) question.add(RTA_OIF, &to.scope, sizeof to.scope);
  if (::send(fd.get(), &question, question.head.nlmsg_len, 0) < 0) return out;
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return out;
  const auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (!NLMSG_OK(head, static_cast<unsigned>(got))) return out;
  if (head->nlmsg_type == RTM_NEWROUTE) read_route(head, out);
  if (head->nlmsg_type == NLMSG_ERROR) {
    const auto why = -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
    out.outcome = why == EACCES ? RouteSeen::Outcome::prohibited : RouteSeen::Outcome::none;
  }
  return out;
}

// ---

class LocalEdge final : public Edge {
 public:
  explicit LocalEdge(EdgeSettings settings) : settings_(std::move(settings)) {}

  NameSeen look_up(const std::string& host) override {
    const auto begun = SteadyClock::now();
    std::vector<std::string> servers;
    if (auto text = read_file(settings_.resolv_conf))
      for (const auto& server : resolver::parse_resolv_conf(*text))
        if (servers.size() < kMostServers && server.address.find(':') == std::string::npos)
          servers.push_back(server.address);
    std::vector<NameSeen::Told> told(servers.size());
    SystemAnswer system;
    {
      std::vector<std::jthread> tries;
      tries.emplace_back([&] { system = from_system(host, settings_.name_limit); });
      for (std::size_t i = 0; i < servers.size(); ++i)
        tries.emplace_back([&, i] { told[i] = from_server(host, servers[i]); });
    }
    NameSeen out{
        .needed = true, .addresses = system.addresses, .why = system.why, .took = SteadyClock::now() - begun};
    if (auto file = from_hosts_file(host, settings_.hosts_file); !file.addresses.empty())
      out.told.push_back(std::move(file));
    std::ranges::move(told, std::back_inserter(out.told));
    return out;
  }

  RouteSeen route(const std::string& address) override {
    auto to = binary(address);
    return to ? ask_kernel(*to) : RouteSeen{};
  }

  EchoSeen echo(const std::string& address, unsigned mtu) override {
    // What links, tunnels and clouds have, and a small one that passes everywhere.
    if (mtu == 0) mtu = 1500;
    std::vector<unsigned> sizes{84, mtu};
    for (unsigned common : {8900U, 1500U, 1492U, 1480U, 1460U, 1420U, 1400U, 1340U, 1280U, 1100U, 576U})
      if (common < mtu) sizes.push_back(common);
    EchoSeen out;
    auto answer = meshops::echo(address, sizes, settings_.echo_limit);
    if (!answer) {
      out.why_not = answer.error().sentence();
      return out;
    }
    out.tried = true;
    out.refusal = answer->refusal;
    out.told_mtu = answer->told_mtu;
    out.took = answer->sizes.front().took;
    for (const auto& size : answer->sizes)
      if (size.took) out.largest = std::max(out.largest, size.bytes);
    return out;
  }

  TalkSeen talk(const Target& target, const std::string& address) override {
    return path::talk(target, address, settings_);
  }

 private:
  EdgeSettings settings_;
};

}  // namespace

std::unique_ptr<Edge> local_edge(EdgeSettings settings) {
  return std::make_unique<LocalEdge>(std::move(settings));
}

bool is_address(const std::string& host) { return binary(host).has_value(); }

}  // namespace meshops::path
