// network: which addresses the nodes have, who listens on them, and what reaches what.
#include <algorithm>
#include <map>
#include <set>

#include "audit/firewall.h"
#include "audit/network_mesh.h"
#include "audit/network_peers.h"
#include "audit/network_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

// --- NET-002

bool is_private(AddressKind kind) {
  return kind == AddressKind::ten || kind == AddressKind::one_seven_two ||
         kind == AddressKind::one_nine_two || kind == AddressKind::unique_local;
}

/// Whether a peer with the other address is surely on another network. Two private ones of the same range may
/// be one cloud's network across regions.
bool elsewhere(AddressKind mine, AddressKind peer) {
  if (peer == AddressKind::name || peer == AddressKind::loopback || peer == AddressKind::unspecified)
    return false;
  // Such an address is the customer's alone: even two of the same range do not meet.
  if (mine == AddressKind::carrier || mine == AddressKind::link_local) return true;
  return mine != peer;
}

void private_address(const Site& site, Findings& out) {
  for (const auto& mesh : site.facts<DescribedMeshes>().all) {
    if (mesh.audit.overlay || site.mesh().audit.overlay) continue;
    for (const auto& place : mesh.nodes) {
      auto kind = kind_of_address(place.node.address);
      if (!is_private(kind) && kind != AddressKind::carrier && kind != AddressKind::link_local) continue;
      std::vector<std::string> peers;
      for (const auto& peer : mesh.nodes)
        if (&peer != &place && elsewhere(kind, kind_of_address(peer.node.address)))
          peers.push_back(peer.node.name);
      if (peers.empty()) continue;
      out.add(mesh.at(site, place))
          .found("{} has {}, {}", place.node.name, place.node.address, text(kind))
          .wanted("an address that {} can reach", join(peers, ", "))
          .message("{} cannot reach {} there, so it looks dead to the others and is never healed by them",
                   join(peers, ", "), place.node.name)
          .fix(
              "its public address in mesh.toml; or an overlay network (WireGuard, Tailscale) and [audit] "
              "overlay = true")
          .about("{}", place.node.name);
    }
  }
}

// --- NET-003, NET-008

Where node_place(const Site& site, const std::string& name) {
  for (const auto& mesh : site.facts<DescribedMeshes>().all)
    for (const auto& place : mesh.nodes)
      if (place.node.name == name) return mesh.at(site, place);
  return {};
}

bool several_nodes(const Site& site) {
  return std::ranges::any_of(site.facts<DescribedMeshes>().all,
                             [](const auto& mesh) { return mesh.ours && mesh.nodes.size() > 1; });
}

void icmp_blocked(const Site& site, Findings& out) {
  if (!several_nodes(site)) return;
  const auto& answers = site.facts<PeerAnswers>();
  if (!answers.error.empty()) return out.skip("the ways to the other nodes", answers.error);
  for (const auto& peer : answers.all) {
    bool answers_tcp = peer.tcp == true || peer.ssh == true;
    if (peer.self || peer.icmp != false || !answers_tcp) continue;
    out.add(node_place(site, peer.node))
        .found("{} does not answer ping, and does answer TCP", peer.node)
        .wanted("TCP as the sign of life")
        .message("{} is not down: something on the way drops ICMP", peer.node)
        .fix("nothing needs to be done; to see ping again, allow ICMP echo in the cloud's firewall")
        .about("{}", peer.node);
  }
}

void no_hairpin(const Site& site, Findings& out) {
  if (!several_nodes(site)) return;
  const auto& answers = site.facts<PeerAnswers>();
  if (!answers.error.empty()) return out.skip("the ways to the other nodes", answers.error);
  for (const auto& peer : answers.all) {
    if (!peer.self || peer.tcp != false || peer.ssh == true || peer.seen_by.empty()) continue;
    out.add(node_place(site, peer.node))
        .found("{} cannot reach its own address, and {} can", peer.node, join(peer.seen_by, ", "))
        .wanted("to reach itself by loopback")
        .message(
            "the network does not lead packets of {} back to itself: what runs there and uses its public "
            "name fails",
            peer.node)
        .fix("on {}: its own public name in /etc/hosts with 127.0.0.1 (or its private address)", peer.node)
        .about("{}", peer.node);
  }
}

// --- NET-004

/// "22", "443/tcp", "8000-8010", "60000:61000/udp".
bool port_named(const std::vector<std::string>& list, std::uint16_t port, bool udp) {
  for (std::string_view item : list) {
    if (auto slash = item.find('/'); slash != std::string_view::npos) {
      if ((item.substr(slash + 1) == "udp") != udp) continue;
      item = item.substr(0, slash);
    }
    auto dash = item.find_first_of("-:");
    auto from = to_number<unsigned>(item.substr(0, dash));
    auto to = dash == std::string_view::npos ? from : to_number<unsigned>(item.substr(dash + 1));
    if (from && to && port >= *from && port <= *to) return true;
  }
  return false;
}

std::string unit_of(std::string_view cgroup) {
  std::string out;
  for (auto part : split(cgroup, '/'))
    if (part.ends_with(".service") || part.ends_with(".scope") || part.ends_with(".socket")) out = part;
  return out;
}

struct Open {
  bool udp = false;
  std::uint16_t port = 0;
  std::set<std::string> addresses;
  std::set<pid_t> pids;
};

/// Sockets that a machine needs to have an address and the time at all, and that serve nobody.
bool is_plumbing(const Open& open) {
  constexpr std::uint16_t kDhcpClient = 68, kDhcp6Client = 546, kNtp = 323;
  return open.udp && (open.port == kDhcpClient || open.port == kDhcp6Client || open.port == kNtp);
}

void open_listener(const Site& site, Findings& out) {
  constexpr std::uint16_t kFirstShortLived = 32768;  // net.ipv4.ip_local_port_range
  auto listeners = site.host().listeners();
  if (!listeners) return out.skip("listeners", std::string(listeners.error().text()));
  std::map<std::pair<bool, std::uint16_t>, Open> all;
  for (const auto& l : *listeners) {
    if (kind_of_address(l.address) != AddressKind::unspecified) continue;
    bool udp = l.protocol.starts_with("udp");
    auto& open = all[{udp, l.port}];
    open.udp = udp;
    open.port = l.port;
    open.addresses.insert(l.address);
    open.pids.insert(l.pids.begin(), l.pids.end());
  }
  const auto& mesh = site.mesh();
  std::set<std::uint16_t> ours;
  for (const auto& node : mesh.nodes)
    if (node.name == mesh.node) {
      ours.insert(node.ssh_port);
      if (node.port != 0) ours.insert(node.port);
    }
  for (const auto& gateway : mesh.gateways_of(mesh.node))
    if (gateway.port) ours.insert(*gateway.port);
  const auto& walls = site.facts<Firewall>();
  for (const auto& [key, open] : all) {
    // A client's own socket is bound like that, too, and to a port that the kernel chose.
    if (is_plumbing(open) || (open.udp && open.port >= kFirstShortLived)) continue;
    if (port_named(mesh.audit.ports, open.port, open.udp) || (!open.udp && ours.contains(open.port)))
      continue;
    std::string process = "a process that cannot be seen", unit;
    bool allowed = false;
    for (auto pid : open.pids) {
      auto details = site.host().process_details(pid);
      if (!details) continue;
      process = fmt::format("{} (pid {})", printable(details->comm), pid);
      unit = unit_of(details->cgroup);
      // What gives the policy its own ports: SSH's, and the mesh's.
      auto name = details->comm.substr(0, details->comm.find(':'));
      allowed = allowed || name == "sshd" || (mesh.nodes.size() > 1 && (name == "serf" || name == "meshops"));
    }
    if (allowed) continue;
    auto protocol = open.udp ? "udp" : "tcp";
    out.add({})
        .found("{} port {} on {}: {}{}; {}", protocol, open.port,
               join(std::vector<std::string>(open.addresses.begin(), open.addresses.end()), " and "), process,
               unit.empty() ? std::string() : ", " + unit,
               walls.known() ? Firewall::text(walls.lets_in(protocol, open.port))
                             : "whether the firewall lets it in is not known")
        .wanted("bound to 127.0.0.1, or named in audit.ports of mesh.toml")
        .message("every machine that can reach this one can talk to {}", process)
        .fix(
            "bind it to 127.0.0.1 in its configuration; or, if it is meant: ports = [\"{}\"] in [audit] of "
            "mesh.toml",
            open.port)
        .about("{} {}", protocol, open.port);
  }
}

const Rule kRules[] = {
    {.id = "NET-002",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::none,
     .title = "A node's address cannot be reached from the others' networks",
     .why = "A private, carrier-grade or link-local address means something else, or nothing, on another "
            "network.",
     .not_when = "an overlay network is declared ([audit] overlay = true); a mesh of one node",
     .remedy = "A public address, or an overlay network.",
     .check = private_address},
    {.id = "NET-003",
     .severity = Severity::info,
     .reads = kLive,
     .fix = Fix::none,
     .title = "A node that does not answer ping is up",
     .why = "Clouds drop ICMP. Silence to ping alone is no sign of death.",
     .not_when = "ping is answered, or TCP is not",
     .remedy = "Nothing; trust TCP.",
     .check = icmp_blocked},
    {.id = "NET-004",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "A listener on all interfaces that nobody decided on",
     .why = "What listens on every address is one firewall mistake away from the internet.",
     .not_when = "ports of audit.ports, of SSH, and of this node and its gateways in mesh.toml",
     .remedy = "Bind it to loopback, or name the port in mesh.toml.",
     .check = open_listener},
    {.id = "NET-008",
     .severity = Severity::medium,
     .reads = kLive,
     .fix = Fix::none,
     .title = "A node cannot reach its own public address",
     .why = "Without hairpin routing a service that calls itself by its public name fails, while everybody "
            "else gets "
            "through.",
     .not_when = "peers do not get through either",
     .remedy = "The public name in /etc/hosts with a local address.",
     .check = no_hairpin},
};

}  // namespace

std::span<const Rule> network_path_rules() { return kRules; }

}  // namespace meshops::audit
