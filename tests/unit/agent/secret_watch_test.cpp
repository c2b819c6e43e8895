// What the agent makes of what its watch tells: written down together, gaps named, trouble said and lived
// with.
#include "agent/secret_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/file.h"
#include "base/log.h"
#include "fakes/fake_access_watch.h"
#include "fakes/fake_clock.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"

namespace meshops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kFile = "/home/claw/.openclaw/.env";
std::vector<std::string> g_warnings;

FileAccess cat(WallTime at) {
  return {
      .file = kFile,
      .reader =
          {.pid = 812, .start_ticks = 9, .uid = 1000, .exe = "/usr/bin/cat", .comm = "cat", .cgroup = "/x"},
      .first = at,
      .last = at,
      .times = 1,
      .read = true};
}

struct Watching : testing::Test {
  void SetUp() override {
    g_warnings.clear();
    log::set_sink(
        [](log::Level level, std::string_view, std::string_view sentence, std::initializer_list<log::Field>) {
          if (level == log::Level::warn) g_warnings.emplace_back(sentence);
        });
  }
  void TearDown() override { log::set_sink(nullptr); }

  /// The agent's watch, up and running for a moment.
  std::unique_ptr<SecretWatch> begin() {
    auto find = [this]() -> boost::asio::awaitable<Result<std::set<fs::path>>> { co_return files; };
    auto open = [this](std::function<void()> call) -> Result<std::unique_ptr<AccessWatch>> {
      if (cannot_open) return fail(*cannot_open);
      stirred = std::move(call);
      auto made = std::make_unique<FakeAccessWatch>();
      watch = made.get();
      watch->cannot = cannot_watch;
      return std::unique_ptr<AccessWatch>(std::move(made));
    };
    auto made = std::make_unique<SecretWatch>(directory.path, ProcessInfo{.pid = 77, .start_ticks = 5}, clock,
                                              loop.get_executor(), find, open);
    boost::asio::co_spawn(loop, made->run(), boost::asio::detached);
    loop.poll();
    return made;
  }
  std::vector<store::Reading> readings() {
    auto log = store::AccessLog::read(directory.path / store::AccessLog::kFile);
    return log ? *(*log)->list({}) : std::vector<store::Reading>();
  }
  std::vector<std::string> gaps() {
    std::vector<std::string> out;
    auto log = store::AccessLog::read(directory.path / store::AccessLog::kFile);
    if (!log) return out;
    auto all = (*log)->gaps({}, 100);
    for (const auto& gap : *all) out.push_back(gap.why);
    return out;
  }
  store::WatchRecord record() {
    auto text = read_file(directory.path / store::WatchRecord::kFile);
    EXPECT_TRUE(text);
    return store::parse_watch_record(text.value_or("")).value_or(store::WatchRecord());
  }

  TempDir directory;
  FakeClock clock;
  boost::asio::io_context loop{1};
  Result<std::set<fs::path>> files = std::set<fs::path>{kFile};
  std::optional<Error> cannot_open;
  std::vector<std::pair<fs::path, Error>> cannot_watch;
  FakeAccessWatch* watch = nullptr;
  std::function<void()> stirred;
};

TEST_F(Watching, WatchesWhatHoldsSecretsAndSaysSo) {
  auto watching = begin();
  ASSERT_NE(watch, nullptr);
  EXPECT_THAT(watch->watched, ElementsAre(kFile));
  EXPECT_EQ(record().pid, 77);
  EXPECT_EQ(record().start_ticks, 5U);
  EXPECT_THAT(record().files, ElementsAre(kFile));
  EXPECT_EQ(record().trouble, "");
  EXPECT_THAT(g_warnings, IsEmpty());
  EXPECT_THAT(gaps(), IsEmpty()) << "nothing was watched before";
}

TEST_F(Watching, WritesDownWhatItIsToldWithinSeconds) {
  auto watching = begin();
  watch->waiting.all = {cat(clock.wall())};
  stirred();
  loop.run_for(1500ms);
  auto all = readings();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].file, kFile);
  EXPECT_EQ(all[0].uid, 1000U);
  EXPECT_EQ(all[0].exe, "/usr/bin/cat");
  EXPECT_TRUE(all[0].read);
}

TEST_F(Watching, WhatWasMissedIsAGap) {
  auto watching = begin();
  watch->waiting.missed = {"the queue was full"};
  watching->save();
  EXPECT_THAT(gaps(), ElementsAre("the queue was full"));
}

TEST_F(Watching, TheTimeWithoutAnAgentIsAGapAndTheOldFilesAreWatchedAtOnce) {
  begin();
  clock.advance(2h);
  files = fail(error(WatchCode::no_list, "the child was killed"));
  auto watching = begin();
  EXPECT_THAT(gaps(), ElementsAre("the agent did not watch"));
  EXPECT_THAT(watch->watched, ElementsAre(kFile)) << "as the agent before did";
  EXPECT_THAT(g_warnings, ElementsAre(HasSubstr("the child was killed")));
}

TEST_F(Watching, WithoutTheRightToItOneWarningSaysWhyAndWhatToDo) {
  cannot_open = error(HostCode::not_permitted, "that needs CAP_SYS_ADMIN").hint("run it as root");
  auto watching = begin();
  loop.run_for(50ms);
  EXPECT_THAT(g_warnings, ElementsAre(testing::AllOf(HasSubstr("CAP_SYS_ADMIN"), HasSubstr("run it as root"),
                                                     HasSubstr("secret_watch = false"))));
  EXPECT_EQ(record().trouble, "that needs CAP_SYS_ADMIN");
  EXPECT_THAT(record().files, IsEmpty());
  watching->save();  // as the agent does when it leaves
}

TEST_F(Watching, AFileThatCannotBeWatchedIsSaidOnceAndNotClaimed) {
  cannot_watch = {{kFile, error(FileCode::io, "cannot watch it: not supported")}};
  auto watching = begin();
  EXPECT_THAT(g_warnings, ElementsAre(testing::AllOf(HasSubstr(kFile), HasSubstr("not supported"))));
  EXPECT_THAT(record().files, IsEmpty());
}

TEST_F(Watching, AFileThatIsGoneIsNoTrouble) {
  cannot_watch = {{kFile, error(FileCode::not_found, "there is none")}};
  auto watching = begin();
  EXPECT_THAT(g_warnings, IsEmpty());
  EXPECT_THAT(record().files, IsEmpty());
}

TEST_F(Watching, WhatIsToldAfterItsEndHarmsNobody) {
  auto watching = begin();
  auto call = stirred;
  watching.reset();
  call();
  loop.run_for(20ms);
}

TEST(SecretsInChild, NamesTheFiles) {
  EXPECT_THAT(
      *parse_secret_files(R"({"schema": "meshops.secrets/1", "secrets": [], "files": ["/a", "/b c"]})"),
      ElementsAre("/a", "/b c"));
}

TEST(SecretsInChild, AnythingElseIsRefused) {
  for (const auto* text :
       {"", "[]", "{}", R"({"schema": "meshops.secrets/2", "files": []})",
        R"({"schema": "meshops.secrets/1"})", R"({"schema": "meshops.secrets/1", "files": [1]})",
        R"({"schema": "meshops.secrets/1", "files": ["etc/x"]})"})
    EXPECT_FALSE(parse_secret_files(text)) << text;
}

TEST(SecretsInChild, TheChildIsAskedWithTheAgentsConfiguration) {
  TempDir directory;
  auto program = directory.path / "program";
  ASSERT_TRUE(write_file_atomic(program, R"sh(#!/bin/sh
[ "$*" = "secrets list --format json --config /etc/meshops/other.toml" ] || exit 9
echo '{"schema": "meshops.secrets/1", "files": ["/x.env"]}'
)sh",
                                {.mode = 0755, .uid = {}, .gid = {}}));
  Mesh mesh;
  mesh.source = "/etc/meshops/other.toml";
  auto found = test::run(secrets_in_child(mesh, program.string())());
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_THAT(*found, ElementsAre("/x.env"));
  mesh.source = "/etc/else.toml";
  auto refused = test::run(secrets_in_child(mesh, program.string())());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("exit code 9"));
}

}  // namespace
}  // namespace meshops
