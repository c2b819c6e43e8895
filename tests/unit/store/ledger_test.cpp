#include "store/ledger.h"

#include <algorithm>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "../base/temp_dir.h"
#include "base/file.h"
#include "base/text.h"

namespace meshops::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");

Entry entry(std::string gateway = "main", WallTime began = kNow) {
  return {.gateway = std::move(gateway),
          .cause = "config_unknown_key",
          .score = 0.875,
          .remedy = "remove_key",
          .sentence = "remove the key bogusKey that this version does not know",
          .evidence = R"(["Unrecognized key: \"bogusKey\"", "exit code 78"])",
          .incident = "20261124-1",
          .by = "meshops",
          .began = began};
}
Step step(unsigned number, std::string words) {
  return {
      .number = number, .action = R"({"schema":"meshops.action/1"})", .words = std::move(words), .at = kNow};
}

class LedgerTest : public testing::Test {
 protected:
  std::unique_ptr<Ledger> open() {
    auto opened = Ledger::open(file);
    EXPECT_TRUE(opened) << opened.error().for_people();
    return opened ? std::move(*opened) : nullptr;
  }
  std::vector<std::int64_t> ids(const Ledger::Query& query) {
    std::vector<std::int64_t> out;
    auto listed = open()->list(query);
    EXPECT_TRUE(listed);
    for (const auto& e : *listed) out.push_back(e.id);
    return out;
  }
  /// Overwrites bytes of the file from another process: a descriptor closed in this one would drop SQLite's
  /// locks.
  void spoil(off_t at, std::string_view bytes) {
    pid_t child = ::fork();
    if (child == 0) {
      int fd = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
      ::_exit(::pwrite(fd, bytes.data(), bytes.size(), at) < 0 ? 1 : 0);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  std::vector<std::string> set_aside() {
    std::vector<std::string> out;
    for (const auto& e : fs::directory_iterator(dir.path))
      if (auto name = e.path().filename().string(); name.contains(".damaged-") && !name.ends_with("-wal"))
        out.push_back(e.path());
    return out;
  }
  void sql(const std::string& text) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(::sqlite3_open(file.c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(::sqlite3_exec(raw, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << ::sqlite3_errmsg(raw);
    ::sqlite3_close(raw);
  }

  TempDir dir;
  fs::path file = dir.path / "state/ledger.sqlite";
};

TEST_F(LedgerTest, WhatIsWrittenIsReadBackTheSame) {
  auto ledger = open();
  auto id = ledger->begin(entry());
  ASSERT_TRUE(id);
  auto s = ledger->intend(*id, step(1, "write openclaw.json (1.2 KiB → 1.1 KiB)"));
  ASSERT_TRUE(s);
  ASSERT_TRUE(ledger->settle(*s, Deed::done, 3ms, "", ""));
  ASSERT_TRUE(ledger->end(*id, Verdict::helped, kNow + 24s, "ready after 20 s"));

  auto got = open()->get(*id);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->gateway, "main");
  EXPECT_EQ(got->cause, "config_unknown_key");
  EXPECT_EQ(got->score, 0.875);
  EXPECT_EQ(got->remedy, "remove_key");
  EXPECT_EQ(got->sentence, entry().sentence);
  EXPECT_EQ(got->evidence, entry().evidence);
  EXPECT_EQ(got->incident, "20261124-1");
  EXPECT_EQ(got->by, "meshops");
  EXPECT_EQ(got->began, kNow);
  EXPECT_EQ(got->ended, kNow + 24s);
  EXPECT_EQ(got->verdict, Verdict::helped);
  EXPECT_EQ(got->note, "ready after 20 s");
  ASSERT_EQ(got->steps.size(), 1U);
  EXPECT_EQ(got->steps[0].id, *s);
  EXPECT_EQ(got->steps[0].number, 1U);
  EXPECT_EQ(got->steps[0].words, "write openclaw.json (1.2 KiB → 1.1 KiB)");
  EXPECT_EQ(got->steps[0].action, R"({"schema":"meshops.action/1"})");
  EXPECT_EQ(got->steps[0].deed, Deed::done);
  EXPECT_EQ(got->steps[0].at, kNow);
  EXPECT_EQ(got->steps[0].took, 3ms);
}
TEST_F(LedgerTest, BytesOfAnyKindComeBackAsTheyWere) {
  auto hostile = entry();
  hostile.sentence = std::string("'; DROP TABLE entries; --\0\xff\xfe\n", 29);
  hostile.note = "";
  auto id = open()->begin(hostile);
  ASSERT_TRUE(id);
  EXPECT_EQ(open()->get(*id)->sentence, hostile.sentence);
}
TEST_F(LedgerTest, AToolsChangesReplaceTheActionOnlyWhenTheyAreKnown) {
  auto ledger = open();
  auto id = *ledger->begin(entry());
  auto first = *ledger->intend(id, step(1, "run doctor"));
  auto second = *ledger->intend(id, step(2, "run doctor"));
  ASSERT_TRUE(ledger->settle(first, Deed::failed, 2s, "exit code 1", R"({"changed":1})"));
  ASSERT_TRUE(ledger->settle(second, Deed::undone, 2s, "", ""));
  auto steps = ledger->get(id)->steps;
  EXPECT_EQ(steps[0].action, R"({"changed":1})");
  EXPECT_EQ(steps[0].error, "exit code 1");
  EXPECT_EQ(steps[1].action, R"({"schema":"meshops.action/1"})");
  EXPECT_EQ(steps[1].deed, Deed::undone);
}
TEST_F(LedgerTest, APersonsUndoKeepsTheTimeOfTheFirstEnd) {
  auto ledger = open();
  auto id = *ledger->begin(entry());
  ASSERT_TRUE(ledger->end(id, Verdict::helped, kNow + 1min, "ready"));
  ASSERT_TRUE(ledger->end(id, Verdict::undone, kNow + 48h, "undone by user 1000"));
  auto got = *ledger->get(id);
  EXPECT_EQ(got.verdict, Verdict::undone);
  EXPECT_EQ(got.ended, kNow + 1min);
  EXPECT_EQ(got.note, "undone by user 1000");
}
TEST_F(LedgerTest, WhatThereIsNotIsAnErrorAndNotSilence) {
  auto ledger = open();
  EXPECT_TRUE(ledger->get(7).error().is("store.not_found"));
  EXPECT_TRUE(ledger->intend(7, step(1, "x")).error().is("store.not_found"));
  EXPECT_TRUE(ledger->settle(7, Deed::done, 0s, "", "").error().is("store.not_found"));
  EXPECT_TRUE(ledger->end(7, Verdict::helped, kNow, "").error().is("store.not_found"));
  EXPECT_THAT(ledger->get(7).error().text(), HasSubstr("treatment 7"));
}
TEST_F(LedgerTest, ListIsNewestFirstAndAsNarrowAsAsked) {
  auto ledger = open();
  auto a = *ledger->begin(entry("main", kNow - 3h));
  auto b = *ledger->begin(entry("second", kNow - 2h));
  auto c = *ledger->begin(entry("main", kNow - 1h));
  ASSERT_TRUE(ledger->intend(a, step(1, "one")));
  ASSERT_TRUE(ledger->intend(c, step(1, "one")));
  ASSERT_TRUE(ledger->intend(c, step(2, "two")));
  ASSERT_TRUE(ledger->end(a, Verdict::no_help, kNow, ""));
  EXPECT_THAT(ids({}), ElementsAre(c, b, a));
  EXPECT_THAT(ids({.gateway = "main"}), ElementsAre(c, a));
  EXPECT_THAT(ids({.since = kNow - 2h}), ElementsAre(c, b));
  EXPECT_THAT(ids({.only_open = true}), ElementsAre(c, b));
  EXPECT_THAT(ids({.at_most = 1}), ElementsAre(c));  // of entries, not of their steps
  EXPECT_EQ(ledger->list({.at_most = 1})->front().steps.size(), 2U);
}
TEST_F(LedgerTest, ForgettingSparesWhatIsOpenAndNeverReusesANumber) {
  auto ledger = open();
  auto old = *ledger->begin(entry("main", kNow - 100h));
  auto open_one = *ledger->begin(entry("main", kNow - 99h));
  auto newest = *ledger->begin(entry("main", kNow - 98h));
  auto s = *ledger->intend(old, step(1, "x"));
  ASSERT_TRUE(ledger->end(old, Verdict::helped, kNow, ""));
  ASSERT_TRUE(ledger->end(newest, Verdict::helped, kNow, ""));
  EXPECT_EQ(*ledger->forget_before(kNow), 2U);
  EXPECT_THAT(ids({}), ElementsAre(open_one));
  EXPECT_TRUE(ledger->settle(s, Deed::done, 0s, "", "").error().is("store.not_found"))
      << "its steps go with it";
  EXPECT_GT(*ledger->begin(entry()), newest) << "`meshops undo 3` must never mean another one";
}

TEST_F(LedgerTest, OnlyItsOwnerMayReadTheFiles) {
  auto old = ::umask(0);
  auto ledger = open();
  ASSERT_TRUE(ledger->begin(entry()));
  ::umask(old);
  int files = 0;
  for (const auto& e : fs::directory_iterator(file.parent_path())) {
    struct stat st{};
    ASSERT_EQ(::stat(e.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777U, 0600U) << e.path();
    ++files;
  }
  EXPECT_GE(files, 3) << "the database, its log, its index";
}
TEST_F(LedgerTest, AReaderMakesNothingAndSeesWhatTheAgentWrites) {
  EXPECT_TRUE(Ledger::read(file).error().is("store.not_found"));
  EXPECT_FALSE(fs::exists(file));
  auto agent = open();
  auto id = *agent->begin(entry());
  auto reader = Ledger::read(file);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ((*reader)->list({})->size(), 1U);
  ASSERT_TRUE(agent->end(id, Verdict::helped, kNow, ""));
  EXPECT_EQ((*reader)->get(id)->verdict, Verdict::helped);
}
TEST_F(LedgerTest, AnEmptyFileIsANewOne) {
  ASSERT_TRUE(make_directories(file.parent_path()));
  ASSERT_TRUE(write_file_atomic(file, ""));
  auto ledger = open();
  EXPECT_EQ(ledger->note(), "");
  EXPECT_TRUE(ledger->begin(entry()));
}

TEST_F(LedgerTest, ADamagedFileIsSetAsideWholeAndANewOneBegun) {
  ASSERT_TRUE(make_directories(file.parent_path()));
  const std::string garbage(9000, 'x');
  ASSERT_TRUE(write_file_atomic(file, garbage));
  auto ledger = open();
  EXPECT_THAT(ledger->note(), HasSubstr("set aside as " + file.string() + ".damaged-2"));
  EXPECT_TRUE(ledger->begin(entry()));
  std::string kept;
  for (const auto& e : fs::directory_iterator(file.parent_path()))
    if (e.path().string().contains(".damaged-")) kept = *read_file(e.path());
  EXPECT_EQ(kept, garbage);
  EXPECT_EQ(open()->note(), "") << "told once";
}
TEST_F(LedgerTest, ADamagedPageIsFoundAtTheStart) {
  {
    auto ledger = open();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(ledger->begin(entry()));
  }
  spoil(4096 * 2 + 3, std::string(3000, '\x7f'));
  EXPECT_THAT(open()->note(), HasSubstr("damaged"));
  EXPECT_TRUE(open()->list({})->empty());
}
TEST_F(LedgerTest, AReaderLeavesADamagedFileWhereItIs) {
  ASSERT_TRUE(make_directories(file.parent_path()));
  ASSERT_TRUE(write_file_atomic(file, std::string(9000, 'x')));
  auto read = Ledger::read(file);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().is("store.damaged"));
  EXPECT_EQ(read_file(file)->size(), 9000U);
}
TEST_F(LedgerTest, ADamagedFileInUseIsNotTakenFromItsUser) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(open()->begin(entry()));
  auto user = open();
  spoil(0, std::string(4096 * 8, 'x'));
  auto second = Ledger::open(file);
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is("store.damaged"));
  EXPECT_THAT(second.error().text(), HasSubstr("still in use"));
  EXPECT_TRUE(fs::exists(file));
}
TEST_F(LedgerTest, ANewerVersionsFileIsLeftAsItIs) {
  ASSERT_TRUE(open()->begin(entry()));
  sql("PRAGMA user_version = 99");
  auto before = *read_file(file);
  auto opened = Ledger::open(file);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is("store.newer"));
  EXPECT_THAT(opened.error().for_people(), HasSubstr("install the newer meshops"));
  EXPECT_TRUE(Ledger::read(file).error().is("store.newer"));
  EXPECT_EQ(*read_file(file), before);
}
TEST_F(LedgerTest, AnotherProgramsDatabaseIsLeftAsItIs) {
  ASSERT_TRUE(make_directories(file.parent_path()));
  sql("CREATE TABLE sessions(id); INSERT INTO sessions VALUES(1)");
  auto before = *read_file(file);
  auto opened = Ledger::open(file);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().text(), HasSubstr("another program"));
  EXPECT_EQ(*read_file(file), before);
}
TEST_F(LedgerTest, AWordThatMeansNothingIsNotTakenForAVerdict) {
  auto id = *open()->begin(entry());
  sql("UPDATE entries SET verdict = 'splendid'");
  auto got = open()->get(id);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().text(), HasSubstr("splendid"));
}

Entry told() {
  auto e = entry("main", kNow - 2h - 5min);
  e.id = 12;
  e.ended = e.began + 24s;
  e.verdict = Verdict::no_help;
  e.note = "not ready within 180 s";
  e.steps = {step(1, "write openclaw.json (1.2 KiB → 1.1 KiB)"), step(2, "start openclaw.service")};
  e.steps[0].deed = Deed::undone;
  e.steps[0].took = 2500us;
  e.steps[1].deed = Deed::failed;
  e.steps[1].error = "unit not found";
  return e;
}
TEST(LedgerText, PeopleGetFiveLines) {
  EXPECT_EQ(for_people({told()}, kNow),
            "12  main  config_unknown_key → remove_key  did not help, 2 h 5 min ago, took 24 s\n"
            "    remove the key bogusKey that this version does not know\n"
            "    because: Unrecognized key: \"bogusKey\" (and 1 more)\n"
            "    did: write openclaw.json (1.2 KiB → 1.1 KiB) (undone); start openclaw.service (failed: unit "
            "not found)\n"
            "    not ready within 180 s\n");
}
TEST(LedgerText, AnOpenOneAfterTheClockWentBackIsStillClear) {
  auto e = told();
  e.verdict = Verdict::open;
  e.ended.reset();
  e.evidence = "";
  e.steps.clear();
  e.note = "";
  EXPECT_EQ(for_people({e}, e.began - 1h),
            "12  main  config_unknown_key → remove_key  under way, 2026-11-24T03:35:00.000Z\n"
            "    remove the key bogusKey that this version does not know\n"
            "    did: no step was taken\n");
}
TEST(LedgerText, OfATreatmentOfANodeNoStepsAreMissed) {
  auto e = told();
  e.gateway = "node beta";
  e.steps.clear();
  EXPECT_EQ(for_people({e}, kNow).find("did:"), std::string::npos);
}
TEST(LedgerText, NothingFromAGatewayMovesTheTerminalsCursor) {
  auto e = told();
  e.sentence = "\x1b[2J\nforged line";
  e.evidence = "[\"\\u001b]0;title\\u0007\"]";
  e.note = std::string(500, 'n') + "é";
  auto text = for_people({e}, kNow);
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  EXPECT_FALSE(text.contains('\x1b'));
  EXPECT_TRUE(valid_utf8(text));
}
TEST(LedgerText, JsonHasEveryFieldAndTheActionAsAnObject) {
  auto json = nlohmann::json::parse(to_json({told()}));
  EXPECT_EQ(json["schema"], "meshops.ledger/1");
  // Outside of the macro, in which g++ 12 does not read such a text.
  const std::string expected = R"json({
    "id": 12, "gateway": "main", "cause": "config_unknown_key", "score": 0.875, "remedy": "remove_key",
    "sentence": "remove the key bogusKey that this version does not know",
    "evidence": ["Unrecognized key: \"bogusKey\"", "exit code 78"], "incident": "20261124-1", "by": "meshops",
    "began": "2026-11-24T03:35:00.000Z", "ended": "2026-11-24T03:35:24.000Z", "took_s": 24.0, "verdict": "no_help",
    "note": "not ready within 180 s",
    "steps": [
      {"number": 1, "words": "write openclaw.json (1.2 KiB → 1.1 KiB)", "action": {"schema": "meshops.action/1"},
       "deed": "undone", "at": "2026-11-24T05:40:00.000Z", "took_ms": 2.5, "error": ""},
      {"number": 2, "words": "start openclaw.service", "action": {"schema": "meshops.action/1"},
       "deed": "failed", "at": "2026-11-24T05:40:00.000Z", "took_ms": 0.0, "error": "unit not found"}]})json";
  EXPECT_EQ(json["entries"][0], nlohmann::json::parse(expected));
}
TEST(LedgerText, JsonOfStrangeBytesIsStillJson) {
  auto e = told();
  e.evidence = "not json";
  e.steps[0].action = "{broken";
  e.steps[1].error = "\xff";
  auto json = nlohmann::json::parse(to_json({e}), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["entries"][0]["evidence"], "not json");
  EXPECT_EQ(json["entries"][0]["steps"][0]["action"], "{broken");
}

}  // namespace
}  // namespace meshops::store
