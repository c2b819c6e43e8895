// The host's firewall: whether there is one, and what it lets in.
#include <algorithm>
#include <array>
#include <set>

#include "audit/firewall.h"
#include "audit/security_facts.h"
#include "audit/security_rules.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;
using firewall::Line;
using firewall::Verdict;

namespace {

/// The way back comes first: a wrong rule cuts off whoever sits at the other end.
constexpr std::string_view kFix =
    "systemd-run --on-active=5min ufw disable; ufw allow OpenSSH; ufw default deny incoming; ufw --force "
    "enable; log in anew from another terminal, and only then stop that timer (systemctl stop 'run-*.timer')";

/// Files of a folder that may hold commands: scripts and what provisions machines.
bool holds_commands(const FoundFile& file) {
  if (file.kind == FileKind::script || file.kind == FileKind::cron_script) return true;
  if (file.kind != FileKind::other) return false;
  auto name = lower(file.path.filename().string());
  return name.ends_with(".yml") || name.ends_with(".yaml") || name == "user-data" ||
         name.ends_with(".cloud-init") || name.ends_with(".cfg") || name.ends_with(".tpl") ||
         name.ends_with(".tftpl");
}

struct Command {
  std::size_t line = 0, column = 0;
  std::string_view text;  // from the program's name on
  bool plain = false;     // nothing but sudo or a dash of YAML stands before it
};
/// Commands of that program on lines of a script that are not comments.
std::vector<Command> commands_of(std::string_view text, std::string_view program) {
  std::vector<Command> out;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (trim(line).starts_with('#')) continue;
    for (auto at = line.find(program); at != std::string_view::npos; at = line.find(program, at + 1)) {
      auto end = at + program.size();
      bool begins = at == 0 || std::string_view(" \t/;&|(\"'`").find(line[at - 1]) != std::string_view::npos;
      if (!begins || end >= line.size() || (line[end] != ' ' && line[end] != '\t')) continue;
      auto rest = line.substr(at);
      // Told, not done.
      auto before = line.substr(0, at);
      if (before.find("echo ") != std::string_view::npos || before.find(" #") != std::string_view::npos)
        continue;
      auto stop = rest.find_first_of(";&|");
      auto first = trim(before);
      out.push_back({number, at + 1, rest.substr(0, stop),
                     first.empty() || first == "sudo" || first == "-" || first == "- sudo"});
    }
  }
  return out;
}

/// A list of those who are refused, which stands beside the firewall itself.
bool only_refuses(const Filter& filter) {
  bool any = false;
  for (const auto& input : filter.inputs)
    for (const auto& line : input.lines) {
      if (line.verdict == Verdict::accept) return false;
      any = true;
    }
  return any;
}

/// It would refuse by default if it were on.
bool would_deny(const Filter& filter) {
  return std::ranges::any_of(
      filter.inputs, [](const firewall::Input& input) { return input.v4 && input.policy == Verdict::deny; });
}

void off(const Filter& filter, Findings& out) {
  auto unit = filter.kind == "iptables" ? std::string_view("netfilter-persistent") : filter.kind;
  out.add(filter.at)
      .found("{} is switched off", filter.kind)
      .wanted("a firewall that refuses what no rule names")
      .message("nothing keeps strangers from any port of the machine")
      .fix("{}", filter.kind == "ufw"
                     ? std::string(kFix)
                     : fmt::format("see that its rules let you in; systemd-run --on-active=5min systemctl "
                                   "stop {0}; systemctl enable --now {0}; log in anew from another terminal, "
                                   "and only then stop that timer (systemctl stop 'run-*.timer')",
                                   unit))
      .about("{} off", filter.kind);
}

void open_by_default(const Filter& filter, Findings& out) {
  out.add(filter.policy_at())
      .found("{}", filter.policy_found.empty() ? "incoming packets that no rule names are accepted"
                                               : filter.policy_found)
      .wanted("the default for incoming is deny")
      .message("every port that a program opens is open to the world, whatever rules stand beside it")
      .fix("{}", filter.kind == "nftables"
                     ? "after rules that accept established connections, lo and SSH: policy drop in the "
                       "chain with `hook input`; load it with a way back: nft -c -f FILE && (sleep 300 && "
                       "nft flush ruleset) & nft -f FILE"
                 : filter.kind == "iptables"
                     ? "after rules that accept established connections, lo and SSH: iptables -P INPUT DROP, "
                       "with a way back: iptables-apply FILE takes it back unless you confirm"
                     : std::string(kFix))
      .about("{} default", filter.kind);
}

bool filters_v4(const Filter& filter) {
  return std::ranges::any_of(filter.inputs, [](const firewall::Input& i) { return i.v4; });
}

/// Of a folder: each file is judged by what it says itself.
void default_of_folder(const Firewall& walls, Findings& out) {
  for (const auto& filter : walls.filters()) {
    if (filter.denies_by_default()) continue;
    if (!filter.active) {
      if (!walls.denies_by_default()) off(filter, out);
    } else if (filters_v4(filter) && !only_refuses(filter)) {
      open_by_default(filter, out);
    }
  }
}

/// Of a machine: they work together, and one that refuses is enough.
void default_of_machine(const Site& site, const Firewall& walls, Findings& out) {
  if (walls.denies_by_default()) return;
  const auto& all = walls.filters();
  auto active = std::ranges::find_if(all, [](const Filter& f) { return f.active && filters_v4(f); });
  if (active != all.end()) return open_by_default(*active, out);
  auto asleep = std::ranges::find_if(all, [](const Filter& f) { return !f.active && would_deny(f); });
  if (asleep != all.end()) return off(*asleep, out);
  out.add(all.empty() ? Where{} : all.front().at)
      .found("no host firewall: no rules for incoming packets{}", site.live() ? " in the kernel" : "")
      .wanted("a firewall that refuses what no rule names")
      .message(
          "every port that a program opens is open to whoever reaches this machine; a cloud's own firewall "
          "may stand in front, and is not seen from here")
      .fix("apt-get install ufw; {}", kFix)
      .about("no firewall");
}

void default_of_scripts(const Site& site, const Firewall& walls, Findings& out) {
  if (walls.denies_by_default()) return;
  for (const auto& file : site.files().all()) {
    if (!holds_commands(file)) continue;
    auto text = site.host().read(file.path);
    if (!text) continue;
    std::optional<Command> opened, disabled;
    for (const auto& command : commands_of(*text, "ufw")) {
      auto word = words(command.text.substr(3));
      while (!word.empty() && word[0].starts_with("--")) word.erase(word.begin());
      auto is = [&](std::size_t i, std::string_view wanted) {
        if (i >= word.size()) return false;
        auto w = word[i];
        while (!w.empty() && std::string_view("\"'`,]").find(w.back()) != std::string_view::npos)
          w.remove_suffix(1);
        return w == wanted;
      };
      bool incoming = word.size() < 3 || is(2, "incoming") || is(2, "in");
      if (is(0, "default") && incoming) {
        if (is(1, "allow"))
          opened = command;
        else if (is(1, "deny") || is(1, "reject"))
          opened.reset();
      }
      // In quotes it is somebody's way back: at now + 5 minutes <<< 'ufw disable'.
      if (is(0, "disable") && command.plain) disabled = command;
      if (is(0, "enable")) disabled.reset();
    }
    std::optional<Command> accepted;
    for (const auto& command : commands_of(*text, "iptables")) {
      if (command.text.find("-P INPUT ACCEPT") != std::string_view::npos) accepted = command;
      if (command.text.find("-P INPUT DROP") != std::string_view::npos ||
          command.text.find("-A INPUT -j DROP") != std::string_view::npos ||
          command.text.find("-A INPUT -j REJECT") != std::string_view::npos)
        accepted.reset();
    }
    for (const auto& command : {opened, disabled, accepted}) {
      if (!command) continue;
      out.add(site.at(file.path, command->line, command->column))
          .found("{}", trim(command->text))
          .wanted("the default for incoming is deny")
          .message("machines that run this have every port open to the world")
          .fix("{}", kFix)
          .about("{}", trim(command->text));
    }
  }
}

/// Ports that no policy needs to name: without them nobody gets in, or they are there to be reached.
bool is_usual(const firewall::Ports& ports, std::string_view protocol) {
  constexpr std::array<std::uint16_t, 12> kUsual = {22,  53,  80,  443, 25,    465,
                                                    587, 993, 995, 123, 51820, 41641};
  bool mosh = ports.first >= 60000 && protocol != "tcp";
  return mosh || (ports.first == ports.last && std::ranges::find(kUsual, ports.first) != kUsual.end());
}
/// What stands behind a port that nobody should find open, as far as its number tells.
std::string_view known_service(std::uint16_t port) {
  struct Known {
    std::uint16_t port;
    std::string_view what;
  };
  constexpr std::array<Known, 40> kKnown = {{{21, "FTP"},
                                             {23, "telnet"},
                                             {69, "TFTP"},
                                             {111, "the portmapper"},
                                             {135, "RPC"},
                                             {139, "SMB"},
                                             {445, "SMB"},
                                             {873, "rsync"},
                                             {1433, "SQL Server"},
                                             {1521, "Oracle"},
                                             {2049, "NFS"},
                                             {2375, "the Docker API"},
                                             {2376, "the Docker API"},
                                             {2379, "etcd"},
                                             {2380, "etcd"},
                                             {3000, "a development server"},
                                             {3306, "MySQL"},
                                             {3389, "RDP"},
                                             {4243, "the Docker API"},
                                             {5000, "a development server"},
                                             {5432, "PostgreSQL"},
                                             {5601, "Kibana"},
                                             {5672, "RabbitMQ"},
                                             {5900, "VNC"},
                                             {5984, "CouchDB"},
                                             {6379, "Redis"},
                                             {6443, "the Kubernetes API"},
                                             {8000, "a development server"},
                                             {8080, "a development server"},
                                             {8086, "InfluxDB"},
                                             {8200, "Vault"},
                                             {8500, "Consul"},
                                             {8888, "a notebook server"},
                                             {9000, "an administration console"},
                                             {9090, "Prometheus"},
                                             {9100, "node metrics"},
                                             {9200, "Elasticsearch"},
                                             {10250, "the kubelet"},
                                             {11211, "memcached"},
                                             {27017, "MongoDB"}}};
  for (const auto& known : kKnown)
    if (known.port == port) return known.what;
  if (port == 18789) return "the gateway";
  return {};
}

struct Policy {
  struct Named {
    firewall::Ports ports;
    std::string protocol;  // empty: both
  };
  bool told = false;
  std::vector<Named> named;
  bool names(const firewall::Ports& wanted, std::string_view protocol) const {
    return std::ranges::any_of(named, [&](const Named& n) {
      return n.ports.first <= wanted.first && wanted.last <= n.ports.last &&
             (n.protocol.empty() || protocol.empty() || n.protocol == protocol);
    });
  }
};
Policy policy_of(const Site& site, const Mesh& mesh) {
  Policy out;
  out.told = !mesh.audit.ports.empty();
  auto add = [&out](std::string_view text) {
    auto slash = text.find('/');
    for (auto ports : firewall::parse_ports(text.substr(0, slash)))
      out.named.push_back(
          {ports, slash == std::string_view::npos ? "" : std::string(text.substr(slash + 1))});
  };
  for (const auto& text : mesh.audit.ports) add(text);
  for (const auto& node : mesh.nodes) {
    add(std::to_string(node.ssh_port));
    if (node.port != 0) add(std::to_string(node.port));
  }
  add("22");
  for (const auto* file : site.files().of(FileKind::sshd_config))
    if (auto text = site.host().read(file->path))
      for (auto line : split(*text, '\n')) {
        auto word = words(line);
        if (word.size() == 2 && lower(word[0]) == "port") add(word[1]);
      }
  return out;
}

std::string ports_text(const firewall::Ports& ports) {
  return ports.first == ports.last ? std::to_string(ports.first)
                                   : fmt::format("{}-{}", ports.first, ports.last);
}

class OpenPorts {
 public:
  OpenPorts(const Site& site, Findings& out)
      : site_(site), out_(out), mesh_(mesh_of(site)), policy_(policy_of(site, mesh_)) {}

  void check() {
    const auto& walls = site_.facts<Firewall>();
    for (const auto& skip : walls.skips()) out_.skip(skip.what, skip.reason);
    if (site_.live()) {
      auto all = site_.host().listeners();
      if (!all) return out_.skip("listening sockets", std::string(all.error().text()));
      listeners_ = *all;
    }
    for (const auto& filter : walls.filters()) {
      // What an open default lets in is SEC-001's.
      if (!filter.active) continue;
      for (const auto& input : filter.inputs)
        for (const auto& line : input.lines) opening(filter.file, line);
    }
    if (site_.repo()) scripts();
  }

 private:
  void opening(const std::string& file, const Line& line) {
    if (line.verdict != Verdict::accept || line.conditional || !line.from.empty() || !line.interface.empty())
      return;
    if (!line.protocol.empty() && line.protocol != "tcp" && line.protocol != "udp") return;
    // A rule without a port opens them all.
    auto opened = line.ports;
    if (opened.empty() && !line.protocol.empty()) opened.push_back({1, 65535});
    for (const auto& ports : opened) {
      // IPv6's rule of the same port tells nothing new.
      if (!seen_.insert(fmt::format("{} {} {}", file, line.protocol, ports_text(ports))).second) continue;
      judge(file.empty() ? Where{} : Where{file, line.line, line.column}, ports, line.protocol);
    }
  }

  void judge(const Where& at, const firewall::Ports& ports, const std::string& protocol) {
    bool named = policy_.names(ports, protocol);
    auto shown = fmt::format("{}{}", ports_text(ports), protocol.empty() ? "" : "/" + protocol);
    if (site_.live() && !listens(ports, protocol)) {
      if (ports.first >= 60000 && protocol == "udp") return;  // mosh opens them when it is used
      add(at, shown, "nothing listens there", "the rule is gone",
          fmt::format(
              "port {} is open to the world and nothing uses it: whatever starts there next is open, too",
              shown));
      return;
    }
    if (named) return;
    if (policy_.told) {
      add(at, shown, "the policy does not name it", "audit.ports names it, or the rule is gone",
          fmt::format("port {} is open to the world, and mesh.toml does not say that it should be", shown));
      return;
    }
    if (is_usual(ports, protocol)) return;
    if (ports.last - ports.first >= 1000) {
      add(at, shown, "a wide range from anywhere", "the ports that are used",
          fmt::format("{} ports are open to the world", ports.last - ports.first + 1));
      return;
    }
    for (unsigned port = ports.first; port <= ports.last; ++port)
      if (auto what = known_service(static_cast<std::uint16_t>(port)); !what.empty()) {
        add(at, shown, fmt::format("{} from anywhere", what), "from named addresses, or not at all",
            fmt::format("{} is open to the world on port {}, and no policy says that it should be", what,
                        shown));
        return;
      }
  }

  bool listens(const firewall::Ports& ports, const std::string& protocol) const {
    return std::ranges::any_of(listeners_, [&](const ListenerInfo& l) {
      if (l.port < ports.first || l.port > ports.last) return false;
      if (!protocol.empty() && !l.protocol.starts_with(protocol)) return false;
      return !l.address.starts_with("127.") && l.address != "::1";
    });
  }

  void add(const Where& at, const std::string& port, std::string_view why, std::string_view wanted,
           const std::string& message) {
    out_.add(at)
        .found("{} allowed: {}", port, why)
        .wanted("{}", wanted)
        .message("{}", message)
        .fix("ufw delete allow {} (or take out the rule), or name the port in mesh.toml: [audit] ports", port)
        .about("{}", port);
  }

  void scripts() {
    for (const auto& file : site_.files().all()) {
      if (!holds_commands(file)) continue;
      auto text = site_.host().read(file.path);
      if (!text) continue;
      for (const auto& command : commands_of(*text, "ufw"))
        for (auto line : firewall::parse_ufw_command(command.text.substr(3))) {
          line.line = command.line;
          line.column = command.column;
          opening(site_.shown(file.path), line);
        }
    }
  }

  const Site& site_;
  Findings& out_;
  Mesh mesh_;
  Policy policy_;
  std::vector<ListenerInfo> listeners_;
  std::set<std::string> seen_;
};

void firewall_default(const Site& site, Findings& out) {
  if (!site.repo() && !is_machine(site)) return;
  const auto& walls = site.facts<Firewall>();
  for (const auto& skip : walls.skips()) out.skip(skip.what, skip.reason);
  if (site.repo()) {
    default_of_folder(walls, out);
    default_of_scripts(site, walls, out);
  } else if (walls.known() && walls.skips().empty()) {
    default_of_machine(site, walls, out);
  }
}

void open_ports(const Site& site, Findings& out) {
  if (site.repo() || is_machine(site)) OpenPorts(site, out).check();
}

const Rule kRules[] = {
    {.id = "SEC-001",
     .severity = Severity::critical,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "No host firewall, or one that lets everything in",
     .why = "Whatever opens a port, on purpose or not, is open to the world. A firewall that refuses by "
            "default is the one thing that stands between a mistake and the internet.",
     .not_when = "images that do not boot; folders without files of a firewall; lists of refused addresses "
                 "that stand beside one",
     .remedy = "Let SSH in, then refuse the rest by default: ufw, nftables or iptables.",
     .check = firewall_default},
    {.id = "SEC-002",
     .severity = Severity::high,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "The firewall lets in what nobody uses or wants",
     .why = "A forgotten rule is a door: whatever listens on that port next week is in the open from its "
            "first second.",
     .not_when = "rules for named sources or interfaces; ports that the policy names",
     .remedy = "Delete the rule, or name the port in mesh.toml: [audit] ports.",
     .check = open_ports},
};

}  // namespace

std::span<const Rule> security_firewall_rules() { return kRules; }

}  // namespace meshops::audit
