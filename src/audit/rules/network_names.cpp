// network: how names become addresses, and where that goes wrong.
#include <algorithm>
#include <map>
#include <set>

#include "audit/network_mesh.h"
#include "audit/network_peers.h"
#include "audit/network_rules.h"
#include "base/text.h"
#include "formats/resolv_conf.h"
#include "formats/unit_file.h"
#include "formats/zone_file.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

// --- NET-001

/// Zone files of a folder; on a machine, of the places where name servers keep them.
std::vector<fs::path> zone_files(const Site& site) {
  std::vector<fs::path> out;
  for (const auto* file : site.files().of(FileKind::zone)) out.push_back(file->path);
  if (site.repo()) return out;
  for (const auto* folder : {"/etc/bind", "/etc/bind/zones", "/var/lib/bind", "/var/cache/bind", "/etc/nsd",
                             "/etc/nsd/zones", "/etc/knot", "/var/lib/knot/zones", "/etc/coredns"}) {
    auto names = site.host().list(folder);
    if (!names) continue;
    for (const auto& name : *names) {
      auto path = fs::path(folder) / name;
      auto head = site.host().read_part(path, 0, 4096);
      if (head && kind_of(path, head->bytes) == FileKind::zone) out.push_back(path);
    }
  }
  return out;
}

void cname_at_apex(const Site& site, Findings& out) {
  constexpr std::size_t kMostBytes = 8U << 20;
  const auto files = zone_files(site);
  for (const auto& path : files) {
    auto text = site.host().read(path, kMostBytes);
    if (!text) {
      out.skip(site.shown(path), std::string(text.error().text()));
      continue;
    }
    auto zone = zone::parse(*text, zone::origin_of_file(path.filename().string()));
    std::map<std::string, std::string> parents;  // who has a SOA or NS: nothing else may stand beside a CNAME
    for (const auto& record : zone.records)
      if (record.type == "SOA" || record.type == "NS") parents.emplace(record.owner, record.type);
    for (const auto& record : zone.records) {
      if (record.type != "CNAME") continue;
      auto beside = parents.find(record.owner);
      bool apex = record.owner == zone.apex;
      if (!apex && beside == parents.end()) continue;
      auto target = record.fields.empty() ? std::string() : record.fields.front();
      out.add(site.at(path, record.line, record.column))
          .found("{} CNAME {}", record.owner, target)
          .wanted("A and AAAA records, or the provider's ALIAS/ANAME")
          .message(
              "{}",
              apex ? "a CNAME hides everything else at the top of the zone: its NS, its MX, the zone itself "
                     "for some resolvers"
                   : "a CNAME beside " + beside->second + " records is an error that servers refuse")
          .fix("replace it by the A/AAAA records of {}, or by an ALIAS record where the DNS provider has one",
               target)
          .about("{} CNAME", record.owner);
    }
  }
}

// --- NET-007

void resolvers_disagree(const Site& site, Findings& out) {
  const auto& meshes = site.facts<DescribedMeshes>();
  const auto text = site.host().read("/etc/hosts");
  if (!text && text.error().is("file.not_permitted"))
    out.skip("/etc/hosts", std::string(text.error().text()));
  const auto hosts = text ? resolver::parse_hosts(*text) : std::vector<resolver::HostsEntry>();
  std::set<std::string> wanted;
  for (const auto& mesh : meshes.all) {
    for (const auto& [node, line, column] : mesh.nodes) {
      bool self = node.name == mesh.self;
      auto kind = kind_of_address(node.address);
      bool by_number = kind != AddressKind::name;
      if (!by_number) wanted.insert(lower(node.address));
      std::string seen;
      for (const auto& entry : hosts) {
        auto says = [&](std::string_view name) {
          return std::ranges::find(entry.names, lower(name)) != entry.names.end();
        };
        if (!says(node.name) && !says(node.address)) continue;
        // A machine may call itself by a loopback address: Debian's 127.0.1.1.
        if (self && kind_of_address(entry.address) == AddressKind::loopback) continue;
        bool family = entry.address.find(':') == std::string::npos;
        bool comparable = by_number && family == (node.address.find(':') == std::string::npos);
        bool differs = comparable && entry.address != node.address;
        // A second line for the same family never counts.
        bool twice = !by_number && !seen.empty() && seen != entry.address &&
                     (seen.find(':') == std::string::npos) == family;
        if (seen.empty()) seen = entry.address;
        if (!differs && !twice) continue;
        out.add(site.at("/etc/hosts", entry.line))
            .found("/etc/hosts: {} is {}", node.name, entry.address)
            .wanted("{}", by_number ? node.address + ", as mesh.toml has it" : "one address, " + seen)
            .message("this machine asks {} at another address than the rest of the mesh does", node.name)
            .fix(
                "correct or delete line {} of /etc/hosts; nscd -i hosts where nscd runs; the layer is the "
                "hosts file",
                entry.line)
            .about("{}", node.name);
      }
    }
  }
  if (!site.live() || wanted.empty()) return;
  const auto& answers = site.facts<ResolverAnswers>();
  if (!answers.error.empty()) return out.skip("the resolvers", answers.error);
  for (const auto& name : answers.names) {
    if (!wanted.contains(lower(name.name))) continue;
    // The zone's own servers are right; without them, what most say.
    std::map<std::vector<std::string>, std::size_t> votes;
    const std::vector<std::string>* right = nullptr;
    for (const auto& layer : name.layers) {
      ++votes[layer.addresses];
      if (layer.name == "authoritative") right = &layer.addresses;
    }
    if (right == nullptr && !votes.empty())
      right = &std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; })->first;
    for (const auto& layer : name.layers) {
      bool shares = std::ranges::any_of(
          layer.addresses, [&](const auto& a) { return std::ranges::find(*right, a) != right->end(); });
      if (layer.name == "authoritative" || shares || (layer.addresses.empty() && right->empty())) continue;
      auto flush = layer.name.starts_with("stub") ? "resolvectl flush-caches"
                   : layer.name.starts_with("nsswitch")
                       ? "look into /etc/hosts and nsswitch.conf; nscd -i hosts"
                       : "flush that server's cache, or wait for the record's TTL";
      out.add({})
          .found("{}: {} says {}", name.name, layer.name,
                 layer.addresses.empty() ? "nothing" : join(layer.addresses, ", "))
          .wanted("{}", right->empty() ? "nothing" : join(*right, ", "))
          .message(
              "who asks {} gets another answer for {} than the others: one node talks to the wrong machine",
              layer.name, name.name)
          .fix("{}", flush)
          .about("{} {}", name.name, layer.name);
    }
  }
}

// --- NET-009

constexpr std::size_t kMostServers = 3;  // glibc's MAXNS
constexpr std::string_view kStub = "127.0.0.53";

/// "DNS=" of resolved.conf and its drop-ins, FallbackDNS= left out.
struct Upstream {
  std::string address;
  std::string file;
  std::size_t line = 0;
};
struct Resolved {
  std::vector<Upstream> upstreams;
  std::optional<std::string> listener;  // DNSStubListener=
  std::string listener_file;
  std::size_t listener_line = 0;
};
Resolved read_resolved(const Site& site) {
  Resolved out;
  std::vector<fs::path> files = {"/etc/systemd/resolved.conf"};
  for (const auto* folder : {"/etc/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d"})
    if (auto names = site.host().list(folder)) {
      std::ranges::sort(*names);
      for (const auto& name : *names)
        if (name.ends_with(".conf")) files.push_back(fs::path(folder) / name);
    }
  systemd::UnitFile config;
  for (const auto& path : files)
    if (auto text = site.host().read(path)) config.add(*text, path.string());
  for (const auto* assignment : config.all("Resolve", "DNS"))
    for (auto word : words(assignment->value)) {
      auto address = word.substr(0, word.find('#'));
      if (std::ranges::count(address, ':') == 1) address = address.substr(0, address.find(':'));
      out.upstreams.push_back({std::string(address), assignment->at.file, assignment->at.line});
    }
  if (const auto* set = config.last("Resolve", "DNSStubListener")) {
    out.listener = set->value;
    out.listener_file = set->at.file;
    out.listener_line = set->at.line;
  }
  return out;
}

class ResolverCheck {
 public:
  ResolverCheck(const Site& site, Findings& out) : site_(site), out_(out) {}

  void file(const fs::path& path) {
    auto text = site_.host().read(path);
    if (!text) {
      auto info = site_.host().stat(path);
      bool link = info && info->kind == FileInfo::Kind::symlink;
      if (text.error().is("file.not_permitted"))
        out_.skip(site_.shown(path), std::string(text.error().text()));
      else if (site_.live())
        tell(site_.at(path), "none", link ? "a link to a file that is not there" : "no such file",
             "at least one nameserver",
             "no name can be looked up: every provider and every peer by name is unreachable",
             link ? "systemctl start systemd-resolved, or replace the link by a file with nameserver lines"
                  : "printf 'nameserver 9.9.9.9\\nnameserver 1.1.1.1\\n' > /etc/resolv.conf");
      return;
    }
    auto servers = resolver::parse_resolv_conf(*text);
    if (servers.empty()) {
      // An image gets its own when it is started.
      if (text->empty() && !site_.live()) return;
      tell(site_.at(path), "none", "no nameserver line", "at least one nameserver",
           "glibc asks 127.0.0.1 then, where most likely nobody answers", "add nameserver lines");
      return;
    }
    if (servers.size() > kMostServers) {
      const auto& fourth = servers[kMostServers];
      tell(site_.at(path, fourth.line, fourth.column), "over three",
           fmt::format("{} nameservers", servers.size()), "at most three",
           "glibc reads the first three and never asks the others",
           "keep the three that are nearest and best");
    }
    for (const auto& server : servers) one(path, server, servers);
  }

  void loops() {
    auto resolved = read_resolved(site_);
    for (const auto& upstream : resolved.upstreams)
      if (upstream.address == kStub || upstream.address == "127.0.0.54")
        tell({upstream.file, upstream.line, 0}, "loop", "DNS=" + upstream.address,
             "the address of a server outside of this machine",
             "systemd-resolved asks itself, and every lookup ends in a timeout",
             "DNS= with real servers; systemctl restart systemd-resolved");
    if (auto text = site_.host().read("/run/systemd/resolve/resolv.conf"))
      for (const auto& server : resolver::parse_resolv_conf(*text))
        if (server.address == kStub)
          tell(site_.at("/run/systemd/resolve/resolv.conf", server.line, server.column), "loop",
               "nameserver 127.0.0.53", "the address of a server outside of this machine",
               "systemd-resolved was given its own stub as a server (by DHCP or netplan), and asks itself",
               "resolvectl status shows which link has it; set real servers there");
    dnsmasq();
  }

 private:
  void one(const fs::path& path, const resolver::NameServer& server,
           const std::vector<resolver::NameServer>& all) {
    auto kind = kind_of_address(server.address);
    auto at = site_.at(path, server.line, server.column);
    if (kind == AddressKind::name) {
      tell(at, server.address, "nameserver " + server.address, "an IP address",
           "glibc leaves out a nameserver that is not an address", "write its address");
      return;
    }
    if (site_.repo()) return;
    if (server.address == kStub) {
      auto resolved = read_resolved(site_);
      if (resolved.listener && systemd::parse_boolean(*resolved.listener) == false) {
        tell(at, "unreachable " + server.address,
             fmt::format("nameserver 127.0.0.53, and DNSStubListener={} at {}:{}", *resolved.listener,
                         resolved.listener_file, resolved.listener_line),
             "a server that answers", "nobody listens there: every lookup waits, then fails",
             "ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf, or DNSStubListener=yes");
        return;
      }
    }
    if (!site_.live()) return;
    if (kind == AddressKind::loopback) {
      auto listeners = site_.host().listeners();
      if (!listeners) return out_.skip("listeners", std::string(listeners.error().text()));
      bool heard = std::ranges::any_of(*listeners, [&](const ListenerInfo& l) {
        auto of = kind_of_address(l.address);
        return l.port == 53 && (l.address == server.address || of == AddressKind::unspecified);
      });
      if (!heard)
        tell(at, "unreachable " + server.address,
             "nameserver " + server.address + ", and nothing listens on port 53 there",
             "a server that answers", "every lookup waits for it first, and fails if there is no other",
             "systemctl start systemd-resolved (or the resolver that should run here), or name a server that "
             "answers");
      return;
    }
    const auto& answers = site_.facts<ResolverAnswers>();
    if (!answers.error.empty()) {
      if (!asked_) out_.skip("whether the nameservers answer", answers.error);
      asked_ = true;
      return;
    }
    auto found = answers.servers.find(server.address);
    if (found != answers.servers.end() && !found->second)
      tell(at, "unreachable " + server.address, "nameserver " + server.address + " does not answer",
           "a server that answers",
           all.size() == 1 ? "no name can be looked up" : "every lookup waits five seconds for it",
           fmt::format("dig @{} . NS; open UDP and TCP 53 to it, or take it out", server.address));
  }

  /// dnsmasq that reads its servers from the file that names dnsmasq.
  void dnsmasq() {
    auto text = site_.host().read("/etc/dnsmasq.conf");
    auto resolv = site_.host().read("/etc/resolv.conf");
    if (!text || !resolv) return;
    auto servers = resolver::parse_resolv_conf(*resolv);
    bool own = !servers.empty() && std::ranges::all_of(servers, [](const auto& s) {
      return kind_of_address(s.address) == AddressKind::loopback && s.address != kStub;
    });
    if (!own) return;
    std::size_t number = 0;
    bool elsewhere = false;
    for (auto line : split(*text, '\n')) {
      ++number;
      auto word = trim(line);
      if (word == "no-resolv" || word.starts_with("resolv-file=")) elsewhere = true;
      // "server=/example.org/…" is for one zone only.
      if (!word.starts_with("server=") || word.starts_with("server=/")) continue;
      elsewhere = true;
      auto address =
          word.substr(7, word.find('#') == std::string_view::npos ? word.size() : word.find('#') - 7);
      bool other_port = word.find('#') != std::string_view::npos;
      if (kind_of_address(address) == AddressKind::loopback && !other_port)
        tell(site_.at("/etc/dnsmasq.conf", number), "loop", std::string(word),
             "the address of a server outside of this machine",
             "dnsmasq asks itself, and every lookup ends in a timeout",
             "server= with a real server; systemctl restart dnsmasq");
    }
    if (!elsewhere && site_.host().stat("/etc/dnsmasq.d"))
      if (auto names = site_.host().list("/etc/dnsmasq.d"))
        for (const auto& name : *names)
          if (auto part = site_.host().read(fs::path("/etc/dnsmasq.d") / name))
            elsewhere = elsewhere || part->find("server=") != std::string::npos ||
                        part->find("resolv-file=") != std::string::npos;
    if (!elsewhere)
      tell(site_.at("/etc/resolv.conf", servers[0].line, servers[0].column), "loop",
           "nameserver " + servers[0].address + ", and dnsmasq there reads its servers from this file",
           "server= lines in /etc/dnsmasq.conf", "dnsmasq has nobody to ask but itself",
           "server=9.9.9.9 and no-resolv in /etc/dnsmasq.conf; systemctl restart dnsmasq");
  }

  void tell(Where at, std::string_view about, const std::string& found, std::string_view wanted,
            std::string_view message, std::string_view fix) {
    out_.add(std::move(at))
        .found("{}", found)
        .wanted("{}", wanted)
        .message("{}", message)
        .fix("{}", fix)
        .about("{}", about);
  }

  const Site& site_;
  Findings& out_;
  bool asked_ = false;
};

void resolver_broken(const Site& site, Findings& out) {
  ResolverCheck check(site, out);
  if (site.repo()) {
    for (const auto& file : site.files().all())
      if (file.path.filename() == "resolv.conf") check.file(file.path);
    return;
  }
  constexpr std::string_view kPath = "/etc/resolv.conf";
  if (site.live() || site.host().stat(kPath)) check.file(kPath);
  check.loops();
}

const Rule kRules[] = {
    {.id = "NET-001",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::none,
     .title = "CNAME at the top of a zone",
     .why = "Beside a CNAME nothing else may stand, and the top of a zone always has SOA and NS: mail and "
            "the zone "
            "itself fail for some resolvers.",
     .not_when = "",
     .remedy = "A and AAAA records, or the DNS provider's ALIAS.",
     .check = cname_at_apex},
    {.id = "NET-007",
     .severity = Severity::medium,
     .reads = kLive | kRoot,
     .fix = Fix::plan,
     .title = "Resolvers disagree on the name of a node",
     .why = "One node talks to the right machine and the next one to an old address; it looks like a flaky "
            "network.",
     .not_when = "a machine's own name at a loopback address",
     .remedy = "Correct or flush the layer that is named.",
     .check = resolvers_disagree},
    {.id = "NET-009",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "The resolver's configuration is broken",
     .why =
         "Without names no provider and no peer can be reached; with a dead server first every lookup waits "
         "seconds.",
     .not_when = "an image whose resolv.conf is empty, or a link that is made at boot",
     .remedy = "One to three nameservers that answer, and none that asks itself.",
     .check = resolver_broken},
};

}  // namespace

std::span<const Rule> network_name_rules() { return kRules; }

}  // namespace meshops::audit
