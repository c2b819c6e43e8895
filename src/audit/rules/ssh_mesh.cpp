// ssh: whether every node can get to this one, and this one to every node.
#include <algorithm>

#include "audit/network_mesh.h"
#include "audit/network_peers.h"
#include "audit/ssh_key_files.h"
#include "audit/ssh_known_hosts.h"
#include "audit/ssh_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

std::vector<std::string> names_for(const NodeSpec& node) {
  std::vector<std::string> out;
  for (const auto& name : {node.name, node.address}) {
    if (name.empty()) continue;
    out.push_back(node.ssh_port == 22 ? name : fmt::format("[{}]:{}", name, node.ssh_port));
  }
  return out;
}

class Pair {
 public:
  Pair(const Site& site, const DescribedMesh& mesh, const MeshNodePlace& peer, Findings& out)
      : site_(site), mesh_(mesh), peer_(peer), out_(out) {}

  void host_key(const KnownHosts& known, const PeerAnswer* answer) {
    const auto& node = peer_.node;
    auto entries = known.of(names_for(node));
    bool revoked = std::ranges::any_of(entries, [](const auto* e) { return e->marker == "@revoked"; });
    bool any = std::ranges::any_of(entries, [](const auto* e) { return e->marker != "@revoked"; });
    auto scan = fmt::format("ssh-keyscan -p {} -t ed25519 {}", node.ssh_port, node.address);
    if (revoked)
      tell("host key revoked", fmt::format("the host key of {} is marked @revoked", node.name),
           fmt::format("compare with the key on {} itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                       node.name));
    else if (!any)
      tell("host key unknown",
           fmt::format("no known_hosts here has a key of {} ({})", node.name, node.address),
           fmt::format("{} >> ~/.ssh/known_hosts, after comparing its fingerprint with the one on {}", scan,
                       node.name));
    else if (answer != nullptr && !answer->host_keys.empty() && !matches(entries, answer->host_keys))
      tell("host key changed", fmt::format("{} shows another host key than the one known here", node.name),
           fmt::format("find out why (rebuilt? in the middle?); then ssh-keygen -R {} and {}", node.address,
                       scan));
  }

  void port(const PeerAnswer& answer) {
    const auto& node = peer_.node;
    if (answer.ssh == false)
      tell("port closed",
           fmt::format("no answer from {} port {} of {}", node.address, node.ssh_port, node.name),
           fmt::format("on {}: ss -tlnp 'sport = {}'; then both firewalls: allow {} from here", node.name,
                       node.ssh_port, node.ssh_port));
  }

  void healing_key(const KeyFile* file, const std::string& user) {
    const auto& node = peer_.node;
    if (file != nullptr)
      for (const auto& key : file->keys)
        if (names(key, node)) return;
    tell("healing key missing", fmt::format("no key of {} opens the account {} here", node.name, user),
         fmt::format(
             "on {}: print its public healing key; here: append restrict,command=\"meshops remote\" and that "
             "key to ~{}/.ssh/authorized_keys",
             node.name, user));
  }

 private:
  static bool matches(const std::vector<const ssh::KnownHost*>& entries,
                      const std::vector<std::string>& seen) {
    for (const auto& line : seen) {
      auto keys = ssh::parse_public_keys(line);
      for (const auto& key : keys)
        for (const auto* entry : entries)
          if (entry->blob == key.blob || entry->marker == "@cert-authority") return true;
    }
    return false;
  }
  /// Its comment names the node, or only its address may use it.
  static bool names(const ssh::PublicKey& key, const NodeSpec& node) {
    std::string comment = lower(key.comment);
    auto name = lower(node.name);
    for (auto at = comment.find(name); at != std::string::npos; at = comment.find(name, at + 1)) {
      auto edge = [&](std::size_t i) {
        if (i >= comment.size()) return true;
        char c = comment[i];
        return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
      };
      if ((at == 0 || edge(at - 1)) && edge(at + name.size())) return true;
    }
    return std::ranges::any_of(key.options, [&](const auto& option) {
      return option.name == "from" &&
             (ssh_list_has(option.value, node.address) || ssh_list_has(option.value, node.name));
    });
  }
  static bool ssh_list_has(std::string_view list, std::string_view word) {
    return !word.empty() &&
           std::ranges::any_of(split(list, ','), [&](auto item) { return trim(item) == word; });
  }

  void tell(std::string_view what, const std::string& found, const std::string& fix) {
    out_.add(mesh_.at(site_, peer_))
        .found("{}", found)
        .wanted("{} and {} reach each other", mesh_.self, peer_.node.name)
        .message("{} and {} cannot heal each other, which shows only when one of them is down", mesh_.self,
                 peer_.node.name)
        .fix("{}", fix)
        .about("{} {}: {}", mesh_.self, peer_.node.name, what);
  }

  const Site& site_;
  const DescribedMesh& mesh_;
  const MeshNodePlace& peer_;
  Findings& out_;
};

void not_connected(const Site& site, Findings& out) {
  for (const auto& mesh : site.facts<DescribedMeshes>().all) {
    if (!mesh.ours || mesh.nodes.size() < 2) continue;
    auto me = std::ranges::find_if(mesh.nodes, [&](const auto& n) { return n.node.name == mesh.self; });
    if (me == mesh.nodes.end()) continue;
    const auto& known = site.facts<KnownHosts>();
    for (const auto& skip : known.skips) out.skip(skip.what, skip.reason);
    const auto& answers = site.facts<PeerAnswers>();
    if (!answers.error.empty()) out.skip("the ways to the other nodes", answers.error);

    const auto& user = me->node.user;
    const auto& keys = site.facts<KeyFiles>();
    keys.tell_skips(out);
    bool account = false;
    const KeyFile* opens = nullptr;
    if (auto all = site.host().accounts())
      for (const auto& a : *all) account = account || a.name == user;
    for (const auto& file : keys.files)
      if (file.kind == FileKind::authorized_keys && file.owner && file.owner->name == user) opens = &file;
    if (!account) out.skip("the account " + user, "there is none, so nobody can say whom it lets in");

    for (const auto& peer : mesh.nodes) {
      if (peer.node.name == mesh.self) continue;
      auto answer = std::ranges::find(answers.all, peer.node.name, &PeerAnswer::node);
      bool answered = answer != answers.all.end();
      Pair pair(site, mesh, peer, out);
      if (known.skips.empty()) pair.host_key(known, answered ? &*answer : nullptr);
      if (answered) pair.port(*answer);
      // What could not be read proves nothing.
      bool readable = keys.skips.empty() || (opens != nullptr && !opens->keys.empty());
      if (account && readable) pair.healing_key(opens, user);
    }
  }
}

const Rule kRules[] = {
    {.id = "SSH-006",
     .severity = Severity::high,
     .reads = kLive,
     .fix = Fix::plan,
     .title = "Two nodes cannot reach each other over SSH",
     .why = "A node heals another one over SSH. A missing key or a closed port shows only when it is needed.",
     .not_when = "a mesh of one node",
     .remedy = "Put in place what each pair lacks: the host key, the healing key, the open port.",
     .check = not_connected},
};

}  // namespace

std::span<const Rule> ssh_mesh_rules() { return kRules; }

}  // namespace meshops::audit
