#include "host/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "base/text.h"
#include "host/proc.h"

namespace meshops {

namespace {

constexpr std::size_t kMostListeners = 16384;
constexpr std::size_t kMostKnown = 64;
// Where we may not look, looking again is as vain and as dear as the first time.
constexpr Duration kLookAgain = std::chrono::minutes(1);

Error netlink_error(int number) {
  auto code = number == EACCES || number == EPERM ? HostCode::not_permitted : HostCode::io;
  return error(code, "cannot ask the kernel for listening sockets: {}", std::strerror(number));
}

ListenerInfo listener(const inet_diag_msg& m, int protocol) {
  ListenerInfo out;
  bool six = m.idiag_family == AF_INET6;
  out.protocol = std::string(protocol == IPPROTO_TCP ? "tcp" : "udp") + (six ? "6" : "");
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(m.idiag_family, m.id.idiag_src, text.data(), text.size()) != nullptr)
    out.address = text.data();
  out.port = ntohs(m.id.idiag_sport);
  out.uid = m.idiag_uid;
  out.inode = m.idiag_inode;
  return out;
}

/// One dump: a family, a protocol, one port (0 = all).
Status dump(int netlink, int family, int protocol, std::uint16_t port, std::vector<ListenerInfo>& out) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof ask;
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  ask.request.sdiag_family = static_cast<std::uint8_t>(family);
  ask.request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  // An unconnected UDP socket is in "CLOSE".
  ask.request.idiag_states = 1U << (protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE);
  ask.request.id.idiag_sport = htons(port);  // the kernel's dump skips other ports (inet_diag_dump_icsk)

  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent = ::sendto(netlink, &ask, sizeof ask, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return fail(netlink_error(errno));

  alignas(nlmsghdr) std::array<char, 16384> buffer;
  while (true) {
    ssize_t n = ::recv(netlink, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(netlink_error(errno));
    auto left = static_cast<unsigned>(n);
    for (auto* m = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) return ok();
      if (m->nlmsg_type == NLMSG_ERROR) {
        int why = EIO;
        if (m->nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr)))
          why = -static_cast<const nlmsgerr*>(NLMSG_DATA(m))->error;
        if (why == ENOENT) return ok();  // a kernel without that family or protocol has none of its sockets
        return fail(netlink_error(why));
      }
      if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY || m->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
        continue;
      auto found = listener(*static_cast<const inet_diag_msg*>(NLMSG_DATA(m)), protocol);
      if (found.port == 0 || (port != 0 && found.port != port) || out.size() >= kMostListeners) continue;
      out.push_back(std::move(found));
    }
    if (n == 0) return fail(netlink_error(EIO));
  }
}

Result<Fd> open_netlink() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd) return fail(netlink_error(errno));
  // The kernel answers at once or not at all; a probe must not hang on it.
  timeval limit{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

/// The inode if /proc/PID/fd/FD is a socket, else 0.
std::uint64_t socket_at(int directory, const char* name) {
  std::array<char, 64> target;
  ssize_t n = ::readlinkat(directory, name, target.data(), target.size());
  std::string_view text(target.data(), n > 0 ? static_cast<std::size_t>(n) : 0U);
  if (!text.starts_with("socket:[") || !text.ends_with(']')) return 0;
  return to_number<std::uint64_t>(text.substr(8, text.size() - 9)).value_or(0);
}

}  // namespace

void Sockets::find_owners(std::vector<ListenerInfo>& listeners, Instant now) {
  std::map<std::uint64_t, Known> found;
  for (const auto& l : listeners) found[l.inode].looked = now;
  found.erase(0);
  for (pid_t pid : proc::pids().value_or(std::vector<pid_t>{})) {
    auto path = fmt::format("/proc/{}/fd", pid);
    std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (!directory) continue;  // gone, or not ours to look into
    while (const dirent* entry = ::readdir(directory.get())) {
      auto fd = to_number<int>(entry->d_name);
      if (!fd) continue;
      auto hit = found.find(socket_at(::dirfd(directory.get()), entry->d_name));
      if (hit == found.end()) continue;
      auto& holders = hit->second.holders;
      if (holders.empty() || holders.back().pid != pid) holders.push_back({pid, *fd});
    }
  }
  for (auto& l : listeners)
    if (auto hit = found.find(l.inode); hit != found.end())
      for (auto holder : hit->second.holders) l.pids.push_back(holder.pid);

  if (known_.size() + found.size() > kMostKnown) known_.clear();
  if (found.size() <= kMostKnown)
    for (auto& [inode, holders] : found) known_.insert_or_assign(inode, std::move(holders));
}

void Sockets::fill_from_memory(std::vector<ListenerInfo>& listeners) {
  for (auto& l : listeners) {
    auto hit = known_.find(l.inode);
    if (hit == known_.end()) continue;
    std::erase_if(hit->second.holders, [&](const Holder& holder) {
      auto path = fmt::format("/proc/{}/fd/{}", holder.pid, holder.fd);
      return socket_at(AT_FDCWD, path.c_str()) != l.inode;
    });
    for (auto holder : hit->second.holders) l.pids.push_back(holder.pid);
  }
}

Result<std::vector<ListenerInfo>> Sockets::all() {
  std::vector<ListenerInfo> out;
  auto netlink = TRY(open_netlink());
  for (int protocol : {IPPROTO_TCP, IPPROTO_UDP})
    for (int family : {AF_INET, AF_INET6}) CHECK_OK(dump(netlink.get(), family, protocol, 0, out));
  find_owners(out, SystemClock().now());
  return out;
}

Result<std::vector<ListenerInfo>> Sockets::on_port(std::uint16_t port, Owners owners) {
  std::vector<ListenerInfo> out;
  if (port == 0) return out;
  auto netlink = TRY(open_netlink());
  for (int family : {AF_INET, AF_INET6}) CHECK_OK(dump(netlink.get(), family, IPPROTO_TCP, port, out));
  if (owners == Owners::unwanted || out.empty()) return out;

  fill_from_memory(out);
  auto now = SystemClock().now();
  bool look = std::ranges::any_of(out, [&](const ListenerInfo& l) {
    auto hit = known_.find(l.inode);
    return hit == known_.end() || (hit->second.holders.empty() && now - hit->second.looked >= kLookAgain);
  });
  if (!look) return out;
  for (auto& l : out) l.pids.clear();
  find_owners(out, now);
  return out;
}

}  // namespace meshops
