#include "mesh/path_probe.h"

#include <algorithm>
#include <thread>

#include "base/side_by_side.h"

namespace meshops::path {

namespace {

/// Bounds threads and sockets, however large the mesh.
constexpr std::size_t kAtOnce = 16, kMostAddresses = 4;

HairpinSeen hairpin(Edge& edge, const Traveller& from) {
  HairpinSeen out;
  if (from.address.empty()) {
    out.why = "this machine is no node of a mesh";
    return out;
  }
  out.address = from.address;
  if (!is_address(out.address)) {
    auto found = edge.look_up(from.address).addresses;
    if (found.empty()) {
      out.why = "its own name " + from.address + " has no address";
      out.outcome = HairpinSeen::Outcome::failed;
      return out;
    }
    out.address = found.front();
  }
  if (edge.route(out.address).here) {
    out.outcome = HairpinSeen::Outcome::own_address;
    return out;
  }
  Target self{
      .name = from.name, .host = out.address, .port = from.ssh_port, .kind = Kind::tcp, .itself = true};
  auto tcp = edge.talk(self, out.address).tcp;
  bool back = tcp.outcome == TcpSeen::Outcome::connected || tcp.outcome == TcpSeen::Outcome::refused;
  out.outcome = back ? HairpinSeen::Outcome::passed : HairpinSeen::Outcome::failed;
  if (!back) out.why = "its own address " + out.address + " does not lead back to it";
  return out;
}

/// The kernel says the same of a neighbour that is not there and of a router's or firewall's refusal.
void tell_neighbours_from_routers(Walk& walk) {
  if (walk.tcp.outcome != TcpSeen::Outcome::no_neighbour) return;
  if (walk.route.gateway.empty() && !walk.echo.took && walk.echo.refusal.empty()) return;
  walk.tcp.outcome = TcpSeen::Outcome::no_route;
  if (!walk.echo.refusal.empty())
    walk.tcp.words = walk.echo.refusal;
  else if (walk.echo.took)
    walk.tcp.words = "it answers pings, so a firewall refuses the connection";
}

}  // namespace

Walk walk(Edge& edge, const Traveller& from, const Target& to, WallTime now) {
  Walk out{.from = from.name, .target = to, .address = {}, .at = now};
  std::jthread own([&] { out.hairpin = hairpin(edge, from); });

  std::vector<std::string> addresses{to.host};
  if (!is_address(to.host)) {
    out.name = edge.look_up(to.host);
    out.name.needed = true;
    addresses = out.name.addresses;
  }
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);
  // As programs do: one after the other, until one takes the connection; the first one's fate is what is
  // told.
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    Walk attempt{.address = addresses[i]};
    attempt.route = edge.route(attempt.address);
    // Where the kernel could not be asked, the connection itself tells.
    if (attempt.route.outcome != RouteSeen::Outcome::none &&
        attempt.route.outcome != RouteSeen::Outcome::prohibited) {
      std::jthread pings([&] {
        if (!attempt.route.here) attempt.echo = edge.echo(attempt.address, attempt.route.mtu);
      });
      auto talk = edge.talk(to, attempt.address);
      attempt.tcp = std::move(talk.tcp);
      attempt.load = talk.load;
      attempt.tls = std::move(talk.tls);
      attempt.http = std::move(talk.http);
      attempt.ssh = std::move(talk.ssh);
      pings.join();
      tell_neighbours_from_routers(attempt);
    }
    bool reached = attempt.tcp.outcome == TcpSeen::Outcome::connected;
    if (i > 0 && !reached) continue;
    out.address = attempt.address;
    out.route = std::move(attempt.route);
    out.echo = std::move(attempt.echo);
    out.tcp = std::move(attempt.tcp);
    out.load = attempt.load;
    out.tls = std::move(attempt.tls);
    out.http = std::move(attempt.http);
    out.ssh = std::move(attempt.ssh);
    if (reached) break;
  }
  own.join();
  return out;
}

std::vector<Walk> walk_all(Edge& edge, const Traveller& from, std::span<const Target> to, WallTime now) {
  std::vector<Walk> out(to.size());
  side_by_side(to.size(), kAtOnce, [&](std::size_t i) {
    // Its own address is looked at once for all.
    auto who = from;
    if (i > 0) who.address.clear();
    out[i] = walk(edge, who, to[i], now);
    if (i > 0) out[i].hairpin.why = "seen with the first walk";
  });
  return out;
}

}  // namespace meshops::path
