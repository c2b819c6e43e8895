// ssh: what the client's configuration does to whoever connects.
#include <algorithm>
#include <set>

#include "audit/line_edit.h"
#include "audit/network_mesh.h"
#include "audit/ssh_blocks.h"
#include "audit/ssh_files.h"
#include "audit/ssh_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using ssh::Applied;

/// A host that no block was written for.
constexpr std::string_view kAnyHost = "nobody-named-this.invalid";
/// Debian's ssh sends keepalives by itself when nobody is at the keyboard.
constexpr std::string_view kKeepAlive = "60";

/// Hosts to judge a block by: what its names match, or any host.
std::vector<std::string> samples_of(const ssh::Line* block) {
  std::vector<std::string> out;
  if (block != nullptr)
    for (const auto& name : ssh::names_of(*block)) out.push_back(ssh::sample_of(name));
  if (out.empty()) out.emplace_back(kAnyHost);
  return out;
}

std::string title_of(const ssh::Line* block) {
  if (block == nullptr) return "the top of the file";
  return fmt::format("{} {}", block->keyword == "host" ? "Host" : "Match", block->rest);
}

bool counts_for(const SshClient& client, const Applied& at, const std::string& host) {
  auto lines = client.for_host(host);
  const auto* first = ssh::effective(lines, at.line->keyword);
  if (first != nullptr && first->line == at.line) return true;
  if (at.block == nullptr || at.block->keyword != "match" ||
      std::ranges::any_of(lines, [&](const auto& a) { return a.line == at.line; }))
    return false;
  // A block for some users or after some command: it counts when it holds, unless a value stands before it.
  if (first == nullptr) return true;
  const auto order = client.everything();
  auto place = [&](const ssh::Line* line) {
    return std::ranges::find_if(order, [&](const auto& a) { return a.line == line; });
  };
  return place(at.line) < place(first->line);
}

// --- SSH-003

void forwards_agent(const Site& site, Findings& out) {
  const auto& meshes = site.facts<DescribedMeshes>();
  const auto& files = site.facts<SshFiles>();
  files.tell_skips(out);
  std::set<const ssh::Line*> seen;
  for (const auto& client : files.clients()) {
    for (const auto& at : client.everything()) {
      if (at.line->keyword != "forwardagent" || ssh::is_no(at.line->value()) || seen.contains(at.line))
        continue;
      std::vector<std::string> names;
      if (at.block != nullptr) names = ssh::names_of(*at.block);
      if (names.empty()) names = {"*"};
      std::vector<std::string> untrusted;
      for (const auto& name : names) {
        if (meshes.trusts(site, name)) continue;
        auto host = name == "*" ? std::string(kAnyHost) : ssh::sample_of(name);
        if (!ssh::has_wildcard(name)) {
          // The owner may have named the machine, and not the short name for it.
          auto lines = client.for_host(host);
          const auto* real = ssh::effective(lines, "hostname");
          if (real != nullptr && meshes.trusts(site, real->line->value())) continue;
        }
        if (counts_for(client, at, host)) untrusted.push_back(name);
      }
      if (untrusted.empty()) continue;
      seen.insert(at.line);
      bool wide = std::ranges::any_of(untrusted, [](const auto& n) { return ssh::has_wildcard(n); });
      const auto& word = at.line->args.front();
      auto text = site.host().read(at.file->file);
      std::optional<Mend> mend;
      if (text)
        mend = Mend{.files = {{.path = at.file->file,
                               .bytes = with_words(*text, at.line->number, word.column, word.length, "no")}}};
      out.add(site.at(at.file->file, at.line->number, word.column))
          .found("ForwardAgent {} ({})", word.text, title_of(at.block))
          .wanted("ForwardAgent no, or hosts that audit.trusted_hosts names")
          .message("root on {} can use every key of your agent while you are connected",
                   wide ? "any machine you connect to" : join(untrusted, ", "))
          .fix(
              "ForwardAgent no; to go through a host use ProxyJump; if you trust it: audit.trusted_hosts in "
              "mesh.toml")
          .about("ForwardAgent {}", title_of(at.block))
          .mend(std::move(mend));
    }
  }
}

// --- SSH-004

/// A block for every host is nobody's in particular.
bool is_specific(const ssh::Line* block) {
  if (block == nullptr) return false;
  auto names = ssh::names_of(*block);
  return !names.empty() && std::ranges::find(names, "*") == names.end();
}

void hidden_value(const Site& site, Findings& out) {
  const auto& files = site.facts<SshFiles>();
  files.tell_skips(out);
  std::set<const ssh::Line*> seen;
  for (const auto& client : files.clients()) {
    for (const auto& at : client.everything()) {
      if (!is_specific(at.block) || ssh::accumulates(at.line->keyword) || seen.contains(at.line)) continue;
      std::optional<Applied> winner;
      bool counts = false, unknown = false;
      for (const auto& host : samples_of(at.block)) {
        auto lines = client.for_host(host);
        auto applies = std::ranges::any_of(lines, [&](const auto& a) { return a.line == at.line; });
        const auto* first = ssh::effective(lines, at.line->keyword);
        if (!applies || first == nullptr) continue;
        if (first->uncertain || at.uncertain) unknown = true;
        if (first->line == at.line || first->line->values() == at.line->values())
          counts = true;
        else if (!winner)
          winner = *first;
      }
      if (!winner || counts || unknown) continue;
      seen.insert(at.line);
      std::optional<Mend> mend;
      bool wide = winner->block == nullptr || ssh::is_open(*winner->block);
      if (wide && winner->file == at.file && winner->block_file == at.block_file)
        if (auto text = site.host().read(at.file->file))
          if (auto moved =
                  with_block_moved(client, *at.file, *text,
                                   winner->block != nullptr ? winner->block->number : 0, at.block->number))
            mend = Mend{.files = {{.path = at.file->file, .bytes = *moved}}};
      auto written = fmt::format("{} {}", at.line->keyword, at.line->values());
      out.add(site.at(at.file->file, at.line->number, at.line->column))
          .found("{} for {} is never used: {}:{} ({}) says {} first", written, title_of(at.block),
                 site.shown(winner->file->file), winner->line->number, title_of(winner->block),
                 winner->line->values())
          .wanted("{} above {}", title_of(at.block), title_of(winner->block))
          .message("ssh takes the first value it reads, so {} gets {} from line {} and not what stands here",
                   join(ssh::names_of(*at.block), ", "), winner->line->values(), winner->line->number)
          .fix("move {} to the end of the file", title_of(winner->block))
          .about("{} {}", title_of(at.block), at.line->keyword)
          .mend(std::move(mend));
    }
  }
}

// --- SSH-005

bool sends_keepalive(const std::vector<Applied>& lines) {
  const auto* set = ssh::effective(lines, "serveraliveinterval");
  if (set != nullptr) return set->line->value().find_first_of("123456789") != std::string_view::npos;
  const auto* batch = ssh::effective(lines, "batchmode");
  return batch != nullptr && ssh::is_yes(batch->line->value());
}

bool serves_git(const std::string& host, const std::vector<Applied>& lines) {
  const auto* user = ssh::effective(lines, "user");
  if (user != nullptr && user->line->value() == "git") return true;
  const auto* name = ssh::effective(lines, "hostname");
  std::string real = lower(name != nullptr ? std::string(name->line->value()) : host);
  for (std::string_view forge : {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sr.ht",
                                 "ssh.dev.azure.com", "salsa.debian.org"})
    if (real == forge || real.ends_with("." + std::string(forge)) || host == forge) return true;
  return false;
}

/// The hosts of one client that belong to the mesh, and the block that is most their own.
struct MeshHost {
  std::string host;
  const ssh::Config* file = nullptr;
  const ssh::Line* block = nullptr;
};

std::vector<MeshHost> mesh_hosts(const Site& site, const SshClient& client) {
  const auto& meshes = site.facts<DescribedMeshes>();
  std::vector<MeshHost> out;
  const auto every = client.everything();
  std::set<const ssh::Line*> blocks;
  // Blocks without a line of their own do not show in `every`; they set nothing, and other blocks may.
  auto add_block = [&](const ssh::Config* file, const ssh::Line* block) {
    if (block == nullptr || !blocks.insert(block).second) return;
    for (const auto& name : ssh::names_of(*block)) {
      if (ssh::has_wildcard(name)) continue;
      auto lines = client.for_host(name);
      const auto* real = ssh::effective(lines, "hostname");
      bool node = meshes.is_node(name) || (real != nullptr && meshes.is_node(real->line->value()));
      // A folder without a mesh.toml: whom its owner wrote an entry for.
      if (meshes.all.empty() && site.repo()) node = !serves_git(name, lines);
      if (node) out.push_back({name, file, block});
    }
  };
  for (const auto& source : client.sources)
    for (const auto& line : source.config->lines)
      if (line.keyword == "host" || line.keyword == "match") add_block(source.config, &line);
  for (const auto& at : every) add_block(at.block_file, at.block);
  // Nodes that only a pattern covers.
  for (const auto& mesh : meshes.all)
    for (const auto& place : mesh.nodes) {
      const auto& node = place.node;
      if (node.name == mesh.self) continue;
      bool covered = std::ranges::any_of(out, [&](const auto& h) {
        auto lines = client.for_host(h.host);
        const auto* real = ssh::effective(lines, "hostname");
        return h.host == node.name || h.host == node.address ||
               (real != nullptr && real->line->value() == node.address);
      });
      if (covered) continue;
      for (const auto& host : {node.name, node.address}) {
        const Applied* own = nullptr;
        auto lines = client.for_host(host);
        for (const auto& a : lines)
          if (a.block != nullptr && (own == nullptr || (!is_specific(own->block) && is_specific(a.block))))
            own = &a;
        if (own == nullptr) continue;
        out.push_back({host, own->block_file, own->block});
        break;
      }
    }
  return out;
}

std::string indent_below(std::string_view text, std::size_t line) {
  auto lines = split(text, '\n');
  if (line < lines.size()) {
    auto next = lines[line];
    auto end = next.find_first_not_of(" \t");
    if (end != std::string_view::npos && end > 0) return std::string(next.substr(0, end));
  }
  return "    ";
}

void no_keepalive(const Site& site, Findings& out) {
  const auto& files = site.facts<SshFiles>();
  files.tell_skips(out);
  std::set<std::pair<std::string, std::size_t>> seen;
  for (const auto& client : files.clients()) {
    // Who has a file of their own is judged with it and the system's together.
    if (!site.repo() && client.user.empty() && files.clients().size() > 1) continue;
    for (const auto& [host, file, block] : mesh_hosts(site, client)) {
      auto lines = client.for_host(host);
      if (sends_keepalive(lines)) continue;
      const auto* set = ssh::effective(lines, "serveraliveinterval");
      const auto& path = set != nullptr ? set->file->file : file->file;
      auto line = set != nullptr ? set->line->number : block->number;
      if (!seen.emplace(path, line).second) continue;
      std::optional<Mend> mend;
      if (auto text = site.host().read(path)) {
        auto bytes =
            set != nullptr
                ? with_words(*text, line, set->line->args[0].column, set->line->args[0].length, kKeepAlive)
                : with_line_below(
                      *text, line,
                      indent_below(*text, line) + "ServerAliveInterval " + std::string(kKeepAlive));
        mend = Mend{.files = {{.path = path, .bytes = std::move(bytes)}}};
      }
      out.add(site.at(path, line, set != nullptr ? set->line->args[0].column : 0))
          .found("{}", set != nullptr ? "ServerAliveInterval " + set->line->values()
                                      : "ServerAliveInterval is not set for " + host)
          .wanted("ServerAliveInterval {}", kKeepAlive)
          .message("a connection to {} that a firewall forgot hangs for hours instead of failing in minutes",
                   host)
          .fix("ServerAliveInterval {} below {}", kKeepAlive, title_of(block))
          .about("ServerAliveInterval {}", host)
          .mend(std::move(mend));
    }
  }
}

const Rule kRules[] = {
    {.id = "SSH-003",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "The SSH agent is forwarded to hosts that nobody vouched for",
     .why = "Whoever is root on the other side can log in everywhere with your keys while you are connected.",
     .not_when = "hosts that audit.trusted_hosts of mesh.toml names",
     .remedy = "ForwardAgent no; ProxyJump goes through a host without lending it your keys.",
     .check = forwards_agent},
    {.id = "SSH-004",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "A value for a host never takes effect: an earlier block set it first",
     .why =
         "ssh takes the first value it reads. What stands below a wildcard that sets the same is dead text.",
     .not_when = "identical values; keywords whose lines add up, such as IdentityFile",
     .remedy = "Move the wildcard block to the end of the file.",
     .check = hidden_value},
    {.id = "SSH-005",
     .severity = Severity::low,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "Connections to mesh hosts have no keepalive",
     .why = "A firewall between two clouds forgets a quiet connection after minutes, and ssh then waits for "
            "hours.",
     .not_when = "BatchMode yes, where Debian's ssh sends keepalives by itself",
     .remedy = "ServerAliveInterval 60.",
     .check = no_keepalive},
};

}  // namespace

std::span<const Rule> ssh_client_rules() { return kRules; }

}  // namespace meshops::audit
