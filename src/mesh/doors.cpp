#include "mesh/doors.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "base/text.h"
#include "formats/fail2ban_config.h"
#include "formats/firewall_rules.h"

namespace meshops::mesh {

namespace ip = boost::asio::ip;

namespace {

/// `network`: an address or a CIDR.
bool contains(std::string_view network, std::string_view address) {
  if (network == address) return true;
  boost::system::error_code bad;
  auto at = ip::make_address(std::string(address), bad);
  if (bad || !network.contains('/')) return false;
  if (at.is_v4()) {
    auto net = ip::make_network_v4(std::string(network), bad);
    return !bad && ip::network_v4(at.to_v4(), net.prefix_length()).canonical() == net.canonical();
  }
  auto net = ip::make_network_v6(std::string(network), bad);
  return !bad && ip::network_v6(at.to_v6(), net.prefix_length()).canonical() == net.canonical();
}

bool from_there(const firewall::Line& line, std::string_view peer) {
  return line.from.empty() || line.from == "0.0.0.0/0" || line.from == "::/0" || contains(line.from, peer);
}

}  // namespace

std::vector<Door> doors(const Mesh& mesh) {
  auto own = std::ranges::find(mesh.nodes, mesh.node, &NodeSpec::name);
  std::uint16_t ssh = own == mesh.nodes.end() ? 22 : own->ssh_port;
  return {{"tcp", mesh.gossip_port}, {"udp", mesh.gossip_port}, {"udp", mesh.heartbeat_port}, {"tcp", ssh}};
}

std::vector<std::string> known_addresses(const Mesh& mesh) {
  std::vector<std::string> out;
  for (const auto& node : mesh.nodes) {
    boost::system::error_code name;
    auto address = ip::make_address(node.address, name);
    if (!name && node.name != mesh.node && !address.is_loopback()) out.push_back(address.to_string());
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> jails_in(std::string_view status) {
  constexpr std::string_view kHead = "Jail list:";
  for (auto line : split(status, '\n'))
    if (auto at = line.find(kHead); at != line.npos) return fail2ban::list_of(line.substr(at + kHead.size()));
  return {};
}

std::string_view new_jail_in(std::string_view log) {
  std::string_view last;
  for (auto line : split(log, '\n')) {
    line = trim(line);
    bool begins = line.contains(" Jail '") && line.ends_with("' started");
    if (begins || line.ends_with(" Reload finished.")) last = line;
  }
  return last;
}

std::vector<std::string> not_ignored(std::string_view ignoreip, const std::vector<std::string>& peers) {
  std::vector<std::string_view> known;
  for (auto line : split(ignoreip, '\n'))
    for (auto word : words(line))
      if (word != "|-" && word != "`-") known.push_back(word);
  std::vector<std::string> out;
  for (const auto& peer : peers)
    if (std::ranges::none_of(known, [&](std::string_view k) { return contains(k, peer); }))
      out.push_back(peer);
  return out;
}

UfwOrders ufw_orders(std::string_view rules, std::string_view rules6, const std::vector<std::string>& peers,
                     const std::vector<Door>& doors) {
  const auto v4 = firewall::parse_ufw_rules(rules), v6 = firewall::parse_ufw_rules(rules6, true);
  UfwOrders out;
  for (const auto& peer : peers) {
    const auto& lines = peer.contains(':') ? v6 : v4;
    for (const auto& door : doors) {
      // The first rule that speaks of it decides, as in the kernel.
      auto line = std::ranges::find_if(lines, [&](const firewall::Line& l) {
        return l.covers(door.protocol, door.port) && from_there(l, peer) && l.interface.empty() &&
               !l.conditional;
      });
      if (line == lines.end())
        out.allow.push_back({"ufw", "allow", "proto", std::string(door.protocol), "from", peer, "to", "any",
                             "port", std::to_string(door.port), "comment", "meshops: a node of the mesh"});
      else if (line->verdict == firewall::Verdict::deny)
        out.denied.push_back(fmt::format("{} {} from {}", door.protocol, door.port, peer));
    }
  }
  return out;
}

bool ufw_is_on(std::string_view conf) {
  return std::ranges::any_of(split(conf, '\n'), [](std::string_view line) {
    line = trim(line);
    return line == "ENABLED=yes" || line == "ENABLED=\"yes\"";
  });
}

}  // namespace meshops::mesh
