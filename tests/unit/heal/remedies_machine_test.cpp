// Remedies for the machine around the gateway.
#include <gtest/gtest.h>

#include "patient.h"

namespace meshops::heal {
namespace {

using Then = Treatment::Then;
const std::string kInstall = "/var/lib/meshops/openclaw/2026.9.6-node26.10.0";

void own_install(Case& c) {
  c.patient.spec.command = {kInstall + "/node_modules/node/bin/node",
                            kInstall + "/node_modules/openclaw/openclaw.mjs", "gateway", "run"};
  c.host.directory(kInstall);
}
void banned(Case& c, std::string_view line = "fail2ban.actions [77]: NOTICE  [recidive] Ban 10.0.0.2") {
  c.runs().log(line).patient.peers = {"10.0.0.2", "mesh.example"};
}

const bool kAdded = add(
    {
        {"unban_peer",
         "the log names the jail",
         [](Case& c) { banned(c); },
         {"run (at most 30s): fail2ban-client set recidive unbanip 10.0.0.2"},
         {},
         Then::watch},
        {"unban_peer",
         "only a fact says so",
         [](Case& c) {
           c.patient.peers = {"10.0.0.2"};
           c.patient.evidence = {{.id = "fact", .text = "fact banned: 10.0.0.2, 192.0.2.9"}};
         },
         {"run (at most 30s): fail2ban-client set sshd unbanip 10.0.0.2"},
         {}},
        {"ignore_peer",
         "it would be banned again",
         [](Case& c) { banned(c); },
         {"run (at most 30s): fail2ban-client set recidive addignoreip 10.0.0.2"},
         {},
         Then::watch},
        {"sync_clock",
         "nothing keeps the time",
         [](Case& c) { c.runs(); },
         {"run (at most 30s): timedatectl set-ntp true"},
         {},
         Then::watch},
        {"restart_resolver",
         "systemd-resolved resolves",
         [](Case& c) { c.runs().file("/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n"); },
         {"run (at most 30s): systemctl restart systemd-resolved.service"},
         {},
         Then::watch},
        {"raise_conntrack_max",
         "it is doubled; a file of ours is written over",
         [](Case& c) {
           c.runs()
               .file("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n", {}, 0)
               .file("/etc/sysctl.d/60-meshops-conntrack.conf", "net.netfilter.nf_conntrack_max=9\n", {}, 0);
         },
         {"write /etc/sysctl.d/60-meshops-conntrack.conf (33 B → 38 B)",
          "run (at most 30s): sysctl -w net.netfilter.nf_conntrack_max=131072"},
         {{"/etc/sysctl.d/60-meshops-conntrack.conf", "net.netfilter.nf_conntrack_max=131072\n"}},
         Then::watch},
        {"reinstall_pinned_version",
         "it is the one that meshops installed",
         own_install,
         {"run (at most 20m): npm install --no-audit --no-fund --loglevel=error --prefix "
          "/var/lib/meshops/openclaw/2026.9.6-node26.10.0.new-20261124T051200Z node@26.10.0",
          "run (at most 20m): npm install --no-audit --no-fund --loglevel=error --prefix "
          "/var/lib/meshops/openclaw/2026.9.6-node26.10.0.new-20261124T051200Z openclaw@2026.9.6",
          "rename /var/lib/meshops/openclaw/2026.9.6-node26.10.0 to "
          "2026.9.6-node26.10.0.broken-20261124T051200Z",
          "rename /var/lib/meshops/openclaw/2026.9.6-node26.10.0.new-20261124T051200Z to "
          "2026.9.6-node26.10.0"},
         {}},
    },
    {
        {"unban_peer", "a stranger is banned, whose address only begins alike",
         [](Case& c) { banned(c, "NOTICE  [sshd] Ban 10.0.0.23"); }, "no peer of the mesh is banned"},
        {"unban_peer", "the ban was lifted since",
         [](Case& c) {
           banned(c);
           c.log("fail2ban.actions [77]: NOTICE  [recidive] Unban 10.0.0.2");
         },
         "no peer of the mesh is banned"},
        {"unban_peer", "a peer without an address is no argument for a program",
         [](Case& c) { c.log("NOTICE [sshd] Ban --all").patient.peers = {"--all"}; },
         "no peer of the mesh is banned"},
        {"ignore_peer", "nobody is banned", [](Case&) {}, "no peer of the mesh is banned"},
        {"sync_clock", "it is on and does not help",
         [](Case& c) {
           c.host.link("/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service",
                       "/lib/systemd/system/systemd-timesyncd.service");
         },
         "time synchronisation is on"},
        {"restart_resolver", "another resolver is asked",
         [](Case& c) { c.file("/etc/resolv.conf", "nameserver 192.0.2.1\n"); },
         "does not resolve names here"},
        {"raise_conntrack_max", "it is at its most",
         [](Case& c) { c.file("/proc/sys/net/netfilter/nf_conntrack_max", "1048576\n"); },
         "is 1048576 already"},
        {"raise_conntrack_max", "the kernel tracks nothing", [](Case&) {}, "tracks no connections"},
        {"reinstall_pinned_version", "somebody else installed it", [](Case&) {}, "did not install this"},
        {"reinstall_pinned_version", "the path only looks like ours",
         [](Case& c) {
           own_install(c);
           c.patient.spec.command[0] = "/usr/bin/node";
         },
         "did not install this"},
    });

TEST(MachineRemedies, ABanIsPutBackByTheSameJail) {
  Case c;
  banned(c);
  const auto tool = std::get<RunTool>(c.plan("unban_peer")->actions.front());
  EXPECT_EQ(tool.undo, (std::vector<std::string>{"fail2ban-client", "set", "recidive", "banip", "10.0.0.2"}));
}

TEST(MachineRemedies, AJailWithAStrangeNameIsNotHandedOn) {
  Case c;
  banned(c, "NOTICE  [--help;rm] Ban 10.0.0.2");
  EXPECT_EQ(std::get<RunTool>(c.plan("unban_peer")->actions.front()).argv[2], "sshd");
}

}  // namespace
}  // namespace meshops::heal
