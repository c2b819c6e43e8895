#include "host/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/process.h"
#include "base/text.h"

using namespace meshops;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

struct Bound {
  Fd fd;
  std::uint16_t port = 0;
};

/// A socket bound to a port of the kernel's choice; TCP ones listen.
Bound bound(int family, int type, const char* address) {
  Bound out{Fd(::socket(family, type | SOCK_CLOEXEC, 0)), 0};
  sockaddr_storage where{};
  socklen_t size = 0;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&where);
    in->sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &in->sin_addr);
    size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&where);
    in->sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, address, &in->sin6_addr);
    size = sizeof *in;
  }
  if (::bind(out.fd.get(), reinterpret_cast<sockaddr*>(&where), size) != 0) return {};
  if (type == SOCK_STREAM && ::listen(out.fd.get(), 8) != 0) return {};
  ::getsockname(out.fd.get(), reinterpret_cast<sockaddr*>(&where), &size);
  out.port = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&where)->sin_port
                                     : reinterpret_cast<sockaddr_in6*>(&where)->sin6_port);
  return out;
}

}  // namespace

TEST(Sockets, AListenerIsFoundByItsPortWithItsOwner) {
  auto server = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  auto found = local_host()->listeners_on(server.port);
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().protocol, "tcp");
  EXPECT_EQ(found->front().address, "127.0.0.1");
  EXPECT_EQ(found->front().port, server.port);
  EXPECT_EQ(found->front().uid, ::geteuid());
  EXPECT_THAT(found->front().pids, ElementsAre(::getpid()));
}

TEST(Sockets, WithoutWishForOwnersNoneAreLookedUp) {
  auto server = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  auto found = local_host()->listeners_on(server.port, Owners::unwanted);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_THAT(found->front().pids, IsEmpty());
}

TEST(Sockets, APortWhereNobodyListensHasNoListener) {
  std::uint16_t port = 0;
  {
    port = bound(AF_INET, SOCK_STREAM, "127.0.0.1").port;
  }
  auto found = local_host()->listeners_on(port);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, IsEmpty());
  EXPECT_THAT(*local_host()->listeners_on(0), IsEmpty());
}

TEST(Sockets, IPv6IsFoundToo) {
  auto server = bound(AF_INET6, SOCK_STREAM, "::1");
  if (server.port == 0) GTEST_SKIP() << "no IPv6 here";
  auto found = local_host()->listeners_on(server.port);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().protocol, "tcp6");
  EXPECT_EQ(found->front().address, "::1");
}

TEST(Sockets, AHolderThatClosedTheSocketIsForgotten) {
  auto server = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  Sockets sockets;
  // A child that inherited it holds it as well.
  ::fcntl(server.fd.get(), F_SETFD, 0);
  std::array<int, 2> hold{};
  ASSERT_EQ(::pipe(hold.data()), 0);
  pid_t child = ::fork();
  if (child == 0) {
    char c = 0;
    ::close(hold[1]);
    while (::read(hold[0], &c, 1) > 0) continue;
    ::_exit(0);
  }
  ::close(hold[0]);
  auto both = sockets.on_port(server.port, Owners::wanted);
  ASSERT_TRUE(both);
  EXPECT_THAT(both->at(0).pids, testing::UnorderedElementsAre(::getpid(), child));
  ::close(hold[1]);
  ::waitpid(child, nullptr, 0);
  auto one = sockets.on_port(server.port, Owners::wanted);
  EXPECT_THAT(one->at(0).pids, ElementsAre(::getpid()));
}

TEST(Sockets, ANewListenerOnAKnownPortIsNotTakenForTheOldOne) {
  Sockets sockets;
  auto first = bound(AF_INET, SOCK_STREAM, "127.0.0.1");
  auto before = sockets.on_port(first.port, Owners::wanted);
  auto port = first.port;
  first.fd.close();
  Fd again(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(again.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0)
    GTEST_SKIP() << "port was taken";
  ::listen(again.get(), 1);
  auto after = sockets.on_port(port, Owners::wanted);
  ASSERT_TRUE(before && after);
  EXPECT_NE(before->at(0).inode, after->at(0).inode);
  EXPECT_THAT(after->at(0).pids, ElementsAre(::getpid()));
}

TEST(Sockets, ManyAtOnceAreAllSeen) {
  std::vector<Bound> many;
  for (int i = 0; i < 300; ++i) many.push_back(bound(AF_INET, SOCK_STREAM, "127.0.0.1"));
  auto all = local_host()->listeners();
  ASSERT_TRUE(all);
  std::set<std::uint16_t> ports;
  for (const auto& l : *all)
    if (l.protocol == "tcp") ports.insert(l.port);
  for (const auto& b : many) EXPECT_TRUE(ports.contains(b.port)) << b.port;
}

TEST(Sockets, WeSeeWhatSsSees) {
  std::vector<Bound> ours;
  ours.push_back(bound(AF_INET, SOCK_STREAM, "127.0.0.1"));
  ours.push_back(bound(AF_INET, SOCK_STREAM, "0.0.0.0"));
  ours.push_back(bound(AF_INET, SOCK_DGRAM, "127.0.0.1"));
  ours.push_back(bound(AF_INET6, SOCK_STREAM, "::1"));
  ours.push_back(bound(AF_INET6, SOCK_STREAM, "::"));
  ours.push_back(bound(AF_INET6, SOCK_DGRAM, "::1"));
  auto ss = run({"ss", "-tulpnH"});
  if (!ss || !ss->exit.clean()) GTEST_SKIP() << "no ss here";

  // tcp LISTEN 0 128 127.0.0.1:18789 0.0.0.0:* users:(("node",pid=12,fd=20))
  std::multiset<std::string> theirs, mine;
  for (auto line : split(ss->out, '\n')) {
    auto fields = words(line);
    if (fields.size() < 6) continue;
    auto local = std::string(fields[4]);
    auto colon = local.rfind(':');
    std::string address;
    if (auto percent = local.find('%'); percent != std::string::npos)
      address = local.substr(0, percent);
    else
      address = local.substr(0, colon);
    bool six = address.starts_with('[') || address == "*";
    if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
    if (address == "*") address = "::";
    std::set<std::string> pids;
    for (std::size_t at = line.find("pid="); at != std::string_view::npos; at = line.find("pid=", at + 1))
      pids.insert(std::string(line.substr(at + 4, line.find(',', at) - at - 4)));
    theirs.insert(fmt::format("{}{} {} {} {}", fields[0], six ? "6" : "", address, local.substr(colon + 1),
                              join(std::vector<std::string>(pids.begin(), pids.end()), ",")));
  }
  auto all = local_host()->listeners();
  ASSERT_TRUE(all) << all.error().text();
  for (const auto& l : *all) {
    std::set<std::string> pids;
    for (auto pid : l.pids) pids.insert(std::to_string(pid));
    mine.insert(fmt::format("{} {} {} {}", l.protocol, l.address, l.port,
                            join(std::vector<std::string>(pids.begin(), pids.end()), ",")));
  }
  for (const auto& b : ours) {
    bool seen = std::ranges::any_of(*all, [&](const auto& l) { return l.port == b.port; });
    EXPECT_TRUE(seen || b.port == 0) << b.port;
  }
  // Other programs of this machine may open or close one between the two looks.
  std::vector<std::string> differ;
  std::ranges::set_symmetric_difference(mine, theirs, std::back_inserter(differ));
  EXPECT_LE(differ.size(), 2U) << "mine:\n  "
                               << join(std::vector<std::string>(mine.begin(), mine.end()), "\n  ")
                               << "\nss:\n  "
                               << join(std::vector<std::string>(theirs.begin(), theirs.end()), "\n  ");
}
