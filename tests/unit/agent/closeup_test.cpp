// A close look at a gateway on a machine of fakes: what it sees, what it hides, what it leaves out, and that
// the diagnosis of it names the right cause.
#include "agent/closeup.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/closeup_parts.h"
#include "diagnose/closeup.h"
#include "diagnose/diagnosis.h"
#include "fakes/fake_machine.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using diagnose::Cause;
using Json = nlohmann::ordered_json;

constexpr auto kUnit = "openclaw-gateway.service";
constexpr auto kState = "/home/claw/.openclaw";
constexpr auto kConfig = "/home/claw/.openclaw/openclaw.json";
constexpr auto kGood =
    R"({"gateway": {"mode": "local", "auth": {"mode": "token", "token": "very-long-word"}}, "meta": {}})";

/// What the runtime of the gateway shows.
class ShownRuntime final : public Runtime {
 public:
  ProcessView shown;
  Result<std::string> log = std::string();
  bool silent = false;  // never answers

  boost::asio::awaitable<Status> attach(std::function<void(const RuntimeEvent&)>) override { co_return ok(); }
  boost::asio::awaitable<ProcessView> view() override { co_return shown; }
  boost::asio::awaitable<Status> start() override { co_return ok(); }
  boost::asio::awaitable<Status> stop(Duration) override { co_return ok(); }
  boost::asio::awaitable<Status> kill_now() override { co_return ok(); }
  boost::asio::awaitable<Status> signal(int) override { co_return ok(); }
  boost::asio::awaitable<Result<std::string>> logs(std::size_t) override { co_return log; }
  boost::asio::awaitable<Result<std::string>> new_log() override { co_return ""; }
  std::string describe() const override { return "nobody"; }
};

/// A gateway of user claw in a system unit, down unless a test starts it.
struct CloseLook : testing::Test {
  boost::asio::io_context io{1};
  FakeMachine machine{io};
  ShownRuntime runtime;
  CloseupOf what;

  CloseLook() {
    what.spec.name = "main";
    what.spec.kind = GatewayKind::openclaw;
    what.spec.runtime = RuntimeKind::systemd_system;
    what.spec.unit = kUnit;
    what.spec.user = "claw";
    what.spec.state_dir = kState;
    // No tool of its can be run here: what would be asked of them is told apart below.
    what.spec.command = {"/nowhere/gateway-binary", "gateway"};
    what.state = "parked";
    what.summary = "given up";
    auto& host = machine.the_host;
    host.users.push_back({"claw", 1000, 1000, "/home/claw"});
    host.mounted = {{.mount_point = "/",
                     .device = "/dev/vda1",
                     .type = "ext4",
                     .bytes = 100,
                     .bytes_free = 60,
                     .inodes = 100,
                     .inodes_free = 90}};
    for (const auto* directory : {"/home", "/home/claw", kState, "/home/claw/.openclaw/state"}) {
      host.directory(directory, 0755);
      host.files[directory].info.uid = host.files[directory].info.gid = 1000;
    }
    own_file(kConfig, kGood);
    own_file("/home/claw/.openclaw/state/openclaw.sqlite", std::string("SQLite format 3\0", 16) + "pages");
    machine.system.has(kUnit, "failed", "failed");
    auto& unit = machine.system.units[kUnit];
    unit.exec_start = {"/usr/bin/node", "/opt/openclaw/dist/index.js", "gateway"};
    unit.unit_file_state = "enabled";
    unit.result = "exit-code";
  }
  FakeHost& own_file(const std::string& path, std::string bytes) {
    machine.the_host.file(path, std::move(bytes), 0600, 1000);
    machine.the_host.files[path].info.modified = machine.the_clock.wall() - std::chrono::hours(100);
    return machine.the_host;
  }
  void exited(int code) {
    what.last_exit =
        RuntimeEvent{.kind = RuntimeEvent::Kind::exited, .pid = 40, .exit = {.code = code, .signal = {}}};
  }
  void runs(pid_t pid, char state = 'S') {
    auto& p =
        machine.the_host.process_runs(pid, {"openclaw-gateway"}, "/system.slice/openclaw-gateway.service");
    p.comm = "openclaw-gatewa";
    p.state = state;
    p.uid = 1000;
    runtime.shown = {.running = true, .pid = pid, .start_ticks = p.start_ticks, .info = p};
    machine.system.units[kUnit].main_pid = pid;
    machine.system.units[kUnit].active_state = "active";
    machine.system.units[kUnit].result = "success";
  }
  Json look() { return test::run(look_closely(what, runtime, machine)); }
  /// The cause that the diagnosis of it puts first, as its name.
  std::string cause() {
    auto seen = diagnose::parse_closeup(look().dump());
    EXPECT_TRUE(seen);
    auto diagnosis = diagnose::diagnose({seen->log, seen->facts});
    return diagnosis.hypotheses.empty() ? "nothing"
                                        : std::string(diagnose::text(diagnosis.hypotheses[0].cause));
  }
};

TEST_F(CloseLook, HasEveryPartAndSaysWhoItIsOf) {
  auto json = look();
  for (const auto* part :
       {"schema", "gateway", "at", "state", "summary", "last_exit", "facts", "health", "unit", "process",
        "cgroup", "disks", "sockets", "config", "config_issues", "starters", "recent", "log", "skipped"})
    EXPECT_TRUE(json.contains(part)) << part;
  EXPECT_EQ(json["schema"], "meshops.closeup/1");
  EXPECT_EQ(json["gateway"], "main");
  EXPECT_EQ(json["unit"]["result"], "exit-code");
  EXPECT_EQ(json["config"]["parses"], true);
  EXPECT_EQ(json["config"]["databases"][0]["state"], "ok");
}

TEST_F(CloseLook, ChangesNothing) {
  look();
  EXPECT_TRUE(machine.the_host.writes.empty());
  EXPECT_TRUE(machine.system.orders.empty());
}

TEST_F(CloseLook, ShowsNoSecretOfConfigurationEnvironmentOrLog) {
  own_file(kConfig, R"({gateway: {auth: {token: "very-long-word"}}, models: {apiKey: 'little'}, } oops)");
  own_file("/home/claw/.openclaw/.env", "VENDOR_API_KEY=from-dotenv\n");
  what.spec.environment["OPENCLAW_GATEWAY_TOKEN"] = "from-environment";
  what.summary = "it said very-long-word";
  runtime.log =
      "auth failed for very-long-word\nkey little\nuse from-dotenv and from-environment\n"
      "Authorization: Bearer abcdef\nsk-ant-0123456789abcdefghij\npassword=swordfish\n";
  auto text = look().dump();
  for (const auto* secret :
       {"very-long-word", "little", "from-dotenv", "from-environment", "abcdef", "swordfish"})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
}

TEST_F(CloseLook, IsBoundedWhateverTheGatewayWrites) {
  std::string hostile;
  for (int i = 0; i < 4000; ++i) hostile += std::string(2000, i % 2 == 0 ? '\0' : '"') + "\\\xff\x1b[31m\n";
  for (int i = 0; i < 200'000; ++i) hostile += i % 400 == 0 ? "\n" : "sk- ";
  hostile += std::string(20U << 20, 'x');
  runtime.log = hostile;
  auto text = look().dump();
  EXPECT_LT(text.size(), 2U << 20);
  EXPECT_GT(text.size(), 100U << 10) << "but something is there";
}

TEST_F(CloseLook, SaysWhatItCouldNotLookAt) {
  runtime.log = fail(HostCode::not_permitted, "cannot open the journal");
  machine.system.refusals.emplace(std::string("unit ") + kUnit,
                                  error(ServiceCode::timed_out, "systemd does not answer"));
  auto skipped = look()["skipped"].dump();
  EXPECT_NE(skipped.find("log: cannot open the journal"), std::string::npos) << skipped;
  EXPECT_NE(skipped.find("unit: systemd does not answer"), std::string::npos) << skipped;
}

TEST_F(CloseLook, OfAHealthyGatewayNamesNoCause) {
  runs(50);
  machine.the_host.listens(50, 18789);
  for (auto layer : kLayers) what.health[layer].state = LayerState::ok;
  machine.the_host.file("/proc/loadavg", "9.00 9 9 1/2 3\n");
  machine.the_host.file("/proc/stat", "cpu 1\ncpu0 1\ncpu1 1\n");
  machine.the_host.file("/proc/pressure/cpu", "some avg10=0.00 avg60=2.00 avg300=0.00 total=1\n");
  machine.the_host.file("/sys/fs/cgroup/system.slice/openclaw-gateway.service/memory.peak", "1000");
  machine.the_host.file("/sys/fs/cgroup/system.slice/openclaw-gateway.service/memory.max", "1000");
  exited(1);
  what.last_exit_at = machine.the_clock.wall() - 48h;
  runtime.log = "2026-11-24T05:00:00.000Z [gateway] ready\n";
  EXPECT_EQ(cause(), "nothing");
}

TEST_F(CloseLook, ABusyMachineAccusesOnlyOneThatDoesNotAnswerInTime) {
  runs(50);
  machine.the_host.listens(50, 18789);
  machine.the_host.file("/proc/loadavg", "9.00 9 9 1/2 3\n");
  machine.the_host.file("/proc/stat", "cpu 1\ncpu0 1\ncpu1 1\n");
  machine.the_host.file("/proc/pressure/cpu", "some avg10=90.00 avg60=90.00 avg300=0.00 total=1\n");
  runtime.log = "2026-11-24T05:00:00.000Z [gateway] ready\n";
  EXPECT_EQ(cause(), "cpu_starvation");
  for (auto layer : kLayers) what.health[layer].state = LayerState::ok;
  EXPECT_EQ(cause(), "nothing");
  EXPECT_EQ(look()["cgroup"]["load"], 9.0) << "people may want to see it all the same";
}

TEST_F(CloseLook, ADeadGatewaysPortHeldByAStranger) {
  exited(1);
  machine.the_host.process_runs(811, {"nginx"}, "/system.slice/nginx.service");
  machine.the_host.listens(811, 18789);
  EXPECT_EQ(cause(), "port_conflict");
  EXPECT_EQ(look()["sockets"][0]["holders"][0]["comm"], "nginx");
}

TEST_F(CloseLook, AStrangerThatIsANodeProgramIsNoGateway) {
  exited(1);
  machine.the_host.process_runs(811, {"node", "/srv/app.js"}, "/system.slice/app.service").comm = "node";
  machine.the_host.listens(811, 18789);
  EXPECT_EQ(cause(), "port_conflict");
}

TEST_F(CloseLook, ADeadGatewaysPortHeldByAnotherGateway) {
  exited(1);
  machine.the_host
      .process_runs(77, {"openclaw-gateway"}, "/user.slice/user@1000.service/app.slice/old.service")
      .comm = "openclaw-gatewa";
  machine.the_host.listens(77, 18789);
  machine.the_net.answer("GET /healthz", 200, R"({"ok":true})");
  EXPECT_EQ(cause(), "duplicate_supervisor");
}

TEST_F(CloseLook, TwoUnitsOfOneState) {
  exited(1);
  machine.system.has("clawdbot-gateway.service", "active", "running", 60);
  auto& other = machine.system.units["clawdbot-gateway.service"];
  other.exec_start = {"/usr/bin/node", "/opt/openclaw/dist/index.js", "gateway"};
  other.environment = {std::string("OPENCLAW_STATE_DIR=") + kState};
  other.unit_file_state = "enabled";
  auto json = look();
  ASSERT_EQ(json["starters"].size(), 2U) << json["starters"].dump(1);
  std::size_t ours = 0;
  for (const auto& s : json["starters"]) ours += s["ours"] == true ? 1U : 0U;
  EXPECT_EQ(ours, 1U);
  EXPECT_EQ(cause(), "duplicate_supervisor");
}

TEST_F(CloseLook, AUnitThatWasPutAsideStartsNothing) {
  machine.system.has("openclaw-old.service", "inactive", "dead");
  auto& other = machine.system.units["openclaw-old.service"];
  other.exec_start = {"/usr/bin/node", "/opt/openclaw/dist/index.js", "gateway"};
  other.environment = {std::string("OPENCLAW_STATE_DIR=") + kState};
  other.unit_file_state = "disabled";
  auto json = look();
  EXPECT_EQ(json["starters"].size(), 2U) << "it is shown";
  EXPECT_EQ(json["facts"]["starters"].size(), 1U) << "and does not count";
}

constexpr auto kMissingMode =
    "2026-11-24T05:39:00.000Z Gateway start blocked: existing config is missing gateway.mode. Treat this as "
    "clobbered.\n";

// T2: of a file that does not parse the gateway says that gateway.mode is missing.
TEST_F(CloseLook, AConfigurationThatDoesNotParseWhateverTheGatewaySays) {
  exited(78);
  runtime.log = kMissingMode;
  for (const auto* broken : {"{\"gateway\": {\"mode\": \"local\"} \"port\": 1}", "{\"gateway\": {", ""}) {
    own_file(kConfig, broken);
    EXPECT_EQ(cause(), "config_schema_invalid") << broken;
  }
  own_file(kConfig, "{\n  \"gateway\": oops\n}");
  auto config = look()["config"];
  EXPECT_EQ(config["parses"], false);
  EXPECT_EQ(config["line"], 2);
  EXPECT_EQ(config["column"], 14);
}

TEST_F(CloseLook, AConfigurationWithoutModeOrNone) {
  exited(78);
  runtime.log = kMissingMode;
  own_file(kConfig, "{}");
  EXPECT_EQ(cause(), "config_startup_guard");
  machine.the_host.files.erase(kConfig);
  EXPECT_EQ(cause(), "config_startup_guard");
}

TEST_F(CloseLook, AConfigurationOfANewerVersion) {
  exited(1);
  machine.the_host.file("/opt/openclaw/package.json", R"({"name": "openclaw", "version": "2026.9.6"})", 0644);
  what.spec.command = {"/nowhere/gateway-binary", "/opt/openclaw/openclaw.mjs", "gateway"};
  own_file(kConfig, R"({"gateway": {"mode": "local"}, "meta": {"lastTouchedVersion": "2026.10.1"}})");
  EXPECT_EQ(cause(), "version_skew");
}

TEST_F(CloseLook, ADatabaseOfNoBytesAndOneThatIsNone) {
  own_file("/home/claw/.openclaw/state/openclaw.sqlite", "");
  EXPECT_EQ(cause(), "sqlite_fault");
  own_file("/home/claw/.openclaw/state/openclaw.sqlite", "garbage in front of pages");
  EXPECT_EQ(cause(), "sqlite_fault");
}

TEST_F(CloseLook, ADatabaseThatIsJustBeingMadeIsNoFault) {
  own_file("/home/claw/.openclaw/state/openclaw.sqlite", "");
  own_file("/home/claw/.openclaw/state/openclaw.sqlite-wal", "everything");
  own_file("/home/claw/.openclaw/state/gateway.lock.sqlite", "");
  EXPECT_FALSE(look()["facts"].contains("database_fault"));
}

TEST_F(CloseLook, StateOfAnotherUser) {
  exited(78);
  runtime.log = "gateway requires state migration. Stop the service and run doctor.\n";
  auto& state = machine.the_host.files["/home/claw/.openclaw/state"].info;
  state.uid = state.gid = 0;
  state.mode = 0700;
  EXPECT_EQ(cause(), "file_permission");
  EXPECT_NE(look()["facts"]["no_access"].dump().find("claw cannot use it"), std::string::npos);
}

TEST_F(CloseLook, AGroupMayLetAUserInSoNothingIsClaimed) {
  auto& config = machine.the_host.files[kConfig].info;
  config.uid = 0;
  config.gid = 500;
  config.mode = 0640;
  EXPECT_FALSE(look()["facts"].contains("no_access"));
}

TEST_F(CloseLook, AFullDiskInodesAndAReadOnlyMount) {
  exited(78);
  runtime.log =
      "Gateway failed to start: database is not open | gateway.maintenance_required | ERR_INVALID_STATE.\n";
  auto& disk = machine.the_host.mounted[0];
  disk.bytes_free = 0;
  EXPECT_EQ(cause(), "disk_full");
  disk.bytes_free = 60;
  disk.inodes_free = 0;
  EXPECT_EQ(cause(), "inode_exhaustion");
  disk.inodes_free = 60;
  disk.read_only = true;
  EXPECT_EQ(cause(), "storage_fault");
}

TEST_F(CloseLook, KilledForMemoryOrOutOfTasks) {
  exited(137);
  std::string cgroup = "/sys/fs/cgroup/system.slice/openclaw-gateway.service/";
  machine.the_host.file(cgroup + "memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\n");
  EXPECT_EQ(cause(), "oom_killer");
  machine.the_host.file(cgroup + "memory.events", "oom_kill 0\n");
  exited(1);
  machine.the_host.file(cgroup + "pids.current", "512").file(cgroup + "pids.max", "512");
  EXPECT_EQ(cause(), "resource_limit");
}

TEST_F(CloseLook, TheKernelsWordOnItsOwnEndOnly) {
  exited(137);
  what.last_exit->pid = 4711;
  machine.the_host.log = {
      {.at = machine.the_clock.wall(), .message = "Out of memory: Killed process 99 (chrome) total-vm:1kB"}};
  EXPECT_EQ(look()["log"], "");
  machine.the_host.log[0].message =
      "Memory cgroup out of memory: Killed process 4711 (openclaw-gatewa) total-vm:1kB";
  EXPECT_EQ(cause(), "oom_killer");
}

TEST_F(CloseLook, AWatchdogThatTheGatewayNeverAnswers) {
  machine.system.units[kUnit].result = "watchdog";
  machine.system.units[kUnit].watchdog = 30s;
  what.last_exit = RuntimeEvent{.kind = RuntimeEvent::Kind::exited, .exit = {.code = {}, .signal = 6}};
  runtime.log =
      "openclaw-gateway.service: Watchdog timeout (limit 30s)!\n"
      "openclaw-gateway.service: Main process exited, code=dumped, status=6/ABRT\n"
      "openclaw-gateway.service: Failed with result 'watchdog'.\n";
  EXPECT_EQ(cause(), "unit_misconfigured");
}

TEST_F(CloseLook, AFrozenProcess) {
  runs(50, 'T');
  machine.the_host.listens(50, 18789);
  EXPECT_EQ(cause(), "process_hang");
}

TEST_F(CloseLook, AUsersManagerOutOfReach) {
  what.spec.runtime = RuntimeKind::systemd_user;
  what.spec.user = "root";  // one that every machine has
  machine.of_users["root"].refusals.emplace(std::string("unit ") + kUnit,
                                            error(ServiceCode::no_bus, "no bus of user root"));
  EXPECT_EQ(cause(), "user_session_bus");
  machine.the_host.file("/var/lib/systemd/linger/root", "");
  EXPECT_FALSE(look()["facts"].contains("linger"));
}

TEST_F(CloseLook, AClockThatWentBack) {
  machine.the_host.files[kConfig].info.modified = machine.the_clock.wall() + 24h;
  EXPECT_EQ(cause(), "clock_skew");
}

TEST_F(CloseLook, ItsOwnFileLogWhereTheConsoleIsEmptyButOnlyOfItsUser) {
  own_file(kConfig, R"({"gateway": {"mode": "local"}, "logging": {"file": "/var/log/claw.log"}})");
  own_file("/var/log/claw.log", "told to the file\n");
  EXPECT_EQ(look()["log"], "told to the file\n");
  machine.the_host.files["/var/log/claw.log"].info.uid = 0;
  EXPECT_EQ(look()["log"], "") << "the gateway cannot make root read out another's file";
}

TEST_F(CloseLook, WhatChangedLatelyNewestFirst) {
  auto now = machine.the_clock.wall();
  machine.the_host.files[kConfig].info.modified = now - 2h;
  machine.system.units[kUnit].drop_ins = {"/etc/systemd/system/x.d/limit.conf"};
  own_file("/etc/systemd/system/x.d/limit.conf", "[Service]\n")
      .files["/etc/systemd/system/x.d/limit.conf"]
      .info.modified = now - 1h;
  auto recent = look()["recent"];
  ASSERT_EQ(recent.size(), 2U) << recent.dump(1);
  EXPECT_EQ(recent[0]["what"], "drop-in /etc/systemd/system/x.d/limit.conf was written");
}

TEST_F(CloseLook, ATemporaryDirectoryCountsAsADisk) {
  machine.the_host.mounted.push_back(
      {.mount_point = "/tmp", .device = "tmpfs", .type = "tmpfs", .bytes = 10, .bytes_free = 0});
  EXPECT_EQ(look()["facts"]["disk"], 100.0);
}

/// A program that can really be run, as the test's own user.
struct CloseLookWithTools : CloseLook {
  TempDir directory;
  CloseLookWithTools() { what.spec.user = own_account().name; }
  std::string program(const std::string& name, const std::string& script) {
    auto path = directory.path / name;
    EXPECT_TRUE(write_file_atomic(path, "#!/bin/sh\n" + script, {.mode = 0755, .uid = {}, .gid = {}}));
    return path;
  }
};

TEST_F(CloseLookWithTools, ANodeThatTheProgramDoesNotTake) {
  exited(1);
  machine.the_host.file(
      "/opt/openclaw/package.json",
      R"({"name": "openclaw", "version": "2026.9.6", "engines": {"node": ">=24.16.0 <25"}})", 0644);
  what.spec.command = {program("node", "echo v20.20.2"), "/opt/openclaw/openclaw.mjs", "gateway"};
  EXPECT_EQ(cause(), "runtime_mismatch");
  what.spec.command[0] = program("node", "echo v24.17.0");
  auto facts = look()["facts"];
  EXPECT_EQ(facts["versions"]["node"], "24.17.0");
  EXPECT_FALSE(facts.contains("runtime_unfit"));
  what.spec.command[0] = (directory.path / "gone" / "node").string();
  EXPECT_EQ(cause(), "runtime_mismatch");
}

TEST_F(CloseLookWithTools, ItsOwnValidationIsAskedAfterAPuzzlingExitOnly) {
  what.spec.command = {program("openclaw-cli", R"(
echo "a warning"
echo '{"valid":false,"issues":[{"path":"discovery","message":"Unrecognized key: \"foo\" sk-ant-0123456789abcdefghij"}]}'
exit 1)"),
                       "gateway"};
  exited(1);
  EXPECT_EQ(look()["config_issues"].size(), 0U);
  exited(78);
  auto json = look();
  EXPECT_EQ(json["config_issues"][0]["path"], "discovery") << json["skipped"].dump();
  EXPECT_EQ(json.dump().find("0123456789abc"), std::string::npos);
  EXPECT_EQ(cause(), "config_schema_invalid");
}

TEST(KernelLines, OfOtherDisksAndOtherProgramsDoNotConcernIt) {
  auto concerns = [](std::string_view line) {
    return closeup::concerns(line, 4711, "openclaw-gateway.service", "/dev/vda1");
  };
  EXPECT_TRUE(concerns("EXT4-fs error (device vda1): ext4_find_entry: reading directory"));
  EXPECT_FALSE(concerns("EXT4-fs error (device sdb1): ext4_find_entry: reading directory"));
  EXPECT_TRUE(concerns("Buffer I/O error on dev vda1, logical block 7"));
  EXPECT_TRUE(concerns(
      "oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/system.slice/openclaw-gateway.service,pid=9"));
  EXPECT_FALSE(concerns("oom-kill:constraint=CONSTRAINT_NONE,task=chrome,pid=99"));
  EXPECT_TRUE(concerns("node[4711]: segfault at 0 ip 0 sp 0 error 4"));
  EXPECT_FALSE(concerns("usb 1-1: new high-speed USB device number 5"));
}

TEST(Validation, IsAskedOfTheSameProgram) {
  EXPECT_EQ(
      validate_command({"/usr/bin/node", "--max-old-space-size=9", "/o/index.js", "gateway", "--port", "1"}),
      (std::vector<std::string>{"/usr/bin/node", "--max-old-space-size=9", "/o/index.js", "config",
                                "validate", "--json"}));
  EXPECT_TRUE(validate_command({"python3", "standin.py"}).empty());
  EXPECT_TRUE(validate_command({"gateway"}).empty());
}

TEST(Validation, IssuesAreTakenOutOfWhatItPrints) {
  auto issues = config_issues_in(
      "warning in front\n"
      R"({"valid":false,"issues":[{"path":"a.api","message":"Invalid option","allowedValues":["x","y"]},{"path":3},7]})");
  ASSERT_EQ(issues.size(), 2U);
  EXPECT_EQ(issues[0]["path"], "a.api");
  EXPECT_EQ(issues[0]["allowed"].size(), 2U);
  for (const auto* bad : {"", "{", "nothing", "[]", R"({"issues": 3})", R"({"valid": true})"})
    EXPECT_EQ(config_issues_in(bad).size(), 0U) << bad;
}

}  // namespace
}  // namespace meshops
