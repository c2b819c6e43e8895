// Remedies for systemd units: what is wrong goes into a drop-in of our own; Node.js is told by files.
#include <gtest/gtest.h>

#include "heal/node_search.h"
#include "patient.h"

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;
using Then = Treatment::Then;
constexpr std::string_view kHead = "# Written by meshops; take it back with: meshops undo\n[Service]\n";

std::string drop_in(std::string_view topic) {
  return fmt::format("/home/ada/.config/systemd/user/openclaw-gateway.service.d/zz-meshops-{}.conf", topic);
}
std::vector<std::string> steps(std::string_view topic, std::string_view settings) {
  return {"reload the units of systemd of user ada",
          fmt::format("write the new file {} ({} B)", drop_in(topic), kHead.size() + settings.size()),
          "reload the units of systemd of user ada"};
}
std::vector<std::pair<std::string, std::string>> content(std::string_view topic, std::string_view settings) {
  return {{drop_in(topic), std::string(kHead) + std::string(settings)}};
}
Fits setting(std::string_view id, std::string_view claim, std::function<void(Case&)> arrange,
             std::string_view topic, std::string_view settings, Then then = Then::start) {
  return {id, claim, std::move(arrange), steps(topic, settings), content(topic, settings), then};
}
void node(Case& c, const std::string& version) {
  auto path = fmt::format("/opt/node-v{}-linux-x64/bin/node", version);
  c.file(path,
         "\x7f"
         "ELF",
         {}, 0);
  c.host.files[path].info.mode = 0755;
}
void memory(Case& c, std::uint64_t gib) {
  c.file("/proc/meminfo", fmt::format("MemTotal:       {} kB\nMemFree:  1 kB\n", gib << 20U), {}, 0);
}
void sysctl(Case& c, const std::string& key, std::string_view value) {
  c.file("/proc/sys/" + key, std::string(value) + "\n", {}, 0);
}
constexpr std::string_view kExec =
    "ExecStart=/opt/node-v20.1.0-linux-x64/bin/node --max-old-space-size=4096 "
    "/opt/oc/openclaw/dist/index.js gateway --port 18789\n";

const bool kAdded = add(
    {
        setting(
            "raise_stop_timeout", "systemd's own 90 s", [](Case& c) { c.unit("ExecStart=/x\n").runs(); },
            "stop", "TimeoutStopSec=330\n", Then::watch),
        setting(
            "write_unit_drop_in", "WatchdogSec kills the warm-up",
            [](Case& c) {
              c.unit("ExecStart=/bin/sh\nWatchdogSec=30\n")
                  .file("/bin/sh", "")
                  .log("systemd[1]: openclaw-gateway.service: Watchdog timeout (limit 30s)!");
            },
            "unit", "WatchdogSec=0\n"),
        setting(
            "write_unit_drop_in", "Type=notify never hears that it is ready",
            [](Case& c) {
              c.unit("Type=notify\nExecStart=/bin/sh\n")
                  .file("/bin/sh", "")
                  .log("openclaw-gateway.service: start operation timed out. Terminating.");
            },
            "unit", "Type=simple\n"),
        setting(
            "write_unit_drop_in", "node and the directory are gone; another node is there",
            [](Case& c) {
              c.unit(std::string(kExec) + "WorkingDirectory=/srv/gone\n");
              node(c, "26.10.0");
            },
            "unit",
            "WorkingDirectory=/home/ada\nExecStart=\nExecStart=/opt/node-v26.10.0-linux-x64/bin/node "
            "--max-old-space-size=4096 /opt/oc/openclaw/dist/index.js gateway --port 18789\n"),
        setting(
            "install_runtime", "the newest one that fits is taken, as the installed gateway asks",
            [](Case& c) {
              c.unit(std::string(kExec));
              for (auto version : {"20.1.0", "24.16.1", "24.17.0", "25.1.0", "26.0.9"}) node(c, version);
              c.file("/opt/oc/openclaw/package.json",
                     R"({"name":"openclaw","engines":{"node":">=24.16.0 <25 || >=26.1.0"}})");
            },
            "node",
            "ExecStart=\nExecStart=/opt/node-v24.17.0-linux-x64/bin/node --max-old-space-size=4096 "
            "/opt/oc/openclaw/dist/index.js gateway --port 18789\n"),
        setting(
            "install_runtime", "the script's first line asks for a node that the unit's PATH lacks",
            [](Case& c) {
              c.unit("ExecStart=/usr/local/bin/openclaw gateway\n").file("/usr/local/bin/openclaw", "");
              node(c, "26.10.0");
            },
            "node",
            "ExecStart=\nExecStart=/opt/node-v26.10.0-linux-x64/bin/node /usr/local/bin/openclaw gateway\n"),
        setting(
            "raise_heap_limit", "twice as much fits into half of the memory",
            [](Case& c) {
              c.unit(std::string(kExec));
              memory(c, 32);
            },
            "heap",
            "ExecStart=\nExecStart=/opt/node-v20.1.0-linux-x64/bin/node --max-old-space-size=8192 "
            "/opt/oc/openclaw/dist/index.js gateway --port 18789\n"),
        setting(
            "raise_heap_limit", "none was set; the machine is small",
            [](Case& c) {
              c.unit("ExecStart=/usr/bin/node /opt/oc/index.js gateway\n").runs();
              memory(c, 3);
            },
            "heap",
            "ExecStart=\nExecStart=/usr/bin/node --max-old-space-size=1536 /opt/oc/index.js gateway\n",
            Then::restart),
        setting(
            "raise_memory_limit", "the unit allows 512 MB",
            [](Case& c) {
              c.unit("ExecStart=/x\nMemoryMax=512M\n");
              memory(c, 8);
            },
            "memory", "MemoryMax=2048M\n"),
        setting(
            "raise_limit", "too many open files",
            [](Case& c) {
              c.unit("ExecStart=/x\nLimitNOFILE=1024:4096\n").log("Error: EMFILE: too many open files");
            },
            "limits", "LimitNOFILE=65536\n"),
        {"raise_limit",
         "too many watches",
         [](Case& c) {
           c.runs().log("Error: ENOSPC: System limit for number of file watchers reached");
           sysctl(c, "fs/inotify/max_user_watches", "8192");
         },
         {"write the new file /etc/sysctl.d/60-meshops-inotify.conf (35 B)",
          "run (at most 30s): sysctl -w fs.inotify.max_user_watches=524288"},
         {{"/etc/sysctl.d/60-meshops-inotify.conf", "fs.inotify.max_user_watches=524288\n"}},
         Then::watch},
        {"enable_linger",
         "the user's manager ends with the login",
         [](Case&) {},
         {"run (at most 30s): loginctl enable-linger ada"},
         {}},
    },
    {
        {"raise_stop_timeout", "it is long enough",
         [](Case& c) { c.unit("ExecStart=/x\nTimeoutStopSec=330\n"); }, "gives it 5 min"},
        {"raise_stop_timeout", "a drop-in says so already",
         [](Case& c) {
           c.unit("ExecStart=/x\n")
               .file("/home/ada/.config/systemd/user/openclaw-gateway.service.d/10-own.conf",
                     "[Service]\nTimeoutStopSec=10min\n");
         },
         "gives it 10 min"},
        {"raise_stop_timeout", "no unit", [](Case& c) { c.patient.spec.runtime = RuntimeKind::process; },
         "no systemd unit"},
        {"write_unit_drop_in", "WatchdogSec is set and did no harm",
         [](Case& c) { c.unit("ExecStart=/bin/sh\nWatchdogSec=30\n").file("/bin/sh", ""); },
         "nothing in the unit"},
        {"write_unit_drop_in", "the unit cannot be found", [](Case&) {},
         "no file of openclaw-gateway.service"},
        {"install_runtime", "no other node fits",
         [](Case& c) {
           c.unit(std::string(kExec));
           node(c, "20.1.0");
           node(c, "25.9.0");
         },
         "no Node.js that fits '>=24.16.0 <25 || >=26.1.0' was found"},
        {"install_runtime", "the one that fits can be replaced by anybody",
         [](Case& c) {
           c.unit(std::string(kExec));
           node(c, "26.10.0");
           c.host.files["/opt/node-v26.10.0-linux-x64/bin/node"].info.mode = 0777;
         },
         "no Node.js that fits"},
        {"install_runtime", "the one in use fits",
         [](Case& c) {
           c.unit("ExecStart=/opt/node-v26.10.0-linux-x64/bin/node /opt/oc/openclaw/dist/index.js gateway\n");
           node(c, "26.10.0");
         },
         "/opt/node-v26.10.0-linux-x64/bin/node fits"},
        {"install_runtime", "mesh.toml names the command", [](Case& c) { c.patient.spec.unit.clear(); },
         "no systemd unit"},
        {"raise_heap_limit", "half of the memory is reached",
         [](Case& c) {
           c.unit(std::string(kExec));
           memory(c, 8);
         },
         "4096 MiB is half"},
        {"raise_memory_limit", "the unit has no limit: the machine's own memory ran out",
         [](Case& c) {
           c.unit("ExecStart=/x\nMemoryMax=infinity\n");
           memory(c, 8);
         },
         "no memory limit of the unit"},
        {"raise_limit", "it may open enough: it leaks",
         [](Case& c) { c.unit("ExecStart=/x\nLimitNOFILE=524288\n").log("EMFILE"); }, "524288 files already"},
        {"raise_limit", "watches are plenty",
         [](Case& c) {
           c.log("inotify");
           sysctl(c, "fs/inotify/max_user_watches", "1048576");
         },
         "is 1048576 already"},
        {"enable_linger", "it is enabled", [](Case& c) { c.file("/var/lib/systemd/linger/ada", ""); },
         "enabled for ada already"},
        {"enable_linger", "a system unit needs none",
         [](Case& c) { c.patient.spec.runtime = RuntimeKind::systemd_system; }, "no user's manager"},
        {"enable_linger", "a name that would be an option", [](Case& c) { c.patient.spec.user = "--all"; },
         "no name of a user"},
    });

TEST(UnitRemedies, TakenBackInReverseTheyEndWithAReload) {
  Case c;
  c.unit("ExecStart=/x\n").patient.consent = {"raise_stop_timeout"};
  auto treatment = c.plan("raise_stop_timeout");
  ASSERT_TRUE(treatment);
  std::vector<std::string> undone;
  for (auto it = treatment->actions.rbegin(); it != treatment->actions.rend(); ++it) {
    auto back = inverse(*it);
    ASSERT_TRUE(back);
    for (const auto& action : *back) undone.push_back(describe(action).substr(0, 10));
  }
  EXPECT_EQ(undone, (std::vector<std::string>{"reload the", "take /home", "reload the"}));
}

TEST(UnitRemedies, AUsersDropInBelongsToTheUserASystemsToRoot) {
  Case c;
  c.unit("ExecStart=/x\n").patient.consent = {"raise_stop_timeout"};
  auto access = [&c] { return std::get<WriteFile>(c.plan("raise_stop_timeout")->actions[1]).after->access; };
  EXPECT_EQ(access(), (Access{0644, 1000, 1000}));
  c.patient.spec.runtime = RuntimeKind::systemd_system;
  c.file("/usr/lib/systemd/system/openclaw-gateway.service", "[Service]\nExecStart=/x\n", {}, 0);
  EXPECT_EQ(access(), (Access{0644, 0, 0}));
  EXPECT_EQ(std::get<WriteFile>(c.plan("raise_stop_timeout")->actions[1]).path,
            "/etc/systemd/system/openclaw-gateway.service.d/zz-meshops-stop.conf");
}

TEST(NodeSearch, ReadsRangesAsNpmDoes) {
  auto fits_range = [](std::string_view version, std::string_view range) {
    return fits(*parse_node_version(version), range);
  };
  for (auto version : {"24.16.0", "24.99.1", "26.1.0", "27.0.0"})
    EXPECT_TRUE(fits_range(version, ">=24.16.0 <25 || >=26.1.0")) << version;
  for (auto version : {"20.1.0", "24.15.9", "25.0.0", "26.0.9"})
    EXPECT_FALSE(fits_range(version, ">=24.16.0 <25 || >=26.1.0")) << version;
  EXPECT_TRUE(fits_range("22.4.0", "^22.1.0"));
  EXPECT_FALSE(fits_range("23.0.0", "^22.1.0"));
  for (auto range : {"", "||", "latest", ">=x", ">=1.2.3.4"})
    EXPECT_FALSE(fits_range("26.1.0", range)) << range;
}

TEST(NodeSearch, TellsTheVersionByThePathTheHeaderOrThePackage) {
  Case c;
  auto told = [&c](const char* path) {
    auto v = version_of_node(path, c.host);
    return v ? fmt::format("{}.{}.{}", (*v)[0], (*v)[1], (*v)[2]) : std::string("?");
  };
  EXPECT_EQ(told("/home/ada/.nvm/versions/node/v22.3.1/bin/node"), "22.3.1");
  c.file("/usr/include/node/node_version.h",
         "#define NODE_MAJOR_VERSION 18\n#define NODE_MINOR_VERSION 19\n#define NODE_PATCH_VERSION 0\n");
  EXPECT_EQ(told("/usr/bin/node"), "18.19.0");
  c.file("/srv/node_modules/node/package.json", R"({"name":"node","version":"26.10.0"})");
  EXPECT_EQ(told("/srv/node_modules/node/bin/node"), "26.10.0");
  EXPECT_EQ(told("/usr/local/bin/node"), "?");
}

}  // namespace
}  // namespace meshops::heal
