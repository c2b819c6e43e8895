// Remedies for processes: whoever may be ended is proven to be it; strangers are only named.
#include <gtest/gtest.h>

#include "patient.h"

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;
using Then = Treatment::Then;
constexpr std::string_view kLocks = "/home/ada/.openclaw/tmp/openclaw-1000";

std::string lock(pid_t pid, std::uint64_t start) {
  // The gateway pads the object with blanks.
  return fmt::format(R"({{"pid":{},"ownerId":"x","createdAt":1,"port":18789,"startTime":{}}})", pid, start) +
         "\t\t  \n";
}
void gateway_runs(Case& c, pid_t pid) {
  c.host.process_runs(pid, {"openclaw-gateway"}).comm = "openclaw-gatewa";
}
void competitor(Case& c, Starter starter) {
  if (starter.pid != 0) {
    gateway_runs(c, starter.pid);
    starter.start_ticks = c.host.running[starter.pid].start_ticks;
  }
  c.patient.starters.push_back(std::move(starter));
}
Misses down(std::string_view id) {
  return {id, "it does not run", [](Case&) {}, "does not run"};
}
Fits waiting(std::string_view id) {
  return {id, "it runs", [](Case& c) { c.runs(); }, {}, {}, Then::watch};
}

const bool kAdded = add(
    {
        waiting("wait_out"),
        waiting("wait_out_load"),
        {"wait_for_drain",
         "it drains",
         [](Case& c) { c.runs().patient.settling = true; },
         {},
         {},
         Then::watch},
        waiting("wait_cooldown"),
        waiting("wait_time_wait"),
        waiting("wait_pull_window"),
        {"reset_failed",
         "systemd has given up",
         [](Case&) {},
         {"clear the failures of openclaw-gateway.service of user ada"},
         {}},
        {"reset_failed",
         "a unit of the system",
         [](Case& c) { c.patient.spec.runtime = RuntimeKind::systemd_system; },
         {"clear the failures of openclaw-gateway.service"},
         {}},
        {"ask_right_scope",
         "the user's manager can be asked",
         [](Case& c) { c.host.files["/run/user/1000/bus"].info.kind = FileInfo::Kind::socket; },
         {},
         {}},
        {"drained_restart", "it runs", [](Case& c) { c.runs(); }, {}, {}, Then::restart},
        {"reopen_log", "it runs", [](Case& c) { c.runs(); }, {}, {}, Then::restart},
        {"restart_channel",
         "the gateway has given up on one",
         [](Case& c) {
           c.runs().log("2026-11-24T05:11:00.000Z [channels/telegram] giving up after 10 restart attempts");
         },
         {"run as ada (at most 1m): node index.js gateway call channels.stop --params "
          "{\"channel\":\"telegram\"}",
          "run as ada (at most 1m): node index.js gateway call channels.start --params "
          "{\"channel\":\"telegram\"}"},
         {},
         Then::watch},
        {"stop_competing_instance",
         "a twin in the system's scope, a container and a stale process; ours stays",
         [](Case& c) {
           c.runs();
           competitor(c, {.runtime = RuntimeKind::systemd_user,
                          .unit = "openclaw-gateway.service",
                          .user = "ada",
                          .pid = 811,
                          .ours = true});
           competitor(c, {.runtime = RuntimeKind::systemd_system, .unit = "openclaw.service", .pid = 4000});
           competitor(c, {.runtime = RuntimeKind::docker, .container = "claw", .pid = 4001});
           competitor(c, {.pid = 4002});
         },
         {"stop openclaw.service", "run (at most 5m50s): docker stop --time 330 claw",
          "end process 4002 (openclaw-gatewa): SIGTERM, after 5m30s SIGKILL"},
         {},
         Then::watch},
        {"stop_other_poller",
         "the other poller is a gateway of this machine",
         [](Case& c) { competitor(c.runs(), {.pid = 4002}); },
         {"end process 4002 (openclaw-gatewa): SIGTERM, after 5m30s SIGKILL"},
         {},
         Then::watch},
        {"disable_competing_unit",
         "a twin comes back at the next boot",
         [](Case& c) {
           competitor(c, {.runtime = RuntimeKind::systemd_system,
                          .unit = "openclaw.service",
                          .pid = 4000,
                          .enabled = true});
           competitor(c, {.runtime = RuntimeKind::systemd_user,
                          .unit = "clawdbot-gateway.service",
                          .user = "bo",
                          .enabled = true});
         },
         {"disable openclaw.service", "stop openclaw.service", "disable clawdbot-gateway.service of user bo"},
         {}},
        {"name_port_owner", "the port is free again", [](Case&) {}, {}, {}},
        {"remove_stale_lock",
         "the process has gone",
         [](Case& c) { c.file(fmt::format("{}/gateway.state.lock", kLocks), lock(4711, 9)); },
         {"rename /home/ada/.openclaw/tmp/openclaw-1000/gateway.state.lock to "
          "gateway.state.lock.stale-20261124T051200Z"},
         {}},
        {"remove_stale_lock",
         "its pid has gone to another process; the databases beside it are no locks",
         [](Case& c) {
           c.file(fmt::format("{}/gateway.51ce2cb4.lock", kLocks), lock(4711, 9));
           c.file(fmt::format("{}/gateway.51ce2cb4.lock.sqlite", kLocks), "SQLite");
           c.host.process_runs(4711, {"/usr/sbin/nginx"});
         },
         {"rename /home/ada/.openclaw/tmp/openclaw-1000/gateway.51ce2cb4.lock to "
          "gateway.51ce2cb4.lock.stale-20261124T051200Z"},
         {}},
        {"remove_stale_lock",
         "a session's lock without a start time, held by a pid that is a stranger now",
         [](Case& c) {
           c.runs().file("/home/ada/.openclaw/agents/main/sessions/a.jsonl.lock", "{\"pid\": 4711}");
           c.host.process_runs(4711, {"/usr/sbin/nginx"});
         },
         {"rename /home/ada/.openclaw/agents/main/sessions/a.jsonl.lock to "
          "a.jsonl.lock.stale-20261124T051200Z"},
         {},
         Then::watch},
    },
    {
        down("wait_out"),
        down("wait_out_load"),
        down("wait_for_drain"),
        {"wait_for_drain", "it works", [](Case& c) { c.runs(); }, "does not drain"},
        down("wait_cooldown"),
        down("wait_time_wait"),
        down("wait_pull_window"),
        down("drained_restart"),
        down("reopen_log"),
        down("restart_channel"),
        {"reset_failed", "it runs", [](Case& c) { c.runs(); }, "nothing is to be cleared"},
        {"reset_failed", "no unit runs it", [](Case& c) { c.patient.spec.runtime = RuntimeKind::process; },
         "no systemd unit"},
        {"ask_right_scope", "the manager does not run", [](Case&) {}, "manager of user ada does not run"},
        {"restart_channel", "no channel is named", [](Case& c) { c.runs().log("[gateway] ready"); },
         "names no channel"},
        {"restart_channel", "a name that is none",
         [](Case& c) { c.runs().log("[channels/te\"le;gram] giving up after 10 restart attempts"); },
         "names no channel"},
        {"stop_competing_instance", "ours is the only one",
         [](Case& c) { competitor(c.runs(), {.pid = 811, .ours = true}); }, "no other gateway"},
        {"stop_competing_instance", "the pid has another process by now",
         [](Case& c) {
           c.runs().patient.starters.push_back({.pid = 4002, .start_ticks = 1});
           gateway_runs(c, 4002);
         },
         "no other gateway"},
        {"stop_competing_instance", "a stranger is never ended",
         [](Case& c) {
           auto ticks = c.runs().host.process_runs(4002, {"/usr/sbin/nginx"}).start_ticks;
           c.patient.starters.push_back({.pid = 4002, .start_ticks = ticks});
         },
         "no other gateway"},
        {"stop_other_poller", "it polls from somewhere else", [](Case& c) { c.runs(); }, "on this machine"},
        {"disable_competing_unit", "ours is enabled, the other is not",
         [](Case& c) {
           competitor(c, {.unit = "openclaw-gateway.service", .user = "ada", .enabled = true, .ours = true});
           competitor(c, {.unit = "openclaw.service", .pid = 4000});
         },
         "no other unit"},
        {"name_port_owner", "a stranger holds it",
         [](Case& c) {
           c.host.process_runs(500, {"/usr/sbin/nginx"}).comm = "nginx";
           c.host.listens(500, 18789).listens(500, 18789, "::1", "tcp6");
         },
         "port 18789 is held by pid 500 (nginx)"},
        {"name_port_owner", "another gateway holds it",
         [](Case& c) {
           gateway_runs(c, 500);
           c.host.listens(500, 18789);
         },
         "(openclaw-gatewa), another gateway"},
        {"name_port_owner", "it holds it itself", [](Case& c) { c.runs().host.listens(811, 18789); },
         "holds port 18789 itself"},
        {"remove_stale_lock", "the holder lives: the lock protects data",
         [](Case& c) {
           gateway_runs(c, 4711);
           c.file(fmt::format("{}/gateway.state.lock", kLocks), lock(4711, 471100));
         },
         "the holder lives: gateway.state.lock (pid 4711)"},
        {"remove_stale_lock", "nobody is named in it: that proves nothing",
         [](Case& c) { c.file(fmt::format("{}/gateway.state.lock", kLocks), "{\"owner\": 1}"); },
         "no lock of a process that has gone"},
        {"remove_stale_lock", "a link is no lock",
         [](Case& c) {
           c.file("/home/ada/elsewhere", lock(4711, 9));
           c.host.link(fmt::format("{}/gateway.state.lock", kLocks), "/home/ada/elsewhere");
         },
         "no lock of a process that has gone"},
        {"name_denied_rule", "AppArmor denied a file",
         [](Case& c) {
           c.log(R"(audit: type=1400 apparmor="DENIED" operation="open" profile="node" name="/srv/x")");
         },
         "only a person can allow what was denied: 'audit: type=1400 apparmor=\"DENIED\""},
        {"name_denied_rule", "nothing was denied", [](Case&) {}, "no line of the log"},
        {"name_blocked_path", "a destination does not answer; its key is not repeated",
         [](Case& c) { c.log("connect ETIMEDOUT 192.0.2.7:443 key sk-abcdefghijklmnopqrstuvwxyz0123"); },
         "connect ETIMEDOUT 192.0.2.7:443"},
        {"name_blocked_path", "nothing fails", [](Case&) {}, "no line of the log"},
    });

TEST(ProcessRemedies, AHungOneIsRestartedAtOnceAGrowingOneAtAQuietMoment) {
  Case c;
  c.runs().patient.cause = diagnose::Cause::oom_killer;
  EXPECT_TRUE(c.plan("drained_restart")->quiet_moment);
  c.patient.cause = diagnose::Cause::process_hang;
  EXPECT_FALSE(c.plan("drained_restart")->quiet_moment) << "no turn of it ends any more";
}

TEST(ProcessRemedies, ACompetitorMayDrainAsLongAsAGatewayDrains) {
  Case c;
  competitor(c, {.pid = 4002});
  auto treatment = c.plan("stop_competing_instance");
  ASSERT_TRUE(treatment);
  EXPECT_GE(std::get<EndProcess>(treatment->actions.front()).grace, 315s);
}

TEST(ProcessRemedies, WhatIsSaidShowsNoKey) {
  Case c;
  c.log("connect ETIMEDOUT with sk-abcdefghijklmnopqrstuvwxyz0123");
  EXPECT_EQ(c.plan("name_blocked_path").error().text().find("sk-abc"), std::string::npos);
}

}  // namespace
}  // namespace meshops::heal
