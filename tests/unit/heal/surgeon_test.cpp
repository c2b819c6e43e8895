// The surgeon's hands: every step is in the ledger before it happens, what fails takes back what came before
// it, and what somebody else changed is left alone.
#include "heal/surgeon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_machine.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"

namespace meshops::heal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const FileState kOld{"old", {0600, 0, 0}};
const FileState kNew{"new", {0600, 0, 0}};

class SurgeonTest : public testing::Test {
 protected:
  TempDir directory;
  boost::asio::io_context loop;
  FakeMachine machine{loop};
  std::unique_ptr<store::Ledger> ledger = *store::Ledger::open(directory.path / "ledger.sqlite");
  store::Kept kept{directory.path / "kept"};
  Surgeon surgeon{machine, *ledger, kept};
  std::int64_t entry =
      *ledger->begin({.gateway = "main", .cause = "config_schema_invalid", .remedy = "test"});

  Status operate(std::vector<Action> actions) {
    return test::run(surgeon.operate(entry, std::move(actions)));
  }
  Status take_back() { return test::run(surgeon.take_back(*ledger->get(entry))); }
  std::string bytes(const char* path) { return machine.the_host.read(path).value_or("(nothing)"); }
  std::vector<store::Deed> deeds() {
    std::vector<store::Deed> out;
    auto recorded = ledger->get(entry);
    for (const auto& s : recorded->steps) out.push_back(s.deed);
    return out;
  }
};

TEST_F(SurgeonTest, AFileIsWrittenRecordedAndTakenBack) {
  machine.the_host.file("/etc/x", "old");
  ASSERT_TRUE(operate({WriteFile{"/etc/x", kOld, kNew}}));
  EXPECT_EQ(bytes("/etc/x"), "new");
  EXPECT_THAT(deeds(), ElementsAre(store::Deed::done));
  ASSERT_TRUE(take_back());
  EXPECT_EQ(bytes("/etc/x"), "old");
  EXPECT_THAT(deeds(), ElementsAre(store::Deed::undone));
}

TEST_F(SurgeonTest, TheLedgerHoldsNoBytes) {
  machine.the_host.file("/etc/x", "token: hunter2hunter2");
  ASSERT_TRUE(operate({WriteFile{"/etc/x", FileState{"token: hunter2hunter2", {0600, 0, 0}}, kNew}}));
  EXPECT_EQ(store::to_json({*ledger->get(entry)}).find("hunter2"), std::string::npos);
}

TEST_F(SurgeonTest, AFileThatSomebodyChangedIsLeftAlone) {
  machine.the_host.file("/etc/x", "of a person");
  auto done = operate({WriteFile{"/etc/x", kOld, kNew}});
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(code_name(HealCode::changed_meanwhile)));
  EXPECT_EQ(bytes("/etc/x"), "of a person");
}

TEST_F(SurgeonTest, WhenAStepFailsThoseBeforeItAreTakenBack) {
  machine.the_host.file("/etc/x", "old").file("/etc/y", "y").file("/etc/z", "in the way");
  ASSERT_FALSE(operate({WriteFile{"/etc/x", kOld, kNew}, MoveFile{"/etc/y", "/etc/z"}}));
  EXPECT_EQ(bytes("/etc/x"), "old");
  EXPECT_EQ(bytes("/etc/z"), "in the way");
  EXPECT_THAT(deeds(), ElementsAre(store::Deed::undone, store::Deed::failed));
}

TEST_F(SurgeonTest, ANewFileGoesAgainAndARemovedOneComesBack) {
  machine.the_host.file("/etc/gone", "old");
  ASSERT_TRUE(operate({WriteFile{"/etc/fresh", {}, kNew}, WriteFile{"/etc/gone", kOld, {}}}));
  EXPECT_EQ(bytes("/etc/fresh"), "new");
  EXPECT_EQ(bytes("/etc/gone"), "(nothing)");
  ASSERT_TRUE(take_back());
  EXPECT_EQ(bytes("/etc/fresh"), "(nothing)");
  EXPECT_EQ(bytes("/etc/gone"), "old");
}

TEST_F(SurgeonTest, WhatAPersonChangedAfterwardsIsNotOverwrittenByAnUndo) {
  machine.the_host.file("/etc/x", "old");
  ASSERT_TRUE(operate({WriteFile{"/etc/x", kOld, kNew}}));
  machine.the_host.file("/etc/x", "a person's");
  EXPECT_FALSE(take_back());
  EXPECT_EQ(bytes("/etc/x"), "a person's");
}

TEST_F(SurgeonTest, AStepThatWasOnlyIntendedIsTakenBackIfItHappenedAndLeftIfNot) {
  auto keep = [this](const std::string& b) { return kept.put(b); };
  machine.the_host.file("/etc/happened", "new").file("/etc/not", "old");
  ASSERT_TRUE(
      ledger->intend(entry, {.number = 1, .action = *to_json(WriteFile{"/etc/happened", kOld, kNew}, keep)}));
  ASSERT_TRUE(
      ledger->intend(entry, {.number = 2, .action = *to_json(WriteFile{"/etc/not", kOld, kNew}, keep)}));
  ASSERT_TRUE(take_back());
  EXPECT_EQ(bytes("/etc/happened"), "old");
  EXPECT_EQ(bytes("/etc/not"), "old");
  EXPECT_THAT(deeds(), ElementsAre(store::Deed::undone, store::Deed::failed));
}

TEST_F(SurgeonTest, UnitsAreStoppedDisabledAndBroughtBack) {
  machine.system.has("other.service", "active", "running", 50);
  ASSERT_TRUE(operate({UnitOrder{UnitOrder::Verb::stop, "other.service", ""},
                       UnitOrder{UnitOrder::Verb::disable, "other.service", ""}}));
  ASSERT_TRUE(take_back());
  EXPECT_THAT(machine.system.orders, ElementsAre("stop other.service", "disable other.service",
                                                 "enable other.service", "start other.service"));
}

TEST_F(SurgeonTest, OwnersAreSetAndSetBack) {
  machine.the_host.file("/s/db", "x", 0600, 0);
  ASSERT_TRUE(operate({SetAccess{"/s/db", {0600, 0, 0}, {0600, 1000, 1000}}}));
  EXPECT_EQ(machine.the_host.stat("/s/db")->uid, 1000U);
  ASSERT_TRUE(take_back());
  EXPECT_EQ(machine.the_host.stat("/s/db")->uid, 0U);
}

TEST_F(SurgeonTest, RemovedLogsAreGoneAndThatIsNoFailureOfAnUndo) {
  machine.the_host.file("/s/a.log", "1").file("/s/b.log", "22");
  ASSERT_TRUE(operate({RemoveFiles{{{"/s/a.log", 1}, {"/s/gone.log", 5}, {"/s/b.log", 2}}, "old logs"}}));
  EXPECT_EQ(bytes("/s/a.log"), "(nothing)");
  EXPECT_TRUE(take_back());
}

TEST_F(SurgeonTest, AToolIsRunAndWhatItChangedIsTakenBack) {
  // A real file: the tool is a real program.
  auto path = directory.path / "config";
  ASSERT_TRUE(write_file_atomic(path, "old"));
  machine.the_host.file(path.string(), "old");
  RunTool tool{.argv = {"sh", "-c", "exit 3"}, .protects = {path}, .good = {0}};
  auto failed = operate({tool});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), HasSubstr("exit code 3"));
  tool.good = {0, 3};
  EXPECT_TRUE(operate({tool}));
}

TEST_F(SurgeonTest, AProcessIsEndedByItsNameForEver) {
  auto child = spawn({"sleep", "100"}, {});
  ASSERT_TRUE(child);
  auto real = local_host()->process(child->pid);
  ASSERT_TRUE(real);
  auto& shown = machine.the_host.process_runs(child->pid, {"sleep", "100"});
  shown.start_ticks = real->start_ticks;
  auto another = operate({EndProcess{child->pid, real->start_ticks + 1, "sleep", 1s}});
  ASSERT_FALSE(another);
  EXPECT_TRUE(another.error().is(code_name(HealCode::changed_meanwhile)));
  EXPECT_FALSE(wait_ended(child->pidfd, 0s));
  EXPECT_TRUE(operate({EndProcess{child->pid, real->start_ticks, "sleep", 5s}}));
  EXPECT_TRUE(wait_ended(child->pidfd, 0s));
  reap(child->pidfd);
}

}  // namespace
}  // namespace meshops::heal
