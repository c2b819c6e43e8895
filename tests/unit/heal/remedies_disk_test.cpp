// Remedies for full disks: what may go at 60, 75 and 85 percent, and what never does.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "heal/disk_sweep.h"
#include "patient.h"

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;
using Then = Treatment::Then;
const std::string kState = "/home/ada/.openclaw/";

/// A state with something of every kind in it.
void lived_in(Case& c) {
  c.file(kState + "logs/gateway.log", "old log!", 9 * 24h)
      .file(kState + "logs/gateway-restart.log", "new", 1h)
      .file(kState + "logs/gateway.log.1", "1234", 2 * 24h)
      .file(kState + "logs/gateway.log.2.gz", "12", 2 * 24h)
      .file(kState + "logs/stability/openclaw-stability-1.json", "{...}", 40 * 24h)
      .file(kState + "tmp/scratch", "123", 2 * 24h)
      .file(kState + "tmp/openclaw-1000/gateway.state.lock", "{}", 90 * 24h)
      .file(kState + "tmp/openclaw-1000/gateway.51ce2cb4.lock.sqlite", "SQLite", 90 * 24h)
      .file(kState + "cache/ui/index.js", "12345678901", 1h)
      .file(kState + "agents/main/sessions/a.jsonl.deleted.2026", "123456", 40 * 24h)
      .file(kState + "agents/main/sessions/b.jsonl", "a transcript in use", 400 * 24h)
      .file(kState + "agents/main/agent/openclaw-agent.sqlite", "SQLite", 400 * 24h)
      .file(kState + "state/openclaw.sqlite", "SQLite", 400 * 24h)
      .file(kState + "workspace/logs/notes.log", "mine", 400 * 24h)
      .file(kState + "credentials/telegram.json", "hush-hush", 400 * 24h)
      .file("/tmp/openclaw/openclaw-2026-11-01.log", "1234567", 20 * 24h)
      .file("/tmp/openclaw/openclaw-2026-11-02.log", "of another user", 20 * 24h, 1001)
      .file("/tmp/openclaw/openclaw-2026-11-24.log", "today", 1h);
}
const std::string kLogs = "remove 3 files (14 B): logs older than 7 days, and rotated ones older than a day";
const std::string kShared = "remove 1 file (7 B): the gateway's own files in /tmp/openclaw older than 7 days";
const std::string kScratch = "remove 1 file (3 B): temporary files older than a day";
const std::string kCache = "remove 1 file (11 B): caches that are made again";
const std::string kReports = "remove 1 file (5 B): stability reports older than 30 days";
const std::string kSessions = "remove 1 file (6 B): archived sessions older than 30 days";
constexpr std::string_view kJournald = "/etc/systemd/journald.conf.d/50-meshops.conf";

const bool kAdded = add(
    {
        {"clean_caches",
         "60 percent: logs and what is made again; a running gateway keeps its cache",
         [](Case& c) { lived_in(c.disk(60).runs()); },
         {kLogs, kShared, kScratch},
         {},
         Then::watch},
        {"clean_caches",
         "60 percent, and it is down",
         [](Case& c) { lived_in(c.disk(61)); },
         {kLogs, kShared, kScratch, kCache},
         {}},
        {"clean_caches",
         "75 percent: archives as well",
         [](Case& c) { lived_in(c.disk(75).runs()); },
         {kLogs, kShared, kScratch, kCache, kReports, kSessions},
         {},
         Then::watch},
        {"remove_many_small_files",
         "the inodes are used up, the bytes are not",
         [](Case& c) { lived_in(c.disk(20, 100)); },
         {kLogs, kShared, kScratch, kCache, kReports, kSessions},
         {}},
        {"vacuum_journal",
         "the journal and packages are on the same file system",
         [](Case& c) {
           c.disk(80).file("/var/cache/apt/archives/node_1_amd64.deb", "12345", {}, 0);
           c.file("/var/cache/apt/archives/lock", "", {}, 0).host.directory("/var/log/journal");
         },
         {"remove 1 file (5 B): downloaded packages, which apt can fetch again",
          "run (at most 2m): journalctl --vacuum-size=200M"},
         {}},
        {"prune_containers",
         "85 percent",
         [](Case& c) { c.disk(85).host.directory("/var/lib/docker"); },
         {"run (at most 10m): docker image prune --force"},
         {}},
        {"remove_old_backups",
         "85 percent: the newest three stay, however old",
         [](Case& c) {
           c.disk(90);
           for (int day = 1; day <= 6; ++day)
             c.file(fmt::format("/home/ada/Backups/2026-0{}-01-openclaw-backup.tar.gz", day), "12",
                    day * 20 * 24h);
           c.file("/home/ada/Backups/photos.tar.gz", "12", 400 * 24h);
         },
         {"remove 3 files (6 B): the gateway's own backups older than 30 days, without the newest three"},
         {}},
        {"rotate_log",
         "one grows without end, whatever its name in the configuration",
         [](Case& c) {
           c.config("{ gateway: { mode: 'local' }, logging: { file: '/var/log/claw/main.log' } }")
               .large("/var/log/claw/main.log", 3ULL << 30U)
               .large(kState + "logs/gateway.log", 300U << 20U)
               .runs();
         },
         {"cut /home/ada/.openclaw/logs/gateway.log (300.0 MiB) down to its newest 16.0 MiB",
          "cut /var/log/claw/main.log (3.0 GiB) down to its newest 16.0 MiB"},
         {},
         Then::watch},
        {"rotate_log",
         "one fills a small disk",
         [](Case& c) {
           c.disk(100).large(kState + "logs/gateway.log", 100U << 20U).host.mounted[0].bytes = 256U << 20U;
         },
         {"cut /home/ada/.openclaw/logs/gateway.log (100.0 MiB) down to its newest 6.2 MiB"},
         {}},
        {"limit_log",
         "the journal has no limit",
         [](Case& c) { c.runs().host.directory("/var/log/journal"); },
         {"run (at most 30s): systemctl restart systemd-journald.service",
          "write the new file /etc/systemd/journald.conf.d/50-meshops.conf (80 B)",
          "run (at most 30s): systemctl restart systemd-journald.service"},
         {{std::string(kJournald),
           "# Written by meshops; take it back with: meshops undo\n[Journal]\nSystemMaxUse=1G\n"}},
         Then::watch},
    },
    {
        {"clean_caches", "59 percent are no reason", [](Case& c) { lived_in(c.disk(59)); },
         "59 % of / are used: this begins at 60 %"},
        {"clean_caches", "nothing of it is old", [](Case& c) { c.disk(99); }, "no old logs"},
        {"clean_caches", "what is old lies on another file system",
         [](Case& c) {
           c.disk(99).file("/tmp/openclaw/openclaw-2026-11-01.log", "1234567", 20 * 24h);
           c.host.mounted.push_back({.mount_point = "/tmp", .bytes = 100, .bytes_free = 1});
         },
         "no old logs"},
        {"remove_many_small_files", "inodes are free", [](Case& c) { lived_in(c.disk(99)); },
         "5 % of the inodes of / are used"},
        {"vacuum_journal", "74 percent", [](Case& c) { c.disk(74).host.directory("/var/log/journal"); },
         "this begins at 75 %"},
        {"vacuum_journal", "the journal is on a file system of its own",
         [](Case& c) {
           c.disk(80).host.directory("/var/log/journal");
           c.host.mounted.push_back({.mount_point = "/var/log", .bytes = 100, .bytes_free = 90});
         },
         "neither the journal nor packages"},
        {"prune_containers", "84 percent", [](Case& c) { c.disk(84).host.directory("/var/lib/docker"); },
         "this begins at 85 %"},
        {"prune_containers", "no engine", [](Case& c) { c.disk(90); }, "no container engine"},
        {"remove_old_backups", "they are new",
         [](Case& c) {
           c.disk(90);
           for (int day = 1; day <= 6; ++day)
             c.file(fmt::format("/home/ada/Backups/2026-11-0{}-openclaw-backup.tar.gz", day), "12",
                    day * 24h);
         },
         "no old backups"},
        {"rotate_log", "the gateway rotates by itself at 100 MB",
         [](Case& c) { c.large(kState + "logs/gateway.log", 100U << 20U); }, "no log of the gateway"},
        {"rotate_log", "a large file that is no log of its own",
         [](Case& c) {
           c.large(kState + "logs/huge.sqlite", 1ULL << 31U)
               .large(kState + "workspace/train.log", 1ULL << 31U)
               .large("/tmp/openclaw/x.log", 1ULL << 31U, {}, 1001);
         },
         "no log of the gateway"},
        {"limit_log", "the owner has set one",
         [](Case& c) {
           c.file("/etc/systemd/journald.conf", "[Journal]\n#SystemMaxUse=\nSystemMaxUse=4G\n")
               .host.directory("/var/log/journal");
         },
         "has a limit already"},
        {"limit_log", "there is no journal on disk", [](Case&) {}, "no journal on disk"},
    });

TEST(Sweep, ALinkLeadsNowhere) {
  Case c;
  c.disk(99).file("/srv/photos/1.log", "mine", 400 * 24h);
  c.host.link(kState + "logs", "/srv/photos").link(kState + "tmp", "/srv/photos");
  c.host.link("/tmp/openclaw", "/srv/photos").link(kState + "cache", "/");
  EXPECT_TRUE(sweep(c.patient, c.host, Fullness::consent).empty());
  EXPECT_TRUE(oversized_logs(c.patient, c.host).empty());
}

TEST(Sweep, IsBounded) {
  Case c;
  c.disk(99);
  for (int i = 0; i < 12'000; ++i) c.file(fmt::format("{}cache/{:05}", kState, i), "x");
  std::string deep = kState + "cache";
  for (int i = 0; i < 100; ++i) deep += "/d";
  c.file(deep + "/x", "x");
  auto kinds = sweep(c.patient, c.host, Fullness::logs);
  ASSERT_EQ(kinds.size(), 1U);
  EXPECT_LE(kinds.front().files.size(), 10'000U);
}

TEST(Sweep, AWorkspaceIsSafeWhereverTheConfigurationPutsIt) {
  Case c;
  c.disk(99).config(
      "{ gateway: { mode: 'local' }, agents: { defaults: { workspace: '~/.openclaw/cache/work' }, "
      "entries: { bo: { workspace: '/tmp/openclaw/bo' } } } }");
  c.file(kState + "cache/work/a.txt", "mine", 400 * 24h).file("/tmp/openclaw/bo/b.txt", "mine", 400 * 24h);
  EXPECT_TRUE(sweep(c.patient, c.host, Fullness::consent).empty());
}

/// Any tree: what a user made is never named, and every byte that is named is there.
RC_GTEST_PROP(Sweep, NeverTouchesWhatAUserMade, ()) {
  Case c;
  c.disk(99).patient.running = *rc::gen::arbitrary<bool>();
  auto directory = [] {
    return *rc::gen::element<std::string>(
        "logs", "cache", "tmp", "workspace", "workspace-bo", "credentials", "memory", "state", "agents",
        "agents/main/sessions", "agents/main/agent", "media", "telegram", "cache/workspace",
        "tmp/credentials", "logs/stability", "tmp/memory", "identity", "skills", "a");
  };
  auto name = [] {
    return *rc::gen::element<std::string>(
        "gateway.log", "gateway.log.1", "x.log.gz", "openclaw.sqlite", "openclaw.sqlite-wal", "MEMORY.md",
        "openclaw.json", "openclaw.json.bak", "a.jsonl", "a.jsonl.deleted.1", "s.json", "x.lock", "id.key",
        ".env", "secrets.json", "notes.txt", "telegram-credentials.json");
  };
  std::set<std::string> all;
  for (int n = *rc::gen::inRange(1, 40); n > 0; --n) {
    auto base =
        *rc::gen::element<std::string>("/home/ada/.openclaw/", "/tmp/openclaw/", "/home/ada/", "/var/log/");
    auto path = base + directory() + "/" + (*rc::gen::arbitrary<bool>() ? directory() + "/" : "") + name();
    c.file(path, std::string(*rc::gen::inRange<std::size_t>(0, 50), 'x'), *rc::gen::inRange(0, 500) * 24h,
           *rc::gen::element<uid_t>(0, 1000, 1001));
    all.insert(path);
  }
  auto full = *rc::gen::element(Fullness::free, Fullness::logs, Fullness::archives, Fullness::consent);
  std::set<std::string> gone;
  for (const auto& kind : sweep(c.patient, c.host, full))
    for (const auto& file : kind.files) {
      auto path = file.path.string();
      RC_ASSERT(all.contains(path));
      RC_ASSERT(gone.insert(path).second);
      RC_ASSERT(file.bytes == c.host.files.at(path).bytes.size());
      bool of_state = path.starts_with(kState);
      RC_ASSERT(of_state || path.starts_with("/tmp/openclaw/"));
      auto below = path.substr(of_state ? kState.size() : std::string_view("/tmp/openclaw/").size());
      for (std::string never : {"sqlite", "openclaw.json", ".lock", ".key", ".env", "secret", "credential"})
        RC_ASSERT(below.find(never) == std::string::npos);
      if (!of_state) {
        RC_ASSERT(c.host.files.at(path).info.uid == 1000U);
        continue;
      }
      for (std::string never : {"workspace", "memory/", "state/", "media/", "telegram/", "identity/"})
        RC_ASSERT(below.find(never) == std::string::npos);
      RC_ASSERT(below.starts_with("logs/") || below.starts_with("cache/") || below.starts_with("tmp/") ||
                (below.starts_with("agents/") && below.find(".jsonl.deleted.") != std::string::npos));
    }
  if (full == Fullness::free) RC_ASSERT(gone.empty());
}

}  // namespace
}  // namespace meshops::heal
