// The walk over an edge that answers as written here: what is asked, in which order it is tried, and what the
// real conversation makes of servers on loopback.
#include "mesh/path_probe.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/fd.h"
#include "fakes/fake_edge.h"
#include "mesh/path_talk.h"

namespace meshops::path {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};
const Traveller kAlpha{.name = "alpha", .address = {}};

TEST(Walk, ToANameThatHasNoAddressStopsThere) {
  FakeEdge edge;
  auto seen = walk(edge, kAlpha, {.name = "beta", .host = "beta.example.org"}, kNow);
  EXPECT_TRUE(seen.name.needed);
  EXPECT_EQ(seen.address, "");
  EXPECT_EQ(edge.asked, (std::vector<std::string>{"name beta.example.org"}));
}

TEST(Walk, WithoutARouteDoesNotKnock) {
  FakeEdge edge;
  edge.routes["10.0.0.2"] = {.outcome = RouteSeen::Outcome::none};
  auto seen = walk(edge, kAlpha, {.name = "beta", .host = "10.0.0.2"}, kNow);
  EXPECT_EQ(seen.tcp.outcome, TcpSeen::Outcome::not_tried);
  EXPECT_THAT(edge.asked, Not(Contains("talk 10.0.0.2")));
}

TEST(Walk, TriesTheNextAddressAsProgramsDo) {
  FakeEdge edge;
  edge.names["beta"].addresses = {"2001:db8::2", "10.0.0.2"};
  edge.routes["2001:db8::2"] = {.outcome = RouteSeen::Outcome::none};
  auto seen = walk(edge, kAlpha, {.name = "beta", .host = "beta"}, kNow);
  EXPECT_EQ(seen.address, "10.0.0.2");
  EXPECT_EQ(seen.tcp.outcome, TcpSeen::Outcome::connected);
}

TEST(Walk, TellsTheFateOfTheFirstAddressWhereNoneConnects) {
  FakeEdge edge;
  edge.names["beta"].addresses = {"10.0.0.2", "10.0.0.3"};
  edge.talks["10.0.0.2"] = FakeEdge::no_connection(TcpSeen::Outcome::refused);
  edge.talks["10.0.0.3"] = FakeEdge::no_connection(TcpSeen::Outcome::timed_out);
  auto seen = walk(edge, kAlpha, {.name = "beta", .host = "beta"}, kNow);
  EXPECT_EQ(seen.address, "10.0.0.2");
  EXPECT_EQ(seen.tcp.outcome, TcpSeen::Outcome::refused);
}

TEST(Walk, ToANeighbourThatIsGoneIsNotARoutersRefusal) {
  FakeEdge edge;
  edge.talks["10.0.0.2"] = FakeEdge::no_connection(TcpSeen::Outcome::no_neighbour);
  edge.echoes["10.0.0.2"] = {.tried = true};
  Target beta{.name = "beta", .host = "10.0.0.2"};
  EXPECT_EQ(walk(edge, kAlpha, beta, kNow).tcp.outcome, TcpSeen::Outcome::no_neighbour);
  edge.routes["10.0.0.2"] = {.outcome = RouteSeen::Outcome::found, .gateway = "10.0.0.254", .mtu = 1500};
  EXPECT_EQ(walk(edge, kAlpha, beta, kNow).tcp.outcome, TcpSeen::Outcome::no_route);
}

TEST(Hairpin, IsNeededOnlyWhereTheAddressIsNotTheMachinesOwn) {
  FakeEdge edge;
  Traveller alpha{.name = "alpha", .address = "203.0.113.1"};
  Target beta{.name = "beta", .host = "10.0.0.2"};
  edge.routes["203.0.113.1"] = {.outcome = RouteSeen::Outcome::found, .here = true};
  EXPECT_EQ(walk(edge, alpha, beta, kNow).hairpin.outcome, HairpinSeen::Outcome::own_address);
  edge.routes.clear();
  EXPECT_EQ(walk(edge, alpha, beta, kNow).hairpin.outcome, HairpinSeen::Outcome::passed);
  edge.talks["203.0.113.1"] = FakeEdge::no_connection(TcpSeen::Outcome::timed_out);
  EXPECT_EQ(walk(edge, alpha, beta, kNow).hairpin.outcome, HairpinSeen::Outcome::failed);
}

TEST(Walks, ComeInTheOrderOfTheirTargets) {
  FakeEdge edge;
  std::vector<Target> targets;
  for (int i = 0; i < 40; ++i)
    targets.push_back({.name = "n" + std::to_string(i), .host = "10.0.0." + std::to_string(i + 1)});
  auto seen = walk_all(edge, kAlpha, targets, kNow);
  ASSERT_EQ(seen.size(), targets.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].target.name, targets[i].name);
}

// --- the real conversation

/// Says its line to who comes, and closes, or holds until the other side does.
class Server {
 public:
  explicit Server(std::string says, bool holds = false) {
    fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    ::listen(fd_.get(), 1);
    socklen_t size = sizeof to;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&to), &size);
    port_ = ntohs(to.sin_port);
    thread_ = std::jthread([this, says = std::move(says), holds] {
      Fd line(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      (void)!::write(line.get(), says.data(), says.size());
      if (!holds) ::shutdown(line.get(), SHUT_WR);
      std::array<char, 4096> buffer;
      while (::read(line.get(), buffer.data(), buffer.size()) > 0) {
      }
    });
  }
  std::uint16_t port() const { return port_; }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

TalkSeen talk_to(std::uint16_t port, Kind kind) {
  Target target{.name = "beta", .host = "127.0.0.1", .port = port, .kind = kind};
  // Long enough for a busy machine; nothing waits for it but the test of silence.
  return talk(target, "127.0.0.1", {.known_hosts = {}, .answer_limit = 300ms});
}

TEST(Talk, ToAClosedPortIsRefused) {
  std::uint16_t port = 0;
  {
    Server gone("");
    port = gone.port();
    (void)talk_to(port, Kind::tcp);
  }
  EXPECT_EQ(talk_to(port, Kind::ssh).tcp.outcome, TcpSeen::Outcome::refused);
}

TEST(Talk, HearsAnAnswerOfHttp) {
  Server server("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  auto seen = talk_to(server.port(), Kind::http);
  EXPECT_EQ(seen.http.outcome, HttpSeen::Outcome::answered);
  EXPECT_EQ(seen.http.status, 401);
}

TEST(Talk, TellsSilenceFromHangingUpAndFromAnotherLanguage) {
  Server silent("", true);
  EXPECT_EQ(talk_to(silent.port(), Kind::ssh).ssh.outcome, SshSeen::Outcome::silent);
  Server closing("");
  EXPECT_EQ(talk_to(closing.port(), Kind::ssh).ssh.outcome, SshSeen::Outcome::closed);
  Server web("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(talk_to(web.port(), Kind::ssh).ssh.outcome, SshSeen::Outcome::not_ssh);
  Server ssh("SSH-2.0-OpenSSH_9.2\r\n");
  EXPECT_EQ(talk_to(ssh.port(), Kind::http).http.outcome, HttpSeen::Outcome::not_http);
}

TEST(LocalEdge, SeesThatLoopbackIsItself) {
  auto edge = local_edge({.known_hosts = {}});
  auto route = edge->route("127.0.0.1");
  EXPECT_EQ(route.outcome, RouteSeen::Outcome::found);
  EXPECT_TRUE(route.here);
  EXPECT_EQ(route.interface, "lo");
}

TEST(Addresses, AreToldFromNames) {
  EXPECT_TRUE(is_address("10.0.0.2"));
  EXPECT_TRUE(is_address("2001:db8::1"));
  EXPECT_FALSE(is_address("beta"));
  EXPECT_FALSE(is_address(""));
}

}  // namespace
}  // namespace meshops::path
