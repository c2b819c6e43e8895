#include "store/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../base/temp_dir.h"
#include "store/ledger.h"
#include "store/watch_record.h"

namespace meshops::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");
const std::string kFile = "/home/claw/.openclaw/.env";

Reading reading(WallTime at = kNow, std::string comm = "cat") {
  return {.file = kFile,
          .uid = 1000,
          .login = std::nullopt,
          .exe = "/usr/bin/cat",
          .comm = std::move(comm),
          .cgroup = "/user.slice",
          .pid = 812,
          .start_ticks = 99,
          .first = at,
          .last = at,
          .times = 1,
          .read = false};
}

class AccessLogTest : public testing::Test {
 protected:
  std::unique_ptr<AccessLog> open() {
    auto opened = AccessLog::open(file);
    EXPECT_TRUE(opened) << opened.error().for_people();
    return opened ? std::move(*opened) : nullptr;
  }
  std::vector<std::string> names(const AccessLog& log) {
    std::vector<std::string> out;
    auto readings = log.list({.file = {}, .since = {}, .at_most = 1000});
    for (const auto& r : *readings) out.push_back(r.comm);
    return out;
  }
  TempDir directory;
  std::filesystem::path file = directory.path / "secret-access.sqlite";
};

TEST_F(AccessLogTest, WhatIsWrittenIsRead) {
  auto log = open();
  auto unseen = reading(kNow + 1s, "");
  unseen.uid = std::nullopt;
  unseen.login = 1001;
  unseen.exe = "";
  unseen.read = true;
  ASSERT_TRUE(log->add({reading(), unseen}, {{kNow - 1h, kNow, "the agent did not watch"}}));
  auto all = *log->list({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].uid, std::nullopt) << "newest first";
  EXPECT_EQ(all[0].login, 1001U);
  EXPECT_TRUE(all[0].read);
  EXPECT_EQ(all[1].uid, 1000U);
  EXPECT_EQ(all[1].login, std::nullopt);
  EXPECT_EQ(all[1].file, kFile);
  EXPECT_EQ(all[1].exe, "/usr/bin/cat");
  EXPECT_EQ(all[1].cgroup, "/user.slice");
  EXPECT_EQ(all[1].pid, 812);
  EXPECT_EQ(all[1].start_ticks, 99U);
  EXPECT_FALSE(all[1].read);
  auto gaps = *log->gaps({}, 10);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].from, kNow - 1h);
  EXPECT_EQ(gaps[0].until, kNow);
  EXPECT_EQ(gaps[0].why, "the agent did not watch");
}

TEST_F(AccessLogTest, TheSameReaderWithinTheHourIsOneEntry) {
  auto log = open();
  ASSERT_TRUE(log->add({reading()}, {}));
  auto later = reading(kNow + 5min);
  later.pid = 900;
  later.start_ticks = 120;
  later.times = 9;
  later.read = true;
  ASSERT_TRUE(log->add({later}, {}));
  ASSERT_TRUE(log->add({reading(kNow + 20min)}, {}));  // 06:00: the next hour of the clock
  auto all = *log->list({});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].times, 10U);
  EXPECT_EQ(all[1].first, kNow);
  EXPECT_EQ(all[1].last, kNow + 5min);
  EXPECT_EQ(all[1].pid, 900);
  EXPECT_EQ(all[1].start_ticks, 120U);
  EXPECT_TRUE(all[1].read) << "read once is read";
}

TEST_F(AccessLogTest, UnknownReadersAreOneEntryToo) {
  auto log = open();
  auto gone = reading();
  gone.uid = std::nullopt;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->add({gone}, {}));
  EXPECT_EQ(log->list({})->at(0).times, 3U);
}

TEST_F(AccessLogTest, AskedByFileTimeAndNumber) {
  auto log = open();
  auto other = reading(kNow + 2h, "other");
  other.file = "/etc/app.env";
  ASSERT_TRUE(log->add({reading(kNow, "old"), reading(kNow + 1h, "new"), other}, {}));
  EXPECT_EQ(log->list({.file = kFile, .since = {}, .at_most = 9})->size(), 2U);
  EXPECT_EQ(log->list({.file = {}, .since = kNow + 1h, .at_most = 9})->size(), 2U);
  auto newest = *log->list({.file = {}, .since = {}, .at_most = 1});
  ASSERT_EQ(newest.size(), 1U);
  EXPECT_EQ(newest[0].comm, "other");
}

TEST_F(AccessLogTest, ForgetsByAge) {
  auto log = open();
  ASSERT_TRUE(log->add({reading(kNow - 24h * 91, "old"), reading(kNow, "new")},
                       {{kNow - 24h * 92, kNow - 24h * 91, "x"}}));
  EXPECT_EQ(*log->forget(kNow - 24h * 90), 1U);
  EXPECT_THAT(names(*log), ElementsAre("new"));
  EXPECT_TRUE(log->gaps({}, 10)->empty());
}

TEST_F(AccessLogTest, ForgetsTheOldestWhenThereAreTooManyAndSaysSo) {
  auto log = open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(log->add({reading(kNow + i * 1h, std::to_string(i))}, {}));
  EXPECT_EQ(*log->forget(kNow - 24h, 3), 2U);
  EXPECT_THAT(names(*log), ElementsAre("4", "3", "2"));
  auto gaps = *log->gaps({}, 10);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].from, kNow);
  EXPECT_EQ(gaps[0].until, kNow + 1h);
  EXPECT_THAT(gaps[0].why, HasSubstr("2 entries were forgotten early"));
  EXPECT_EQ(*log->forget(kNow - 24h, 3), 0U);
  EXPECT_EQ(log->gaps({}, 10)->size(), 1U);
}

TEST_F(AccessLogTest, RemembersThatTheWatchStood) {
  EXPECT_EQ(*open()->last_alive(), std::nullopt);
  ASSERT_TRUE(open()->alive(kNow));
  ASSERT_TRUE(open()->alive(kNow + 5min));
  EXPECT_EQ(*open()->last_alive(), kNow + 5min);
}

TEST_F(AccessLogTest, OnlyItsOwnerMayReadIt) {
  auto log = open();
  ASSERT_TRUE(log->add({reading()}, {}));
  for (const auto* end : {"", "-wal", "-shm"}) {
    struct stat st{};
    ASSERT_EQ(::stat((file.string() + end).c_str(), &st), 0) << end;
    EXPECT_EQ(st.st_mode & 0777U, 0600U) << end;
  }
}

TEST_F(AccessLogTest, ALookerSeesWhileTheAgentWritesAndMakesNothing) {
  auto none = AccessLog::read(file);
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().is(code_name(StoreCode::not_found)));
  EXPECT_FALSE(std::filesystem::exists(file));
  auto log = open();
  ASSERT_TRUE(log->add({reading()}, {}));
  EXPECT_EQ((*AccessLog::read(file))->list({})->size(), 1U);
}

TEST_F(AccessLogTest, ALedgerIsNotTakenForOne) {
  ASSERT_TRUE(Ledger::open(file));
  auto opened = AccessLog::open(file);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text(), HasSubstr("another program"));
}

TEST(WatchRecord, ComesBackAsItWas) {
  WatchRecord record{.pid = 812, .start_ticks = 1234, .since = kNow, .files = {kFile, "/etc/a b.env"}};
  auto back = parse_watch_record(to_json(record));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->pid, 812);
  EXPECT_EQ(back->start_ticks, 1234U);
  EXPECT_EQ(back->since, kNow);
  EXPECT_EQ(back->files, record.files);
  EXPECT_EQ(back->trouble, "");
}

TEST(WatchRecord, AnythingElseIsNone) {
  for (
      const auto* text :
      {"", "{}", "[]", "null", R"({"schema":"meshops.secret-watch/1"})",
       R"({"schema":"meshops.secret-watch/1","pid":"x","start_ticks":1,"since":"2026-11-24T05:40:00Z","files":[]})",
       R"({"schema":"meshops.secret-watch/2","pid":1,"start_ticks":1,"since":"2026-11-24T05:40:00Z","files":[]})",
       R"({"schema":"meshops.secret-watch/1","pid":1,"start_ticks":1,"since":"now","files":[]})"})
    EXPECT_FALSE(parse_watch_record(text)) << text;
}

}  // namespace
}  // namespace meshops::store
