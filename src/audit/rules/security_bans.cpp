// fail2ban guards SSH, and must never lock the mesh's own nodes out.
#include <algorithm>
#include <array>
#include <set>

#include "audit/firewall.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "audit/ssh_files.h"
#include "base/text.h"
#include "formats/fail2ban_config.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kKey = "ignoreip";
constexpr std::string_view kOurs = "zz-meshops-audit.local";

struct Placed {
  fs::path file;
  fail2ban::Option option;
};
/// One place that holds fail2ban's configuration.
struct Jails {
  fs::path root;                // "/etc/fail2ban"
  std::vector<fs::path> files;  // in the order fail2ban reads them
  std::vector<Placed> options;

  const Placed* last(std::string_view section, std::string_view key) const {
    const Placed* found = nullptr;
    for (const auto& placed : options)
      if (placed.option.section == section && placed.option.key == key) found = &placed;
    return found;
  }
  /// Its jails are off unless somebody switches them on.
  bool enabled(const std::string& section) const {
    const auto* own = last(section, "enabled");
    if (own == nullptr) own = last("DEFAULT", "enabled");
    if (own == nullptr) return false;
    auto value = lower(own->option.value);
    return value == "true" || value == "yes" || value == "on" || value == "1";
  }
};

/// /etc/fail2ban, or the folders of a repo that look like it.
std::vector<fs::path> roots_of(const Site& site) {
  if (!site.repo()) return {"/etc/fail2ban"};
  std::set<fs::path> roots;
  for (const auto& file : site.files().all()) {
    auto name = file.path.filename().string();
    auto parent = file.path.parent_path();
    if (name == "jail.conf" || name == "jail.local") roots.insert(parent);
    if (parent.filename() == "jail.d" && (name.ends_with(".conf") || name.ends_with(".local")))
      roots.insert(parent.parent_path());
  }
  return {roots.begin(), roots.end()};
}

Jails read_jails(const Site& site, const fs::path& root, Findings& out) {
  Jails jails{.root = root, .files = {}, .options = {}};
  auto add = [&](const fs::path& file) {
    auto text = read_or_skip(site, file, out);
    if (!text) return;
    jails.files.push_back(file);
    for (auto& option : fail2ban::parse(*text)) jails.options.push_back({file, std::move(option)});
  };
  auto drop_ins = site.host().list(root / "jail.d").value_or(std::vector<std::string>());
  std::ranges::sort(drop_ins);
  auto add_drop_ins = [&](std::string_view end) {
    for (const auto& name : drop_ins)
      if (name.ends_with(end)) add(root / "jail.d" / name);
  };
  add(root / "jail.conf");
  add_drop_ins(".conf");
  add(root / "jail.local");
  add_drop_ins(".local");
  return jails;
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size()))
    text.replace(at, mark.size(), by);
  return text;
}

/// The list in force for a section, references to earlier ones filled in.
std::string effective(const Jails& jails, const std::string& section) {
  std::string common = section == "DEFAULT" ? "" : effective(jails, "DEFAULT");
  std::string value = common;
  for (const auto& placed : jails.options)
    if (placed.option.section == section && placed.option.key == kKey)
      value = replaced(replaced(placed.option.value, "%(known/ignoreip)s", value), "%(default/ignoreip)s",
                       common);
  return value;
}

std::string with_section(const std::string& text, const std::string& section, const std::string& line) {
  std::string out;
  bool done = false;
  auto lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += lines[i];
    if (i + 1 < lines.size()) out += '\n';
    if (done || trim(lines[i]) != "[" + section + "]") continue;
    if (!out.ends_with('\n')) out += '\n';
    out += line + "\n";
    done = true;
  }
  if (done) return out;
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  return out + "[" + section + "]\n" + line + "\n";
}

class Ignored {
 public:
  Ignored(const Site& site, const Jails& jails, const Peers& peers, Findings& out)
      : site_(site), jails_(jails), peers_(peers), out_(out) {}

  void check() {
    section("DEFAULT");
    std::set<std::string> own;
    for (const auto& placed : jails_.options)
      if (placed.option.key == kKey && placed.option.section != "DEFAULT" &&
          jails_.enabled(placed.option.section))
        own.insert(placed.option.section);
    for (const auto& jail : own) section(jail);
  }

 private:
  void section(const std::string& name) {
    auto value = effective(jails_, name);
    const auto* placed = jails_.last(name, kKey);
    if (value.find("%(") != std::string::npos)
      return out_.skip(fmt::format("ignoreip of [{}] in {}", name, site_.shown(placed->file)),
                       "it is put together from other settings");
    auto list = fail2ban::list_of(value);
    std::vector<std::string> missing, named;
    for (const auto& peer : peers_.all)
      if (std::ranges::none_of(list,
                               [&](const auto& network) { return holds_address(network, peer.address); })) {
        missing.push_back(peer.address);
        named.push_back(fmt::format("{} ({})", peer.address, peer.name));
      }
    if (missing.empty()) return;
    auto at =
        placed != nullptr ? site_.at(placed->file, placed->option.line, 1) : site_.at(jails_.files.back());
    out_.add(at)
        .found("{}", placed == nullptr ? "ignoreip is not set" : "ignoreip lacks " + join(named, ", "))
        .wanted("{} in ignoreip", join(missing, " "))
        .message("a node that fails to log in a few times is locked out, just when it comes to heal")
        .fix("[{}] ignoreip = … {}; then: fail2ban-client reload", name, join(missing, " "))
        .about("{} ignoreip", name)
        .mend(mend_of(name, placed, list, missing));
  }

  Mend mend_of(const std::string& section, const Placed* placed, const std::vector<std::string>& list,
               const std::vector<std::string>& missing) const {
    Mend mend;
    auto read = [&](const fs::path& path) { return site_.host().read(path).value_or(""); };
    // The package's own file stays as it is: what is read last wins.
    bool of_package = !site_.repo() && (placed == nullptr || placed->file.filename() == "jail.conf");
    if (placed != nullptr && !of_package) {
      mend.files.push_back(
          {.path = placed->file,
           .bytes = fail2ban::with_more(read(placed->file), placed->option, join(missing, " "))});
    } else {
      auto all = list.empty() ? std::vector<std::string>{"127.0.0.1/8", "::1"} : list;
      all.insert(all.end(), missing.begin(), missing.end());
      auto line = fmt::format("ignoreip = {}", join(all, " "));
      auto file = of_package ? jails_.root / "jail.d" / kOurs : jails_.files.back();
      auto old = read(file);
      if (old.empty()) old = "# By meshops audit --fix; meshops undo takes it back.\n";
      mend.files.push_back({.path = file, .bytes = with_section(old, section, line)});
      if (of_package) mend.files.back().mode = 0644;
    }
    if (site_.live()) {
      mend.verify = {"fail2ban-client", "-t"};
      const std::vector<std::string> reload = {"systemctl", "try-reload-or-restart", "fail2ban.service"};
      mend.orders.push_back({.run = reload, .back = reload});
    }
    return mend;
  }

  const Site& site_;
  const Jails& jails_;
  const Peers& peers_;
  Findings& out_;
};

/// Left behind by a package that was removed, its configuration bans nobody.
bool can_ban(const Site& site) {
  return std::ranges::any_of(std::array{"/usr/bin/fail2ban-server", "/usr/local/bin/fail2ban-server"},
                             [&](const char* path) { return site.host().stat(path).has_value(); });
}

bool any_of(const Site& site, std::initializer_list<const char*> paths) {
  return std::ranges::any_of(paths, [&](const char* path) { return site.host().stat(path).has_value(); });
}

/// What sshd goes by: its own answer where it runs, else its files; the first value counts.
std::string sshd_value(const Site& site, std::string_view keyword, std::string_view otherwise) {
  const auto& answer = site.facts<SshdAnswer>().values;
  if (auto said = answer.find(std::string(keyword)); said != answer.end() && !said->second.empty())
    return lower(said->second.front());
  for (const auto& daemon : site.facts<SshFiles>().daemons())
    if (const auto* set = daemon.config.global(keyword)) return lower(set->line->value());
  return std::string(otherwise);
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("::1") || address.starts_with("[::1]") ||
         address == "localhost";
}

struct Reach {
  bool open = false;        // from other machines
  bool restricted = false;  // the firewall lets only some in
};
Reach reach_of_ssh(const Site& site, Findings& out) {
  Reach reach;
  auto port = to_number<std::uint16_t>(sshd_value(site, "port", "22")).value_or(22);
  if (site.live()) {
    auto all = site.host().listeners();
    if (!all) {
      out.skip("listening sockets", std::string(all.error().text()));
      return reach;
    }
    reach.open = std::ranges::any_of(*all, [&](const ListenerInfo& l) {
      return l.port == port && l.protocol.starts_with("tcp") && !is_loopback(l.address);
    });
  } else {
    reach.open = any_of(site, {"/usr/sbin/sshd"}) && is_machine(site) &&
                 !is_loopback(sshd_value(site, "listenaddress", ""));
  }
  const auto& walls = site.facts<Firewall>();
  if (!reach.open || !walls.known()) return reach;
  auto who = walls.lets_in("tcp", port).who;
  reach.open = who != Firewall::Passage::Who::nobody;
  reach.restricted = who == Firewall::Passage::Who::some;
  return reach;
}

bool passwords_off(const Site& site) {
  return sshd_value(site, "passwordauthentication", "yes") == "no" &&
         (sshd_value(site, "kbdinteractiveauthentication", "yes") == "no" ||
          sshd_value(site, "usepam", "no") == "no");
}

/// Why nobody bans; empty: fail2ban runs, or will after the boot. Nothing: it could not be seen.
std::optional<std::string> why_no_ban(const Site& site, Findings& out) {
  bool there = any_of(site, {"/usr/bin/fail2ban-server", "/usr/local/bin/fail2ban-server"});
  if (!site.live()) {
    if (!there) return "fail2ban is not installed";
    auto link = site.host().read_link("/etc/systemd/system/fail2ban.service");
    if (link && *link == "/dev/null") return "fail2ban.service is masked";
    bool wanted = any_of(site, {"/etc/systemd/system/multi-user.target.wants/fail2ban.service"});
    return wanted ? "" : "fail2ban.service is not enabled";
  }
  auto units = site.running()->units(std::nullopt);
  if (!units) {
    out.skip("fail2ban.service", std::string(units.error().text()));
    return std::nullopt;
  }
  for (const auto& unit : *units) {
    if (unit.name != "fail2ban.service" || unit.load_state == "not-found") continue;
    bool runs = unit.active_state == "active" || unit.active_state == "activating" ||
                unit.active_state == "reloading";
    return runs ? "" : fmt::format("fail2ban.service is {}", unit.active_state);
  }
  // Started by something else than systemd it answers all the same.
  if (there && site.running()->ask(Question::bans)) return "";
  return there ? "fail2ban is not running" : "fail2ban is not installed";
}

constexpr std::string_view kNobody = "nobody stops those who try passwords on SSH all day";

/// A jail that is off, at the line that says so.
void jail_off(const Site& site, const Jails& jails, Severity severity, Findings& out) {
  const auto* said = jails.last("sshd", "enabled");
  if (said == nullptr) said = jails.last("DEFAULT", "enabled");
  out.add(said != nullptr ? site.at(said->file, said->option.line, 1) : site.at(jails.files.back()))
      .found("{}", said != nullptr
                       ? fmt::format("[{}] enabled = {}", said->option.section, printable(said->option.value))
                       : "the jail sshd is not enabled")
      .wanted("[sshd] enabled = true")
      .message("{}", kNobody)
      .fix("in {}: [sshd] enabled = true; name the mesh's nodes in ignoreip; then: fail2ban-client reload",
           site.shown(jails.root / "jail.local"))
      .about("jail sshd")
      .severity(severity);
}

void guards_of_folder(const Site& site, Findings& out) {
  for (const auto& root : roots_of(site)) {
    auto jails = read_jails(site, root, out);
    // What does not speak of it leaves it to the package, which switches it on.
    if (jails.last("sshd", "enabled") != nullptr && !jails.enabled("sshd"))
      jail_off(site, jails, Severity::high, out);
  }
}

void nobody_bans(const Site& site, Findings& out) {
  if (site.repo()) return guards_of_folder(site, out);
  if (any_of(site, {"/usr/sbin/sshguard", "/usr/bin/crowdsec", "/usr/sbin/denyhosts", "/usr/bin/denyhosts"}))
    return;
  auto reach = reach_of_ssh(site, out);
  if (!reach.open) return;
  auto severity = passwords_off(site) && reach.restricted ? Severity::low : Severity::high;
  auto why = why_no_ban(site, out);
  if (!why) return;
  if (why->empty()) {
    auto jails = read_jails(site, "/etc/fail2ban", out);
    if (!jails.files.empty() && !jails.enabled("sshd")) jail_off(site, jails, severity, out);
    return;
  }
  bool missing = why->ends_with("not installed");
  out.add(site.live() ? Where{} : site.at("/etc/ssh/sshd_config"))
      .found("{}", *why)
      .wanted("fail2ban runs while SSH is reachable")
      .message("{}{}", kNobody,
               severity == Severity::low ? "; passwords are off and few addresses get that far" : "")
      .fix("{}name the mesh's nodes in ignoreip first (SEC-004); then: systemctl {}enable --now fail2ban",
           missing ? "apt-get install fail2ban; " : "",
           why->ends_with("masked") ? "unmask fail2ban; systemctl " : "")
      .about("fail2ban")
      .severity(severity);
}

void peers_unignored(const Site& site, Findings& out) {
  if (site.live() && !can_ban(site)) return;
  const auto peers = peers_of(site);
  if (peers.all.empty() && peers.unknown.empty()) return;
  for (const auto& root : roots_of(site)) {
    auto jails = read_jails(site, root, out);
    if (jails.files.empty()) continue;
    Ignored(site, jails, peers, out).check();
    auto list = fail2ban::list_of(effective(jails, "DEFAULT"));
    for (const auto& name : peers.unknown)
      if (std::ranges::find(list, name) == list.end())
        out.skip(name, "its address is not known here, so ignoreip could not be compared with it");
  }
}

void peers_banned(const Site& site, Findings& out) {
  const auto peers = peers_of(site);
  if (peers.all.empty()) return;
  auto answer = site.running()->ask(Question::bans);
  if (!answer) {
    // Where fail2ban is not there nobody bans.
    if (can_ban(site)) out.skip("fail2ban's bans", std::string(answer.error().text()));
    return;
  }
  for (const auto& ban : fail2ban::parse_bans(*answer)) {
    auto peer =
        std::ranges::find_if(peers.all, [&](const Peer& p) { return holds_address(ban.address, p.address); });
    if (peer == peers.all.end()) continue;
    Mend mend;
    mend.orders.push_back({.run = {"fail2ban-client", "set", ban.jail, "unbanip", ban.address},
                           .back = {"fail2ban-client", "set", ban.jail, "banip", ban.address}});
    out.add({})
        .found("{} ({}) is banned by the jail {}", peer->name, printable(ban.address), printable(ban.jail))
        .wanted("no node of the mesh is banned")
        .message("{} cannot reach this machine: no healing, no sync, no vote", peer->name)
        .fix("fail2ban-client set {} unbanip {}; and name it in ignoreip (SEC-004)", printable(ban.jail),
             printable(ban.address))
        .about("{} {}", ban.jail, ban.address)
        .mend(std::move(mend));
  }
}

const Rule kRules[] = {
    {.id = "SEC-003",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "Nobody stops those who try passwords on SSH",
     .why = "Every public address is tried thousands of times a day; fail2ban makes that cost something.",
     .not_when = "SSH is not reachable; sshguard, CrowdSec or DenyHosts does it; with passwords off and few "
                 "sources let in: low",
     .remedy = "Install and start fail2ban, with the mesh's nodes in ignoreip.",
     .check = nobody_bans},
    {.id = "SEC-004",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::automatic,
     .title = "fail2ban may lock the mesh's own nodes out",
     .why = "A node that fails to log in a few times, after a change of keys say, is banned just when it "
            "comes to heal.",
     .not_when = "jails that are switched off; fail2ban is not installed any more",
     .remedy = "Name every node's address in ignoreip.",
     .check = peers_unignored},
    {.id = "SEC-005",
     .severity = Severity::critical,
     .reads = kLive,
     .fix = Fix::automatic,
     .title = "A node of the mesh is banned right now",
     .why = "It cannot heal this machine, and this machine cannot hear from it.",
     .not_when = "",
     .remedy = "Unban it, and name it in ignoreip.",
     .check = peers_banned},
};

}  // namespace

std::span<const Rule> security_ban_rules() { return kRules; }

}  // namespace meshops::audit
