// GCP-002, GCP-005 to GCP-008, GCP-014: who reaches whom, and over what.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "audit/gcp_checks.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using json5::Value;

bool is_ordinary(const Value& subnet) {
  auto purpose = text_of(subnet, "purpose");
  // Others belong to load balancers and private endpoints: no VM is in them.
  return purpose.empty() || purpose == "PRIVATE" || purpose == "PRIVATE_RFC_1918";
}

bool private_access(const Value& subnet) {
  return subnet.at("privateIpGoogleAccess").as_bool().value_or(false);
}

std::string enable_private_access(const Value& subnet) {
  return fmt::format(
      "gcloud compute networks subnets update {} --region={} --enable-private-ip-google-access",
      printable(text_of(subnet, "name")), gcp_leaf(text_of(subnet, "region")));
}

/// The NAT of that router that serves the subnet; empty: none.
std::string nat_for(const Value& router, const Value& subnet) {
  if (!gcp_same(text_of(router, "network"), text_of(subnet, "network")) ||
      gcp_leaf(text_of(router, "region")) != gcp_leaf(text_of(subnet, "region")))
    return "";
  for (const auto& nat : router.at("nats").items()) {
    if (text_of(nat, "type") == "PRIVATE") continue;
    auto what = text_of(nat, "sourceSubnetworkIpRangesToNat");
    bool serves = what == "ALL_SUBNETWORKS_ALL_IP_RANGES" || what == "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES";
    for (const auto& listed : nat.at("subnetworks").items()) {
      auto url = text_of(listed, "name");
      serves = serves || gcp_same(url, text_of(subnet, "selfLink")) ||
               (text_of(subnet, "selfLink").empty() && gcp_leaf(url) == text_of(subnet, "name"));
    }
    if (serves) return text_of(nat, "name");
  }
  return "";
}

/// "0.0.0.0/0", "::/0", and halves of the world.
bool is_world(std::string_view range) {
  auto slash = range.find('/');
  if (slash == std::string_view::npos) return false;
  auto bits = to_number<unsigned>(range.substr(slash + 1));
  return bits && *bits <= 1;
}

bool any_world(const Value& ranges) {
  return std::ranges::any_of(ranges.items(),
                             [](const Value& r) { return is_world(r.as_string().value_or("")); });
}

struct Range {
  unsigned first = 0, last = 65535;
  bool has(unsigned port) const { return first <= port && port <= last; }
  bool all() const { return first <= 1 && last >= 65535; }
};
std::vector<Range> ports_of(const Value& entry) {
  std::vector<Range> out;
  for (const auto& port : entry.at("ports").items()) {
    auto text = port.as_string().value_or("");
    auto dash = text.find('-');
    auto first = to_number<unsigned>(text.substr(0, dash));
    auto last =
        dash == std::string::npos ? first : to_number<unsigned>(std::string_view(text).substr(dash + 1));
    if (first && last) out.push_back({*first, *last});
  }
  if (!entry.at("ports")) out.push_back({});
  return out;
}

constexpr unsigned kSsh = 22;

struct Opened {
  std::string protocol;
  Range range;
  std::string why;  // "SSH", "the gateway's port", "all ports"
};

std::vector<Opened> opened_by(const Value& rule, const std::vector<unsigned>& gateway_ports) {
  std::vector<Opened> out;
  for (const auto& entry : rule.at("allowed").items()) {
    auto protocol = lower(text_of(entry, "IPProtocol"));
    if (protocol == "6") protocol = "tcp";
    if (protocol == "17") protocol = "udp";
    if (protocol != "all" && protocol != "tcp" && protocol != "udp") continue;
    for (const auto& range : ports_of(entry)) {
      if (range.all() || protocol == "all") {
        out.push_back({protocol, range, "all ports"});
      } else if (protocol == "tcp") {
        if (range.has(kSsh)) out.push_back({protocol, range, "SSH"});
        for (auto port : gateway_ports)
          if (range.has(port)) out.push_back({protocol, range, fmt::format("the gateway's port {}", port)});
      }
    }
  }
  return out;
}

std::int64_t priority_of(const Value& rule) {
  constexpr std::int64_t kDefault = 1000;
  return rule.at("priority").as_int().value_or(kDefault);
}

bool is_active(const Value& rule) { return !rule.at("disabled").as_bool().value_or(false); }
bool is_ingress(const Value& rule) { return text_of(rule, "direction") != "EGRESS"; }

/// A rule that is asked first refuses the same for the same machines.
bool is_refused_before(const GcpExport& rules, const Value& open, const Opened& what) {
  for (const auto& rule : rules.items) {
    if (!is_ingress(rule) || !is_active(rule) || priority_of(rule) > priority_of(open) ||
        rule.at("denied").size() == 0)
      continue;
    if (!gcp_same(text_of(rule, "network"), text_of(open, "network")) || !any_world(rule.at("sourceRanges")))
      continue;
    if (rule.at("targetServiceAccounts").size() > 0) continue;
    auto tags = rule.at("targetTags");
    if (tags.size() > 0 && !same(tags, open.at("targetTags"))) continue;
    for (const auto& entry : rule.at("denied").items()) {
      auto protocol = lower(text_of(entry, "IPProtocol"));
      if (protocol != "all" && protocol != what.protocol) continue;
      for (const auto& range : ports_of(entry))
        if (range.first <= what.range.first && range.last >= what.range.last) return true;
    }
  }
  return false;
}

bool is_bastion(const Value& rule) {
  for (const auto* targets : {"targetTags", "targetServiceAccounts"})
    for (const auto& target : rule.at(targets).items()) {
      auto name = lower(target.as_string().value_or(""));
      if (name.find("bastion") != std::string::npos || name.find("jump") != std::string::npos) return true;
    }
  return false;
}

std::string range_text(const Opened& o) {
  if (o.protocol == "all") return "all protocols";
  if (o.range.all()) return o.protocol + ", all ports";
  return o.range.first == o.range.last ? fmt::format("{}:{}", o.protocol, o.range.first)
                                       : fmt::format("{}:{}-{}", o.protocol, o.range.first, o.range.last);
}

bool in_subnet(const GcpInstance::Interface& i, const Value& subnet) {
  auto self = text_of(subnet, "selfLink");
  return self.empty() ? gcp_leaf(i.subnetwork) == text_of(subnet, "name") : gcp_same(i.subnetwork, self);
}

bool peered(const GcpExports& gcp, const std::string& one, const std::string& other) {
  auto towards = [&](const std::string& from, const std::string& to) {
    for (const auto& network : gcp.networks.items) {
      auto self = text_of(network, "selfLink");
      if (!gcp_same(self.empty() ? text_of(network, "name") : self, from)) continue;
      for (const auto& peering : network.at("peerings").items())
        if (gcp_same(text_of(peering, "network"), to) && text_of(peering, "state") != "INACTIVE") return true;
    }
    return false;
  };
  return towards(one, other) || towards(other, one);
}

}  // namespace

void gcp_nat_without_private_access(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  bool there = gcp_needs(gcp.routers, out);
  if (!gcp_needs(gcp.subnets, out) || !there) return;
  for (const auto& subnet : gcp.subnets.items) {
    if (private_access(subnet) || !is_ordinary(subnet)) continue;
    for (const auto& router : gcp.routers.items) {
      auto nat = nat_for(router, subnet);
      if (nat.empty()) continue;
      out.add(gcp_place(site, gcp.subnets, subnet))
          .found("{}: behind the NAT {}, privateIpGoogleAccess off", printable(text_of(subnet, "name")),
                 printable(nat))
          .wanted("privateIpGoogleAccess on")
          .message("traffic to Google's own services goes through the NAT and is paid by the gigabyte")
          .fix("{}", enable_private_access(subnet))
          .about("subnet {}/{}", gcp_leaf(text_of(subnet, "region")), text_of(subnet, "name"));
      break;
    }
  }
}

void gcp_open_ingress(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.firewall, out)) return;
  constexpr unsigned kGateway = 18789;
  std::vector<unsigned> ports = {kGateway};
  for (const auto& gateway : gcp.mesh.gateways)
    if (gateway.port && *gateway.port != kGateway) ports.push_back(*gateway.port);
  for (const auto& rule : gcp.firewall.items) {
    if (!is_ingress(rule) || !is_active(rule) || is_bastion(rule)) continue;
    auto ranges = rule.at("sourceRanges");
    // Without any source the whole world is meant.
    bool everybody = ranges.size() == 0 && rule.at("sourceTags").size() == 0 &&
                     rule.at("sourceServiceAccounts").size() == 0;
    if (!everybody && !any_world(ranges)) continue;
    auto opened = opened_by(rule, ports);
    std::erase_if(opened, [&](const Opened& o) { return is_refused_before(gcp.firewall, rule, o); });
    if (opened.empty()) continue;
    std::vector<std::string> what, why;
    for (const auto& o : opened) {
      if (auto t = range_text(o); std::ranges::find(what, t) == what.end()) what.push_back(t);
      if (std::ranges::find(why, o.why) == why.end()) why.push_back(o.why);
    }
    auto name = text_of(rule, "name");
    out.add(gcp_place(site, gcp.firewall, rule))
        .found(
            "{}: {} from {}", printable(name), join(what, ", "),
            ranges.size() > 0 ? printable(ranges.at(std::size_t{0}).as_string().value_or("")) : "0.0.0.0/0")
        .wanted("your own addresses, Identity-Aware Proxy (35.235.240.0/20), or a tagged bastion")
        .message("{} lets the whole world reach {}", printable(name), join(why, " and "))
        .fix(
            "gcloud compute firewall-rules update {} --source-ranges=YOUR.ADDRESS/32 (for SSH through "
            "Google's proxy: "
            "--source-ranges=35.235.240.0/20)",
            printable(name))
        .about("rule {}", name);
  }
}

void gcp_no_egress_deny(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.firewall, out)) return;
  // Networks in which something runs; without instances.json those that have rules.
  std::map<std::string, std::string> networks;  // path → name
  for (const auto* vm : gcp.nodes())
    for (const auto& i : vm->interfaces) networks[gcp_path(i.network)] = gcp_leaf(i.network);
  if (!gcp.instances.there())
    for (const auto& rule : gcp.firewall.items)
      networks[gcp_path(text_of(rule, "network"))] = gcp_leaf(text_of(rule, "network"));
  if (networks.empty() && !gcp.instances.there()) networks["default"] = "default";
  for (const auto& [path, name] : networks) {
    bool denied = false;
    const Value* first = nullptr;
    for (const auto& rule : gcp.firewall.items) {
      if (!gcp_same(text_of(rule, "network"), path)) continue;
      if (first == nullptr) first = &rule;
      auto to = rule.at("destinationRanges");
      denied = denied || (!is_ingress(rule) && is_active(rule) && rule.at("denied").size() > 0 &&
                          (to.size() == 0 || any_world(to)));
    }
    if (denied) continue;
    out.add(first != nullptr ? gcp_place(site, gcp.firewall, *first) : site.at("/" + gcp.firewall.file, 1))
        .found("network {}: no egress rule that denies", printable(name))
        .wanted("an egress deny rule for 0.0.0.0/0, and allow rules above it")
        .message("whatever breaks into a VM of {} may send what it finds anywhere", printable(name))
        .fix(
            "gcloud compute firewall-rules create {0}-allow-egress-needed --network={0} --direction=EGRESS "
            "--action=ALLOW "
            "--rules=tcp:443,tcp:22,udp:53,tcp:53,udp:123 --destination-ranges=0.0.0.0/0 --priority=1000; "
            "gcloud compute "
            "firewall-rules create {0}-deny-egress --network={0} --direction=EGRESS --action=DENY "
            "--rules=all "
            "--destination-ranges=0.0.0.0/0 --priority=65000",
            printable(name))
        .about("network {}", name);
  }
}

void gcp_private_access_off(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  bool there = gcp_needs(gcp.instances, out);
  if (!gcp_needs(gcp.subnets, out) || !there) return;
  for (const auto& subnet : gcp.subnets.items) {
    if (private_access(subnet) || !is_ordinary(subnet)) continue;
    std::vector<std::string> vms;
    for (const auto& vm : gcp.vms)
      for (const auto& i : vm.interfaces)
        if (!i.external && in_subnet(i, subnet)) vms.push_back(printable(vm.name));
    if (vms.empty()) continue;
    auto some = std::span(vms).first(std::min<std::size_t>(vms.size(), 5));
    out.add(gcp_place(site, gcp.subnets, subnet))
        .found("{}: privateIpGoogleAccess off, {} without external address: {}",
               printable(text_of(subnet, "name")),
               vms.size() == 1 ? "1 VM" : fmt::format("{} VMs", vms.size()), join(some, ", "))
        .wanted("privateIpGoogleAccess on")
        .message("these VMs reach storage, logging and secrets of Google only by a detour, or not at all")
        .fix("{}", enable_private_access(subnet))
        .about("subnet {}/{}", gcp_leaf(text_of(subnet, "region")), text_of(subnet, "name"));
  }
}

void gcp_ephemeral_addresses(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.instances, out)) return;
  bool judged = false;
  for (const auto& vm : gcp.vms) {
    if (!vm.mesh) continue;
    for (const auto& i : vm.interfaces)
      for (const auto& address : i.addresses) {
        // With a mesh.toml only what peers really use.
        if (gcp.mesh_known &&
            std::ranges::none_of(gcp.mesh.nodes, [&](const NodeSpec& n) { return n.address == address; }))
          continue;
        if (!judged && !gcp_needs(gcp.addresses, out)) return;
        judged = true;
        if (std::ranges::any_of(gcp.addresses.items,
                                [&](const Value& a) { return text_of(a, "address") == address; }))
          continue;
        out.add(gcp_place(site, gcp.instances, vm.item))
            .found("{}: {} is an ephemeral external address", printable(vm.name), printable(address))
            .wanted("a static address")
            .message(
                "the next stop and start gives {} another address, and its peers look for it at the old one",
                printable(vm.name))
            .fix("gcloud compute addresses create {}-address --addresses={} --region={}", printable(vm.name),
                 printable(address), vm.region)
            .about("instance {}", vm.name);
      }
  }
}

void gcp_split_networks(const Site& site, Findings& out) {
  const auto& gcp = site.facts<GcpExports>();
  if (!gcp_needs(gcp.instances, out) || gcp.mesh.audit.overlay) return;
  // Of each project the network most nodes are in is the mesh's.
  std::map<std::string, std::vector<const GcpInstance*>> projects;
  for (const auto* vm : gcp.nodes())
    if (!vm->interfaces.empty()) projects[vm->project].push_back(vm);
  for (const auto& [project, nodes] : projects) {
    std::map<std::string, std::size_t> count;
    for (const auto* vm : nodes)
      for (const auto& i : vm->interfaces) ++count[gcp_path(i.network)];
    std::string home;
    for (const auto* vm : nodes)
      for (const auto& i : vm->interfaces)
        if (home.empty() || count[gcp_path(i.network)] > count[home]) home = gcp_path(i.network);
    // Of another project: shared with this one on purpose.
    auto shared = [&, &own = project](const std::string& network) {
      auto owner = gcp_project(network);
      return !owner.empty() && !own.empty() && owner != own;
    };
    if (shared(home)) continue;
    bool needs_networks = false;
    for (const auto* vm : nodes) {
      auto has_subnet = [&] {
        return std::ranges::any_of(gcp.subnets.items, [&](const Value& s) {
          return gcp_same(text_of(s, "network"), home) && gcp_leaf(text_of(s, "region")) == vm->region;
        });
      };
      bool inside =
          std::ranges::any_of(vm->interfaces, [&](const auto& i) { return gcp_path(i.network) == home; });
      bool lacks = gcp.subnets.there() && !gcp.subnets.items.empty() && !has_subnet();
      const auto& network = vm->interfaces.front().network;
      if (inside ? !lacks : (shared(network) || peered(gcp, home, network))) continue;
      // An export of networks could show a peering; without it the difference is all there is to see.
      needs_networks = needs_networks || (!inside && !gcp.networks.there());
      out.add(gcp_place(site, gcp.instances, vm->item))
          .found("{} is in {}, the mesh in {}{}", printable(vm->name), printable(gcp_leaf(network)),
                 printable(gcp_leaf(home)),
                 lacks ? fmt::format("; {} has no subnet in {}", vm->region, printable(gcp_leaf(home)))
                       : ", without peering")
          .wanted("one VPC for all nodes: it spans every region, with a subnet in each")
          .message("{} reaches its peers only over the internet, by external addresses and paid egress",
                   printable(vm->name))
          .fix(
              "{}gcloud compute networks peerings create mesh --network={} --peer-network={} (and the "
              "reverse), or move {} into {}",
              lacks ? fmt::format("gcloud compute networks subnets create mesh-{0} --network={1} "
                                  "--region={0} --range=10.N.0.0/20; or ",
                                  vm->region, printable(gcp_leaf(home)))
                    : "",
              printable(gcp_leaf(home)), printable(gcp_leaf(network)), printable(vm->name),
              printable(gcp_leaf(home)))
          .about("instance {}", vm->name);
    }
    if (needs_networks) gcp_needs(gcp.networks, out);
  }
}

}  // namespace meshops::audit
