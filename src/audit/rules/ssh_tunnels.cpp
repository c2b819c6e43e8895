// ssh: tunnels whose listening end other machines can reach.
#include <algorithm>
#include <set>

#include "audit/ssh_command.h"
#include "audit/ssh_files.h"
#include "audit/ssh_rules.h"
#include "audit/units.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

constexpr std::string_view kMessage =
    "whoever can reach this machine's port is inside, past the login that the tunnel stands for";

void tell(Findings& out, Where at, std::string found, std::string_view wanted, std::string_view fix,
          std::string_view message = kMessage) {
  auto about = found;
  out.add(std::move(at))
      .found("{}", found)
      .wanted("{}", wanted)
      .message("{}", message)
      .fix("{}", fix)
      .about("{}", about);
}

void in_daemon(const Site& site, Findings& out) {
  constexpr std::string_view kWhy =
      "everybody who may log in can open a port of this machine to the world and lead it anywhere";
  const auto& answer = site.facts<SshdAnswer>();
  bool told = false;
  for (const auto& daemon : site.facts<SshFiles>().daemons()) {
    for (const auto& s : daemon.config.settings()) {
      if (s.line->keyword != "gatewayports" || ssh::is_no(s.line->value())) continue;
      const auto* counts = daemon.config.where("gatewayports", s.conditions);
      if (counts == nullptr || counts->line != s.line) continue;
      // Without remote forwarding there is nothing that it could open.
      const auto* forwarding = daemon.config.where("allowtcpforwarding", s.conditions);
      const auto* disabled = daemon.config.where("disableforwarding", s.conditions);
      if (forwarding != nullptr &&
          (ssh::is_no(forwarding->line->value()) || forwarding->line->value() == "local"))
        continue;
      if (disabled != nullptr && ssh::is_yes(disabled->line->value())) continue;
      told = true;
      tell(out, site.at(s.file->file, s.line->number, s.line->args[0].column),
           fmt::format("GatewayPorts {}", s.line->value()), "GatewayPorts no",
           "GatewayPorts no; then systemctl reload ssh; what must be reached from outside gets a listener of "
           "its own",
           kWhy);
    }
  }
  // The command line of sshd may say it, too.
  if (auto found = answer.values.find("gatewayports"); !told && found != answer.values.end())
    if (!found->second.empty() && !ssh::is_no(found->second.front()))
      tell(out, {}, "sshd -T: gatewayports " + found->second.front(), "GatewayPorts no",
           "look for -o GatewayPorts in the arguments of sshd", kWhy);
}

void in_client(const Site& site, Findings& out) {
  std::set<const ssh::Line*> seen;
  for (const auto& client : site.facts<SshFiles>().clients()) {
    for (const auto& at : client.everything()) {
      const auto& keyword = at.line->keyword;
      bool forward = keyword == "localforward" || keyword == "remoteforward" || keyword == "dynamicforward";
      bool gateway = keyword == "gatewayports" && ssh::is_yes(at.line->value());
      if (!gateway && !(forward && listens_everywhere(at.line->value(), 1))) continue;
      if (!seen.insert(at.line).second) continue;
      auto spelled = gateway                      ? "GatewayPorts"
                     : keyword == "localforward"  ? "LocalForward"
                     : keyword == "remoteforward" ? "RemoteForward"
                                                  : "DynamicForward";
      tell(out, site.at(at.file->file, at.line->number, at.line->args[0].column),
           fmt::format("{} {}", spelled, at.line->values()),
           gateway ? "GatewayPorts no" : "a bind address of 127.0.0.1",
           gateway ? "GatewayPorts no" : "leave the bind address out, or write 127.0.0.1");
    }
  }
}

void in_units(const Site& site, Findings& out) {
  for (const auto& unit : site.facts<Units>().services())
    for (const auto* key : {"ExecStart", "ExecStartPre", "ExecStartPost"})
      for (const auto* assignment : unit.file.all("Service", key)) {
        auto argv = systemd::split_words(assignment->value);
        if (!argv) continue;
        for (const auto& open : open_forwards(*argv))
          tell(out, {assignment->at.file, assignment->at.line, 0}, open.what, "a bind address of 127.0.0.1",
               fmt::format(
                   "in {}: leave the bind address (or -g) out; then systemctl daemon-reload && systemctl "
                   "restart {}",
                   unit.name, unit.name));
      }
}

void in_scripts(const Site& site, Findings& out) {
  constexpr std::size_t kMostBytes = 1U << 20;
  for (const auto& file : site.files().all()) {
    if (file.kind != FileKind::script && file.kind != FileKind::cron_script &&
        file.kind != FileKind::crontab && file.kind != FileKind::system_crontab)
      continue;
    auto text = site.host().read(file.path, kMostBytes);
    if (!text) {
      out.skip(site.shown(file.path), std::string(text.error().text()));
      continue;
    }
    if (text->find("ssh") == std::string::npos) continue;
    auto lines = split(*text, '\n');
    for (std::size_t i = 0; i < lines.size(); ++i) {
      // A backslash carries a command on; what is found stands on the line where its option is.
      std::string whole(lines[i]);
      std::vector<std::size_t> begins = {0};
      auto first = i;
      while (whole.ends_with('\\') && i + 1 < lines.size()) {
        whole.back() = ' ';
        begins.push_back(whole.size());
        whole += lines[++i];
      }
      if (trim(whole).starts_with('#')) continue;
      for (const auto& open : open_forwards(std::string_view(whole))) {
        auto part =
            static_cast<std::size_t>(std::ranges::upper_bound(begins, open.column - 1) - begins.begin()) - 1;
        tell(out, site.at(file.path, first + part + 1, open.column - begins[part]), open.what,
             "a bind address of 127.0.0.1", "leave the bind address (or -g) out");
      }
    }
  }
}

void open_tunnels(const Site& site, Findings& out) {
  site.facts<SshFiles>().tell_skips(out);
  in_daemon(site, out);
  in_client(site, out);
  in_units(site, out);
  in_scripts(site, out);
}

const Rule kRules[] = {
    {.id = "SSH-011",
     .severity = Severity::medium,
     .reads = kLive | kRoot | kRepo,
     .fix = Fix::plan,
     .title = "A tunnel that other machines can reach",
     .why = "A tunnel is a door past the firewall. Bound to all interfaces it is everybody's door.",
     .not_when = "forwardings bound to loopback",
     .remedy = "GatewayPorts no, and a bind address of 127.0.0.1 or none.",
     .check = open_tunnels},
};

}  // namespace

std::span<const Rule> ssh_tunnel_rules() { return kRules; }

}  // namespace meshops::audit
