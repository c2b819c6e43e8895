// Remedies for owners, modes and databases: only below the state, and a backup first.
#include <gtest/gtest.h>

#include "patient.h"

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;
using Then = Treatment::Then;
const std::string kState = "/home/ada/.openclaw";
const std::string kShared = kState + "/state/openclaw.sqlite";
const std::string kAgent = kState + "/agents/main/agent/openclaw-agent.sqlite";
const std::string kHealthy("SQLite format 3\0 and so on", 26);

void owned(Case& c, const std::string& path, mode_t mode, uid_t uid, bool directory = false) {
  if (directory)
    c.host.directory(path, mode);
  else
    c.host.file(path, "x", mode, uid);
  c.own(path, uid);
}
void snapshot(Case& c, const std::string& name, std::string_view database, std::string_view created,
              std::uint64_t size = 26) {
  auto directory = "/home/ada/Backups/openclaw-sqlite/" + name;
  c.file(directory + "/database.sqlite", kHealthy)
      .file(directory + "/manifest.json",
            fmt::format(R"({{"schemaVersion":1,"snapshotId":"{}","createdAt":"{}","database":{},)"
                        R"("artifact":{{"path":"database.sqlite","sha256":"0","sizeBytes":{}}}}})",
                        name, created, database, size));
}
constexpr std::string_view kGlobal = R"({"role":"global","basename":"openclaw.sqlite","userVersion":18})";

const bool kAdded = add(
    {
        {"correct_ownership",
         "a command run with sudo left root's files behind",
         [](Case& c) {
           owned(c, kState + "/state", 0700, 0, true);
           owned(c, kShared, 0600, 0);
           owned(c, kState + "/workspace", 0700, 1000, true);
           owned(c, kState + "/workspace/by-root.md", 0644, 0);
           owned(c, kState + "/workspace/shared.md", 0644, 1005);
         },
         {"set /home/ada/.openclaw/state from owner 0:0 to 1000:1000",
          "set /home/ada/.openclaw/state/openclaw.sqlite from owner 0:0 to 1000:1000",
          "set /home/ada/.openclaw/workspace/by-root.md from owner 0:0 to 1000:1000"},
         {}},
        {"correct_ownership",
         "nothing in it may be written, and a file was made setuid",
         [](Case& c) {
           owned(c, kState, 0500, 1000, true);
           owned(c, std::string(kConfig), 0400, 1000);
           owned(c, kState + "/odd", 04755, 0);
           c.runs();
         },
         {"set /home/ada/.openclaw from mode 0500 to 0700",
          "set /home/ada/.openclaw/odd from mode 4755 to 0755 from owner 0:0 to 1000:1000",
          "set /home/ada/.openclaw/openclaw.json from mode 0400 to 0600"},
         {},
         Then::watch},
        {"correct_key_modes",
         "others may write the keys",
         [](Case& c) {
           owned(c, "/home/ada/.ssh", 0700, 1000, true);
           owned(c, "/home/ada/.ssh/authorized_keys", 0664, 0);
           c.log(
               "sshd[99]: Authentication refused: bad ownership or modes for file "
               "/home/ada/.ssh/authorized_keys");
         },
         {"set /home/ada/.ssh/authorized_keys from mode 0664 to 0644 from owner 0:0 to 1000:1000"},
         {}},
        {"restore_database",
         "the newest snapshot of its own tool; fetched before anything is set aside",
         [](Case& c) {
           c.file(kShared, "garbage!").file(kShared + "-wal", "w");
           snapshot(c, "s1", kGlobal, "2026-11-20T03:00:00.000Z");
           snapshot(c, "s2", kGlobal, "2026-11-23T03:00:00.000Z");
           snapshot(c, "s3", kGlobal, "2026-11-24T03:00:00.000Z", 27);  // cut off: it has 26 bytes
           snapshot(c, "s4", R"({"role":"agent","agentId":"main"})", "2026-11-24T03:00:00.000Z");
         },
         {"run as ada (at most 5m): node index.js backup sqlite restore "
          "/home/ada/Backups/openclaw-sqlite/s2 --target "
          "/home/ada/.openclaw/state/openclaw.sqlite.restored-20261124T051200Z",
          "rename /home/ada/.openclaw/state/openclaw.sqlite to openclaw.sqlite.damaged-20261124T051200Z",
          "rename /home/ada/.openclaw/state/openclaw.sqlite-wal to "
          "openclaw.sqlite-wal.damaged-20261124T051200Z",
          "rename /home/ada/.openclaw/state/openclaw.sqlite.restored-20261124T051200Z to openclaw.sqlite"},
         {}},
        {"restore_database",
         "T8: a file of no bytes; only an archive is there",
         [](Case& c) {
           c.file(kShared, "")
               .file("/home/ada/2026-11-20T03-00-00.000+00-00-openclaw-backup.tar.gz", "gz", 4 * 24h);
           c.file("/home/ada/2026-11-02T03-00-00.000+00-00-openclaw-backup.tar.gz", "gz", 22 * 24h);
         },
         {"run as ada (at most 10m): node index.js backup restore "
          "/home/ada/2026-11-20T03-00-00.000+00-00-openclaw-backup.tar.gz --target "
          "/home/ada/openclaw-restored-20261124T051200Z",
          "rename /home/ada/.openclaw/state/openclaw.sqlite to openclaw.sqlite.damaged-20261124T051200Z",
          "move "
          "/home/ada/openclaw-restored-20261124T051200Z/2026-11-20T03-00-00.000+00-00-openclaw-backup/"
          "payload/"
          "posix/home/ada/.openclaw/state/openclaw.sqlite to /home/ada/.openclaw/state/openclaw.sqlite"},
         {}},
        {"restore_database",
         "pages of an agent's database are destroyed: only the log knows",
         [](Case& c) {
           c.file(kShared, kHealthy)
               .file(kAgent, kHealthy)
               .log("- Skipped agent database migration for main: Error: database disk image is malformed");
           snapshot(c, "s4", R"({"role":"agent","agentId":"main"})", "2026-11-24T03:00:00.000Z");
         },
         {"run as ada (at most 5m): node index.js backup sqlite restore "
          "/home/ada/Backups/openclaw-sqlite/s4 --target "
          "/home/ada/.openclaw/agents/main/agent/openclaw-agent.sqlite.restored-20261124T051200Z",
          "rename /home/ada/.openclaw/agents/main/agent/openclaw-agent.sqlite to "
          "openclaw-agent.sqlite.damaged-20261124T051200Z",
          "rename /home/ada/.openclaw/agents/main/agent/openclaw-agent.sqlite.restored-20261124T051200Z to "
          "openclaw-agent.sqlite"},
         {}},
        {"run_migration",
         "it asks for one, and nothing else is wrong",
         [](Case& c) {
           c.log("gateway requires state migration. Stop the service and run openclaw doctor --fix")
               .host.directory("/home/ada/Backups");
         },
         {"run as ada (at most 10m): node index.js backup create --output /home/ada/Backups --verify",
          "run as ada (at most 5m): node index.js doctor --fix --non-interactive"},
         {}},
    },
    {
        {"correct_ownership", "all is as it should be", [](Case&) {}, "every file of its state is its own"},
        {"correct_ownership", "it runs as root",
         [](Case& c) {
           owned(c, kState + "/x", 0600, 1001);
           c.patient.owner = {"root", 0, 0, "/root"};
         },
         "runs as root"},
        {"correct_ownership", "a link to root's files is not followed",
         [](Case& c) {
           owned(c, "/etc/shadow", 0600, 0);
           c.host.link(kState + "/passwords", "/etc/shadow").link(kState + "/etc", "/etc");
         },
         "every file of its state is its own"},
        {"correct_ownership", "the state itself is a link",
         [](Case& c) {
           owned(c, "/etc/x", 0600, 0);
           c.host.link(kState, "/etc");
         },
         "is no directory"},
        {"correct_key_modes", "the log names a file that is no key",
         [](Case& c) {
           owned(c, "/home/ada/notes", 0666, 1000);
           c.log("bad ownership or modes for file /home/ada/notes");
         },
         "no log line names"},
        {"correct_key_modes", "the file is a link",
         [](Case& c) {
           owned(c, "/etc/shadow", 0666, 0);
           c.host.link("/home/ada/.ssh/authorized_keys", "/etc/shadow");
           c.log("bad ownership or modes for file /home/ada/.ssh/authorized_keys");
         },
         "no log line names"},
        {"restore_database", "it is locked, not damaged",
         [](Case& c) { c.file(kShared, kHealthy).log("SqliteError: database is locked"); },
         "no database of it is known to be damaged"},
        {"restore_database", "no backup: a person must decide", [](Case& c) { c.file(kShared, "garbage!"); },
         "no backup of it was found"},
        {"restore_database", "another agent's backup is no help",
         [](Case& c) {
           c.file(kAgent, "garbage!");
           snapshot(c, "s4", R"({"role":"agent","agentId":"bo"})", "2026-11-24T03:00:00.000Z");
         },
         "no backup of it was found"},
        {"run_migration", "the line before names the real reason",
         [](Case& c) {
           c.log("Doctor could not enter maintenance. another OpenClaw process owns gateway-lifecycle")
               .log("gateway requires state migration");
         },
         "another gateway owns the state"},
        {"run_migration", "the state cannot be written",
         [](Case& c) {
           c.log("shared state database is unreadable at /x: EACCES: permission denied")
               .log("gateway requires state migration");
         },
         "that comes first"},
        {"run_migration", "nothing asks for one", [](Case&) {}, "no migration is asked for"},
    });

TEST(FileRemedies, OwnershipLooksAtTenThousandEntriesAtMost) {
  Case c;
  for (int i = 0; i < 12'000; ++i) owned(c, fmt::format("{}/cache/{:05}", kState, i), 0600, 0);
  auto treatment = c.plan("correct_ownership");
  ASSERT_TRUE(treatment);
  EXPECT_LE(treatment->actions.size(), 10'000U);
  EXPECT_NE(treatment->sentence.find("the first 10000 were looked at"), std::string::npos);
}

TEST(FileRemedies, ADatabaseIsRestoredStoppedAndTakenBackWhole) {
  Case c;
  c.patient.consent = {"restore_database"};
  c.file(kShared, "garbage!");
  snapshot(c, "s1", kGlobal, "2026-11-20T03:00:00.000Z");
  auto treatment = c.plan("restore_database");
  ASSERT_TRUE(treatment);
  EXPECT_TRUE(treatment->gateway_stopped);
  std::vector<std::string> undone;
  for (auto it = treatment->actions.rbegin(); it != treatment->actions.rend(); ++it) {
    auto back = inverse(*it);
    ASSERT_TRUE(back);
    for (const auto& action : *back) undone.push_back(describe(action));
  }
  EXPECT_EQ(undone, (std::vector<std::string>{
                        "rename /home/ada/.openclaw/state/openclaw.sqlite to "
                        "openclaw.sqlite.restored-20261124T051200Z",
                        "rename /home/ada/.openclaw/state/openclaw.sqlite.damaged-20261124T051200Z to "
                        "openclaw.sqlite",
                        "run as ada (at most 5m): rm -f -- "
                        "/home/ada/.openclaw/state/openclaw.sqlite.restored-20261124T051200Z"}));
}

}  // namespace
}  // namespace meshops::heal
