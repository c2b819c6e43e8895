#include "net/echo.h"

#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "net/net.h"

namespace meshops {

namespace {

using SteadyClock = std::chrono::steady_clock;
using SteadyTime = SteadyClock::time_point;

constexpr unsigned kHeader = 8;  // of ICMP
constexpr unsigned kLargest = 65'000;

std::uint16_t checksum(std::span<const unsigned char> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::string_view unreachable_text(bool six, unsigned code) {
  if (six) {
    switch (code) {
      case ICMP6_DST_UNREACH_NOROUTE:
        return "no route to it";
      case ICMP6_DST_UNREACH_ADMIN:
        return "a firewall forbids it";
      case ICMP6_DST_UNREACH_ADDR:
        return "no machine has that address";
      default:
        return "it cannot be reached";
    }
  }
  switch (code) {
    case ICMP_NET_UNREACH:
    case ICMP_NET_UNKNOWN:
      return "no route to its network";
    case ICMP_HOST_UNREACH:
    case ICMP_HOST_UNKNOWN:
      return "no machine has that address";
    case ICMP_NET_ANO:
    case ICMP_HOST_ANO:
    case ICMP_PKT_FILTERED:
      return "a firewall forbids it";
    default:
      return "it cannot be reached";
  }
}

/// One echo conversation over one connected socket.
class Echo {
 public:
  static Result<Echo> open(const std::string& address) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* list = nullptr;
    if (::getaddrinfo(address.c_str(), nullptr, &hints, &list) != 0)
      return fail(NetCode::bad_url, "{} is no address", address);
    Echo out;
    out.six_ = list->ai_family == AF_INET6;
    const int protocol = out.six_ ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
    const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    out.fd_ = Fd(::socket(list->ai_family, SOCK_DGRAM | flags, protocol));
    if (!out.fd_) {
      out.raw_ = true;
      out.fd_ = Fd(::socket(list->ai_family, SOCK_RAW | flags, protocol));
    }
    if (!out.fd_) {
      ::freeaddrinfo(list);
      return fail(error(NetCode::not_permitted, "this user may not ping")
                      .hint("as root: sysctl net.ipv4.ping_group_range='0 2147483647'"));
    }
    out.prepare();
    const bool joined = ::connect(out.fd_.get(), list->ai_addr, list->ai_addrlen) == 0;
    const int why = errno;
    ::freeaddrinfo(list);
    if (!joined) return fail(NetCode::unreachable, "{} cannot be pinged: {}", address, std::strerror(why));
    return out;
  }

  Result<EchoAnswer> run(std::span<const unsigned> sizes, Duration limit) {
    for (auto size : sizes) answer_.sizes.push_back({size, std::nullopt});
    sent_.assign(sizes.size(), SteadyTime{});
    const auto begun = SteadyClock::now();
    // Twice, because a single packet may be lost for no reason.
    for (int round = 1; round <= 2 && waits(); ++round) {
      for (std::size_t i = 0; i < sizes.size(); ++i)
        if (!answer_.sizes[i].took) send(i);
      auto until = begun + limit * round / 2;
      listen(std::chrono::time_point_cast<SteadyTime::duration>(until));
    }
    return std::move(answer_);
  }

 private:
  void prepare() {
    std::array<unsigned char, 2> random{};
    // All zeros would do: it only has to differ from what others send at the same time.
    if (::getrandom(random.data(), random.size(), 0) < 0) random = {};
    id_ = static_cast<std::uint16_t>(random[0] << 8 | random[1]);
    const int on = 1;
    // PROBE: never cut, and what the kernel has learned of the way does not count: we want to see for
    // ourselves.
    if (six_) {
      const int probe = IPV6_PMTUDISC_PROBE;
      ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof probe);
      ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof on);
      ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    } else {
      const int probe = IP_PMTUDISC_PROBE;
      ::setsockopt(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
      ::setsockopt(fd_.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    }
  }

  bool waits() const {
    return answer_.refusal.empty() &&
           std::ranges::any_of(answer_.sizes, [](const auto& s) { return !s.took; });
  }

  void send(std::size_t which) {
    const unsigned around = kHeader + (six_ ? 40U : 20U);
    const auto size = std::clamp(answer_.sizes[which].bytes, around, kLargest) - around + kHeader;
    std::vector<unsigned char> packet(size, 'm');
    packet[0] = six_ ? static_cast<unsigned char>(ICMP6_ECHO_REQUEST) : static_cast<unsigned char>(ICMP_ECHO);
    packet[1] = packet[2] = packet[3] = 0;
    packet[4] = static_cast<unsigned char>(id_ >> 8);
    packet[5] = static_cast<unsigned char>(id_ & 0xFF);
    packet[6] = static_cast<unsigned char>(which >> 8);
    packet[7] = static_cast<unsigned char>(which & 0xFF);
    if (!six_) {
      auto sum = checksum(packet);
      packet[2] = static_cast<unsigned char>(sum >> 8);
      packet[3] = static_cast<unsigned char>(sum & 0xFF);
    }
    sent_[which] = SteadyClock::now();
    // An error of an earlier packet may be told here (it is in the queue, too): then once more.
    for (int attempt = 0; attempt < 2; ++attempt)
      if (::send(fd_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) >= 0 || errno == EMSGSIZE) return;
  }

  void listen(SteadyTime until) {
    while (waits()) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now()).count();
      if (left <= 0) return;
      pollfd one{fd_.get(), POLLIN, 0};
      if (::poll(&one, 1, static_cast<int>(left)) <= 0) continue;
      if ((one.revents & POLLERR) != 0) hear_errors();
      hear();
    }
  }

  void hear() {
    std::array<unsigned char, 2048> buffer;
    auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    std::span<const unsigned char> bytes(buffer.data(), static_cast<std::size_t>(got));
    // A raw socket of IPv4 gives the IP header, too.
    if (raw_ && !six_) {
      const std::size_t header = (bytes[0] & 0x0FU) * 4U;
      if (bytes.size() < header) return;
      bytes = bytes.subspan(header);
    }
    if (bytes.size() < kHeader || bytes[0] != (six_ ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY)) return;
    // Of a datagram socket the kernel chooses the id, and gives us our own answers only.
    if (raw_ && (bytes[4] << 8 | bytes[5]) != id_) return;
    auto which = static_cast<std::size_t>(bytes[6] << 8 | bytes[7]);
    if (which >= sent_.size() || answer_.sizes[which].took) return;
    answer_.sizes[which].took = SteadyClock::now() - sent_[which];
  }

  void hear_errors() {
    std::array<unsigned char, 2048> buffer;
    std::array<unsigned char, 512> control;
    iovec part{buffer.data(), buffer.size()};
    while (true) {
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      if (::recvmsg(fd_.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
      for (auto* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
        bool ours = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                    (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
        if (!ours) continue;
        sock_extended_err why{};
        std::memcpy(&why, CMSG_DATA(at), sizeof why);
        take(why, at);
      }
    }
  }

  void take(const sock_extended_err& why, cmsghdr* at) {
    // Of this machine's own: a packet larger than its interface, a neighbour that is not there. No news from
    // the way.
    if (why.ee_origin != SO_EE_ORIGIN_ICMP && why.ee_origin != SO_EE_ORIGIN_ICMP6) return;
    if (why.ee_errno == EMSGSIZE) {
      answer_.told_mtu = why.ee_info;
      return;
    }
    const bool unreachable = six_ ? why.ee_type == ICMP6_DST_UNREACH : why.ee_type == ICMP_DEST_UNREACH;
    if (!unreachable) return;
    sockaddr_storage from{};
    const auto* offender = reinterpret_cast<const unsigned char*>(CMSG_DATA(at)) + sizeof(sock_extended_err);
    const std::size_t length = six_ ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    std::memcpy(&from, offender, length);
    std::array<char, NI_MAXHOST> text{};
    std::string who = "a router";
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&from), static_cast<socklen_t>(length), text.data(),
                      text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      who = text.data();
    answer_.refusal = fmt::format("{}, says {}", unreachable_text(six_, why.ee_code), who);
  }

  Fd fd_;
  bool six_ = false, raw_ = false;
  std::uint16_t id_ = 0;
  std::vector<SteadyTime> sent_;
  EchoAnswer answer_;
};

}  // namespace

Result<EchoAnswer> echo(const std::string& address, std::span<const unsigned> sizes, Duration limit) {
  auto conversation = TRY(Echo::open(address));
  return conversation.run(sizes, limit);
}

}  // namespace meshops
