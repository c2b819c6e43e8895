// ssh: the keys themselves, who may read them, and who else has them.
#include <algorithm>
#include <map>
#include <set>

#include "audit/network_mesh.h"
#include "audit/ssh_files.h"
#include "audit/ssh_key_files.h"
#include "audit/ssh_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

using ssh::KeyKind;

constexpr unsigned kEnoughRsaBits = 3072;

// --- SSH-001

struct Verdict {
  Severity severity;
  std::string found;
};
std::optional<Verdict> judge(const ssh::PublicKey& key) {
  switch (ssh::kind_of_key(key.type)) {
    case KeyKind::rsa:
      if (key.bits != 0 && key.bits < kEnoughRsaBits)
        return Verdict{Severity::high, fmt::format("RSA with {} bits", key.bits)};
      return Verdict{Severity::medium,
                     key.bits == 0 ? std::string("RSA") : fmt::format("RSA with {} bits", key.bits)};
    case KeyKind::dsa:
      return Verdict{Severity::high, "DSA"};
    case KeyKind::ecdsa:
      return Verdict{Severity::medium, "ECDSA on a NIST curve"};
    case KeyKind::ed25519:
    case KeyKind::hardware:
    case KeyKind::other:
      return std::nullopt;
  }
  return std::nullopt;
}

/// Key files that the daemon is told to use; nothing: its defaults.
std::set<std::string> host_keys_named(const Site& site) {
  std::set<std::string> out;
  for (const auto& daemon : site.facts<SshFiles>().daemons())
    for (const auto& s : daemon.config.settings())
      if (s.line->keyword == "hostkey" && s.conditions.empty()) out.insert(std::string(s.line->value()));
  return out;
}

bool exists(const Site& site, const fs::path& path) { return site.host().stat(path).has_value(); }

void weak_key_found(Findings& out, Where at, const Verdict& verdict, std::string_view about, bool of_host,
                    std::string_view path) {
  auto fix = of_host
                 ? fmt::format(
                       "ssh-keygen -A; HostKey /etc/ssh/ssh_host_ed25519_key as the only HostKey; then tell "
                       "the peers' known_hosts")
                 : fmt::format(
                       "ssh-keygen -t ed25519; put the new .pub beside the old one where it is "
                       "authorised, try it, then take the old one out");
  out.add(std::move(at))
      .severity(verdict.severity)
      .found("{} ({})", verdict.found, path)
      .wanted("ed25519, or a hardware key (sk-…)")
      .message("{}", verdict.severity == Severity::high
                         ? "this key is within reach of whoever can pay for the computing"
                         : "this kind of key is weaker, slower or easier to get wrong than ed25519")
      .fix("{}", fix)
      .about("{}", about);
}

void weak_key(const Site& site, Findings& out) {
  const auto& keys = site.facts<KeyFiles>();
  keys.tell_skips(out);
  const auto named = host_keys_named(site);
  for (const auto& file : keys.files) {
    auto path = file.path;
    if (file.kind == FileKind::ssh_private_key) {
      // Of keys for SSH only: a web server's RSA key is none. With a .pub beside it, that one is judged.
      bool ours = path.parent_path().filename() == ".ssh" || file.of_host ||
                  path.parent_path() == "/etc/ssh" || path.filename().string().starts_with("id_");
      bool openssh = !file.keys.empty() && !file.keys[0].blob.empty() && ours;
      if (!(openssh || ours) || exists(site, path.string() + ".pub")) continue;
    }
    if (file.of_host && !site.repo() && !named.empty()) {
      auto key = path;
      if (key.extension() == ".pub") key.replace_extension();
      if (!named.contains(key.string())) continue;
    }
    for (const auto& key : file.keys) {
      auto verdict = judge(key);
      if (!verdict) continue;
      bool whole = file.kind == FileKind::ssh_private_key;
      auto about = key.blob.empty() ? std::string(key.type) : fingerprint(key);
      weak_key_found(out, site.at(path, whole ? 0 : key.line, whole ? 0 : key.column), *verdict, about,
                     file.of_host, key.comment.empty() ? key.type : key.type + ", " + printable(key.comment));
    }
  }
  // HostKey lines whose key is not here to be read.
  for (const auto& daemon : site.facts<SshFiles>().daemons()) {
    for (const auto& s : daemon.config.settings()) {
      if (s.line->keyword != "hostkey" || !s.conditions.empty()) continue;
      fs::path key(s.line->value());
      auto name = key.filename().string();
      if (exists(site, key.string() + ".pub") || exists(site, key)) continue;
      std::optional<Verdict> verdict;
      if (name.find("_rsa_") != std::string::npos)
        verdict = {Severity::medium, "RSA"};
      else if (name.find("_dsa_") != std::string::npos)
        verdict = {Severity::high, "DSA"};
      else if (name.find("_ecdsa_") != std::string::npos && name.find("_sk_") == std::string::npos)
        verdict = {Severity::medium, "ECDSA on a NIST curve"};
      if (verdict)
        weak_key_found(out, site.at(s.file->file, s.line->number, s.line->args[0].column), *verdict,
                       key.string(), true, "HostKey " + key.string());
    }
  }
}

// --- SSH-002

class Access {
 public:
  Access(const Site& site, Findings& out) : site_(site), out_(out) {}

  /// Bits that must not be there; the owner that must (nothing: anybody).
  void check(const fs::path& path, const FileInfo& info, mode_t forbidden, std::optional<Account> owner,
             std::string_view what, std::string_view wanted, std::string_view message) {
    bool open = (info.mode & forbidden) != 0;
    bool foreign = owner && info.uid != owner->uid;
    if (!open && !foreign) return;
    mode_t mode = info.mode & ~forbidden;
    FileChange change{.path = path, .mode = mode, .uid = info.uid, .gid = info.gid};
    if (foreign) {
      change.uid = owner->uid;
      change.gid = owner->gid;
    }
    auto fix = open ? fmt::format("chmod {:o} {}", mode, path.string()) : std::string();
    if (foreign) fix += fmt::format("{}chown {}: {}", fix.empty() ? "" : "; ", owner->name, path.string());
    out_.add(site_.at(path))
        .found("{} has mode {:04o} and belongs to {}", what, info.mode, name_of(info.uid))
        .wanted("{}{}", wanted, owner ? ", owner " + owner->name : std::string())
        .message("{}",
                 foreign ? "it belongs to somebody else, so ssh refuses it or they can change it" : message)
        .fix("{}", fix)
        .about("{}", what)
        .mend(Mend{.files = {change}});
  }

 private:
  std::string name_of(uid_t uid) const {
    if (auto all = site_.host().accounts())
      for (const auto& account : *all)
        if (account.uid == uid) return account.name;
    return fmt::format("uid {}", uid);
  }
  const Site& site_;
  Findings& out_;
};

void open_files(const Site& site, Findings& out) {
  constexpr mode_t kOthers = 0077, kOthersWrite = 0022;
  const auto& keys = site.facts<KeyFiles>();
  keys.tell_skips(out);
  Access access(site, out);
  auto accounts = site.host().accounts();
  if (!accounts) return out.skip("/etc/passwd", std::string(accounts.error().text()));
  std::map<fs::path, std::vector<Account>> homes;
  for (const auto& account : *accounts)
    if (!account.home.empty() && account.home != "/") homes[account.home].push_back(account);
  for (const auto& [home, owners] : homes) {
    auto folder = home / ".ssh";
    auto info = site.host().stat(folder);
    if (!info || info->kind != FileInfo::Kind::directory) continue;
    // A home of several accounts: any of them may own it.
    std::optional<Account> owner = owners.front();
    for (const auto& account : owners)
      if (account.uid == info->uid) owner = account;
    // What root owns nobody else can change.
    auto unless_root = [&](const FileInfo& of) { return of.uid == 0 ? std::nullopt : owner; };
    if (auto at_home = site.host().stat(home); at_home && at_home->kind == FileInfo::Kind::directory)
      access.check(home, *at_home, kOthersWrite, unless_root(*at_home), "the home " + home.string(),
                   "not writable by group and others",
                   "others can put a key of their own into it, and sshd (StrictModes) takes no key there");
    access.check(folder, *info, kOthers, owner, folder.string(), "mode 0700",
                 "others can see or change which keys open this account");
    auto names = site.host().list(folder);
    if (!names) {
      out.skip(site.shown(folder), std::string(names.error().text()));
      continue;
    }
    for (const auto& name : *names) {
      auto path = folder / name;
      auto file = site.host().stat(path);
      if (!file || file->kind != FileInfo::Kind::regular) continue;
      auto known = std::ranges::find(keys.files, path, &KeyFile::path);
      auto kind = known != keys.files.end() ? known->kind : FileKind::other;
      if (kind == FileKind::ssh_private_key)
        access.check(path, *file, kOthers, owner, "the private key " + name, "mode 0600",
                     "whoever reads it can log in as you everywhere, and ssh refuses to use it");
      else if (kind == FileKind::authorized_keys)
        access.check(path, *file, kOthers, owner, name, "mode 0600",
                     "it says who may log in, and that is nobody else's to read or change");
      else
        access.check(path, *file, kOthersWrite, unless_root(*file), name, "not writable by group and others",
                     "others can change what your ssh does");
    }
  }
  for (const auto& file : keys.files) {
    if (file.path.parent_path() != "/etc/ssh" || file.kind != FileKind::ssh_private_key) continue;
    access.check(file.path, file.info, kOthers, Account{.name = "root", .uid = 0, .gid = 0},
                 "the host key " + file.path.filename().string(), "mode 0600",
                 "whoever reads it can pretend to be this machine, and sshd refuses to use it");
  }
  for (const auto& file : site.files().all()) {
    bool config = file.kind == FileKind::sshd_config || file.kind == FileKind::ssh_config;
    if (!config || !file.path.string().starts_with("/etc/ssh/")) continue;
    access.check(file.path, file.info, kOthersWrite, std::nullopt, file.path.filename().string(),
                 "not writable by group and others", "others can change who may log in, and how");
  }
}

// --- SSH-010

/// The node that a file belongs to, told by its path; empty: none that is known.
std::string node_of(const DescribedMeshes& meshes, const KeyFile& file) {
  std::string before;
  std::vector<std::string> parts;
  for (const auto& part : file.path.relative_path()) parts.push_back(part.string());
  auto stem = file.path.filename().string();
  for (auto& c : stem)
    if (c == '.' || c == '@') c = ' ';
  for (const auto& mesh : meshes.all)
    for (const auto& place : mesh.nodes) {
      const auto& name = place.node.name;
      if (std::ranges::find(parts, name) != parts.end()) return name;
      for (auto word : words(stem))
        if (word == name) return name;
    }
  constexpr std::array<std::string_view, 8> kHolders = {"nodes",   "node",     "hosts",     "host",
                                                        "servers", "machines", "host_vars", "inventory"};
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (std::ranges::find(kHolders, parts[i]) != kHolders.end()) {
      auto name = parts[i + 1];
      return name.substr(0, i + 2 == parts.size() ? name.find('.') : std::string::npos);
    }
  // A key by the name that ssh-keygen gives it lies where it is used.
  bool own = file.of_host || stem.starts_with("id_") || file.kind == FileKind::ssh_private_key;
  if (!own || parts.empty()) return {};
  parts.pop_back();
  while (!parts.empty() && (parts.back() == ".ssh" || parts.back() == "ssh" || parts.back() == "etc" ||
                            parts.back() == "root" || parts.back() == "keys"))
    parts.pop_back();
  if (parts.size() >= 2 && parts[parts.size() - 2] == "home") parts.resize(parts.size() - 2);
  return "/" + join(parts, "/");
}

/// A key of the mesh says so in its comment.
bool is_mesh_comment(const DescribedMeshes& meshes, const std::string& comment, bool of_mesh_account) {
  std::string folded = lower(comment);
  for (auto& c : folded)
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) c = ' ';
  for (auto word : words(folded)) {
    if (word == "meshops" || word == "mesh" || word == "healing" || word == "healer" || word == "heal")
      return true;
    if (of_mesh_account && meshes.is_node(word)) return true;
  }
  return false;
}

/// sshd may force a command on everybody, or on that account.
bool forced_by_daemon(const Site& site, const std::string& user) {
  return std::ranges::any_of(site.facts<SshFiles>().daemons(), [&](const SshDaemon& d) {
    const auto* set = d.config.effective("forcecommand", {.user = user});
    return set != nullptr && set->line->value() != "none";
  });
}

void shared_or_free_keys(const Site& site, Findings& out) {
  const auto& keys = site.facts<KeyFiles>();
  const auto& meshes = site.facts<DescribedMeshes>();
  keys.tell_skips(out);
  if (site.repo()) {
    struct Seen {
      std::string node;
      fs::path path;
    };
    std::map<std::string, std::vector<Seen>> by_key;
    for (const auto& file : keys.files) {
      if (file.kind == FileKind::authorized_keys || file.keys.size() != 1 || file.keys[0].blob.empty())
        continue;
      const auto& key = file.keys[0];
      auto node = node_of(meshes, file);
      if (node.empty()) continue;
      auto& seen = by_key[key.blob];
      auto other = std::ranges::find_if(seen, [&](const auto& s) { return s.node != node; });
      bool again = std::ranges::any_of(seen, [&](const auto& s) { return s.node == node; });
      if (other != seen.end() && !again) {
        bool whole = file.kind == FileKind::ssh_private_key;
        out.add(site.at(file.path, whole ? 0 : key.line, whole ? 0 : key.column))
            .found("{} is also the key of {} ({})", fingerprint(key), other->node, site.shown(other->path))
            .wanted("a key of its own on every node")
            .message(
                "who takes over one of the two nodes is the other one as well, and neither can be shut out "
                "alone")
            .fix("on {}: {}; then put the new public key where the old one is authorised", node,
                 file.of_host ? "rm /etc/ssh/ssh_host_*; ssh-keygen -A" : "ssh-keygen -t ed25519")
            .about("{}", fingerprint(key));
      }
      if (!again) seen.push_back({node, file.path});
    }
  }
  for (const auto& file : keys.files) {
    if (file.kind != FileKind::authorized_keys) continue;
    // "home/meshops/.ssh/authorized_keys": in a repo the path is all there is.
    auto folder = file.path.parent_path();
    auto user = file.owner ? file.owner->name : folder.parent_path().filename().string();
    bool of_mesh = user == "meshops";
    for (const auto& mesh : meshes.all)
      for (const auto& place : mesh.nodes) of_mesh = of_mesh || place.node.user == user;
    for (const auto& key : file.keys) {
      if (key.has_option("command") || key.has_option("cert-authority")) continue;
      if (!is_mesh_comment(meshes, key.comment, of_mesh) || forced_by_daemon(site, user)) continue;
      out.add(site.at(file.path, key.line, key.column))
          .found("{} ({}) without a forced command", printable(key.comment), fingerprint(key))
          .wanted("restrict,command=\"meshops remote\" before the key")
          .message(
              "a node that is taken over gets a shell on this one, where it should only be able to heal it")
          .fix("put restrict,command=\"meshops remote\" and a blank in front of the key")
          .about("{}", fingerprint(key));
    }
  }
}

const Rule kRules[] = {
    {.id = "SSH-001",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A key that is not ed25519",
     .why =
         "RSA under 3072 bits and DSA can be broken; the other kinds are weaker or easier to get wrong than "
         "ed25519.",
     .not_when = "hardware keys (sk-…)",
     .remedy = "Make an ed25519 key, authorise it beside the old one, try it, then take the old one out.",
     .check = weak_key},
    {.id = "SSH-002",
     .severity = Severity::high,
     .reads = kLive | kRoot,
     .fix = Fix::automatic,
     .title = "Others can read or change what decides who logs in",
     .why =
         "A key that others can read is theirs, too; and sshd and ssh refuse files that others can write, so "
         "logins fail.",
     .not_when = "public keys",
     .remedy =
         "~/.ssh 0700, private keys and authorized_keys 0600, the home not writable by others, all owned by "
         "the account.",
     .check = open_files},
    {.id = "SSH-010",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A key that opens more than it should",
     .why = "One private key on several nodes, or a mesh key without a forced command, makes one lost node "
            "the loss "
            "of all.",
     .not_when = "a command= in authorized_keys, or ForceCommand for that account",
     .remedy = "One key for each node, and restrict,command=\"meshops remote\" in front of each mesh key.",
     .check = shared_or_free_keys},
};

}  // namespace

std::span<const Rule> ssh_key_rules() { return kRules; }

}  // namespace meshops::audit
