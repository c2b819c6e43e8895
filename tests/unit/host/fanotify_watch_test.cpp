// The real kernel, where we may ask it: who opens a file is told, also after the file was replaced.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "../base/temp_dir.h"
#include "base/file.h"
#include "base/process.h"
#include "host/access_watch.h"

namespace meshops {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FanotifyWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = fanotify_watch([this] { ++stirred; });
    if (!opened) {
      EXPECT_FALSE(opened.error().text().empty());
      GTEST_SKIP() << "not as this user or in this container: " << opened.error().text();
    }
    watch = std::move(*opened);
    ASSERT_TRUE(write_file_atomic(file, "A=b\n"));
  }
  /// What is told of that many opens, waiting for them.
  FileAccesses wait_for(std::uint64_t times) {
    FileAccesses all;
    std::uint64_t seen = 0;
    for (int i = 0; i < 200 && seen < times; ++i) {
      std::this_thread::sleep_for(10ms);
      auto more = watch->take();
      for (auto& access : more.all) {
        seen += access.times;
        all.all.push_back(std::move(access));
      }
      for (auto& why : more.missed) all.missed.push_back(std::move(why));
    }
    return all;
  }
  /// Stays for a moment after it has read, so that it can be seen.
  static void read_by_another(const fs::path& path) {
    auto done = run({"sh", "-c", "read line < \"$0\"; sleep 0.05", path.string()}, {});
    ASSERT_TRUE(done);
  }

  TempDir directory;
  fs::path file = directory.path / "secret.env";
  std::atomic<int> stirred = 0;
  std::unique_ptr<AccessWatch> watch;
};

TEST_F(FanotifyWatchTest, AReaderIsSeenWithUserAndProgram) {
  EXPECT_TRUE(watch->watch({file}).empty());
  read_by_another(file);
  auto seen = wait_for(1);
  ASSERT_EQ(seen.all.size(), 1U);
  EXPECT_EQ(seen.all[0].file, file);
  EXPECT_TRUE(seen.all[0].read);
  EXPECT_EQ(seen.all[0].reader.uid, ::getuid());
  EXPECT_EQ(seen.all[0].reader.comm, "sh");
  EXPECT_EQ(seen.all[0].reader.exe, fs::canonical("/bin/sh"));
  EXPECT_GT(seen.all[0].reader.start_ticks, 0U);
  EXPECT_EQ(stirred.load(), 1) << "told once, however many accesses there are to take";
}

TEST_F(FanotifyWatchTest, WhatWeReadOurselvesIsNotTold) {
  ASSERT_TRUE(watch->watch({file}).empty());
  ASSERT_TRUE(read_file(file));
  read_by_another(file);
  EXPECT_EQ(wait_for(1).all.size(), 1U);
  EXPECT_TRUE(watch->take().all.empty());
}

TEST_F(FanotifyWatchTest, AFileThatIsReplacedStaysWatched) {
  ASSERT_TRUE(watch->watch({file}).empty());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(write_file_atomic(file, "A=new\n"));  // by rename
    std::this_thread::sleep_for(20ms);
    read_by_another(file);
  }
  std::uint64_t times = 0;
  auto seen = wait_for(5);
  for (const auto& access : seen.all) {
    EXPECT_EQ(access.file, file);
    times += access.times;
  }
  EXPECT_EQ(times, 5U);
}

TEST_F(FanotifyWatchTest, AFileThatComesLaterIsWatchedThen) {
  auto later = directory.path / "later.env";
  auto failed = watch->watch({later});
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_TRUE(failed[0].second.is(code_name(FileCode::not_found)));
  ASSERT_TRUE(write_file_atomic(later, "B=c\n"));
  std::this_thread::sleep_for(20ms);
  read_by_another(later);
  EXPECT_EQ(wait_for(1).all.at(0).file, later);
}

TEST_F(FanotifyWatchTest, WhatIsNoFileIsRefusedAndALinkNotFollowed) {
  fs::create_symlink(file, directory.path / "link");
  fs::create_directory(directory.path / "folder");
  ASSERT_EQ(::mkfifo((directory.path / "pipe").c_str(), 0600), 0);
  for (const auto* name : {"link", "folder", "pipe"}) {
    auto failed = watch->watch({directory.path / name});
    ASSERT_EQ(failed.size(), 1U) << name;
    EXPECT_TRUE(failed[0].second.is(code_name(FileCode::not_regular))) << failed[0].second.text();
  }
}

TEST_F(FanotifyWatchTest, NoLongerWatchedNoLongerTold) {
  ASSERT_TRUE(watch->watch({file}).empty());
  ASSERT_TRUE(watch->watch({}).empty());
  read_by_another(file);
  std::this_thread::sleep_for(50ms);
  EXPECT_TRUE(watch->take().all.empty());
}

}  // namespace
}  // namespace meshops
