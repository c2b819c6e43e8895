// LocalHost's files and RootedHost, which must never lead out of its root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "host/host.h"
#include "host/rooted_files.h"

using namespace meshops;
namespace fs = std::filesystem;
using testing::ElementsAre;

namespace {

class Hosts : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "meshops-host-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    root_ = top_ / "root";
    fs::create_directories(root_ / "etc");
    put(root_ / "etc/file", "inside");
    put(top_ / "outside", "outside");
  }
  void TearDown() override { fs::remove_all(top_); }
  static void put(const fs::path& path, std::string_view bytes) { std::ofstream(path) << bytes; }
  static std::string get(const fs::path& path) { return read_file(path).value_or("(nothing)"); }

  fs::path top_, root_;
};

TEST_F(Hosts, ALocalFileIsReadWrittenListedAndLookedAt) {
  auto host = local_host();
  auto path = top_ / "new";
  ASSERT_TRUE(host->write(path, "hello", {.mode = 0640, .uid = {}, .gid = {}}));
  EXPECT_EQ(*host->read(path), "hello");
  auto info = host->stat(path);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->kind, FileInfo::Kind::regular);
  EXPECT_EQ(info->mode, 0640U);
  EXPECT_EQ(info->size, 5U);
  EXPECT_EQ(info->uid, ::geteuid());
  EXPECT_GT(info->modified.time_since_epoch().count(), 1'600'000'000'000);
  EXPECT_THAT(*host->list(top_), ElementsAre("new", "outside", "root"));
}

TEST_F(Hosts, APieceOfAFileIsReadFromEitherEnd) {
  put(root_ / "etc/long", "0123456789");
  for (auto* host : {local_host().release(), rooted_host(root_).release()}) {
    std::unique_ptr<Host> owned(host);
    auto path = host->live() ? root_ / "etc/long" : fs::path("/etc/long");
    EXPECT_EQ(host->read_part(path, 2, 3)->bytes, "234");
    EXPECT_EQ(host->read_part(path, -3, 100)->bytes, "789");
    EXPECT_EQ(host->read_part(path, -100, 4)->bytes, "0123");
    EXPECT_EQ(host->read_part(path, 20, 4)->bytes, "");
    EXPECT_EQ(host->read_part(path, 0, 1)->file.size, 10U);
    EXPECT_FALSE(host->read_part(path.parent_path(), 0, 1)) << "a directory";
  }
}

TEST_F(Hosts, ALinkIsSeenAsALinkAndReadThrough) {
  auto host = local_host();
  fs::create_symlink("outside", top_ / "link");
  EXPECT_EQ(host->stat(top_ / "link")->kind, FileInfo::Kind::symlink);
  EXPECT_EQ(*host->read_link(top_ / "link"), "outside");
  EXPECT_EQ(*host->read(top_ / "link"), "outside");
  EXPECT_FALSE(host->read_link(top_ / "outside"));
}

TEST_F(Hosts, WhatIsNotThereIsNotFound) {
  for (auto* host : {local_host().release(), rooted_host(root_).release()}) {
    std::unique_ptr<Host> owner(host);
    EXPECT_EQ(host->read("/no/such", kReadLimit).error().code(), "file.not_found");
    EXPECT_EQ(host->stat("/no/such").error().code(), "file.not_found");
    EXPECT_EQ(host->list("/no/such").error().code(), "file.not_found");
    EXPECT_EQ(host->read_link("/no/such").error().code(), "file.not_found");
  }
}

TEST_F(Hosts, PathsOfARootedHostStartAtItsRoot) {
  auto host = rooted_host(root_);
  EXPECT_FALSE(host->live());
  EXPECT_EQ(*host->read("/etc/file"), "inside");
  EXPECT_EQ(*host->read("etc/file"), "inside");
  EXPECT_THAT(*host->list("/"), ElementsAre("etc"));
  EXPECT_EQ(host->stat("/")->kind, FileInfo::Kind::directory);
}

TEST_F(Hosts, NothingLeadsOutOfTheRoot) {
  auto host = rooted_host(root_);
  fs::create_symlink(top_ / "outside", root_ / "absolute");
  fs::create_symlink("../../outside", root_ / "etc/relative");
  fs::create_symlink("/etc", root_ / "inner");
  fs::create_symlink(top_, root_ / "up");
  EXPECT_FALSE(host->read("/absolute"));
  EXPECT_FALSE(host->read("/etc/relative"));
  EXPECT_FALSE(host->read("/../outside"));
  EXPECT_FALSE(host->read("/etc/../../outside"));
  EXPECT_FALSE(host->read("/up/outside"));
  EXPECT_FALSE(host->list("/up"));
  EXPECT_EQ(*host->read("/inner/file"), "inside");  // an absolute link means the root's own /etc
}

TEST_F(Hosts, WritingThroughALinkStaysInside) {
  auto host = rooted_host(root_);
  fs::create_symlink("/etc/file", root_ / "good");
  ASSERT_TRUE(host->write("/good", "changed", {}));
  EXPECT_EQ(get(root_ / "etc/file"), "changed");
  EXPECT_TRUE(fs::is_symlink(root_ / "good"));

  fs::create_symlink(top_ / "outside", root_ / "bad");
  fs::create_symlink("../../outside", root_ / "etc/worse");
  EXPECT_FALSE(host->write("/bad", "gone", {}));
  // Taken inside the root this is "/outside", a new file there.
  (void)host->write("/etc/worse", "gone", {});
  EXPECT_EQ(get(top_ / "outside"), "outside");
}

TEST_F(Hosts, AnErrorNamesThePathThatWasAskedFor) {
  auto host = rooted_host(root_);
  fs::create_directory(root_ / "dir");
  auto read = host->read("/dir");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().text(), testing::HasSubstr("/dir"));
  EXPECT_THAT(read.error().text(), testing::Not(testing::HasSubstr("/proc/")));
  EXPECT_EQ(host->read("/etc/file", 2).error().code(), "file.too_large");
}

TEST_F(Hosts, ByHandALinkThatLeadsOutIsRefused) {
  fs::create_symlink(top_ / "outside", root_ / "absolute");
  fs::create_symlink("file", root_ / "etc/near");
  auto by_hand = [&](const fs::path& path, bool follow) {
    return open_in_root(root_, path, follow, Resolver::by_hand);
  };
  EXPECT_TRUE(by_hand("/etc/file", true));
  EXPECT_TRUE(by_hand("/etc/near", true));
  EXPECT_TRUE(by_hand("/absolute", false));  // the link itself is inside
  auto out = by_hand("/absolute", true);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), "host.not_permitted");
  EXPECT_FALSE(by_hand("/../outside", true));
  fs::create_directories(top_ / "rootlike");
  fs::create_symlink("../rootlike", root_ / "sibling");  // "root" is a prefix of its name only
  EXPECT_FALSE(by_hand("/sibling", true));
}

TEST_F(Hosts, ADirectoryRunsNothingAndSaysSo) {
  auto host = rooted_host(root_);
  EXPECT_EQ(host->processes().error().code(), "host.not_here");
  EXPECT_EQ(host->process(1).error().code(), "host.not_here");
  EXPECT_EQ(host->listeners().error().code(), "host.not_here");
  EXPECT_EQ(host->listeners_on(1).error().code(), "host.not_here");
  EXPECT_EQ(host->file_systems().error().code(), "host.not_here");
  EXPECT_EQ(host->process_environment(1, {}).error().code(), "host.not_here");
  EXPECT_THAT(host->processes().error().text(), testing::HasSubstr(root_.string()));
}

TEST_F(Hosts, AccountsAreThoseOfTheRoot) {
  put(root_ / "etc/passwd", "claw:x:1000:1000::/home/claw:/bin/sh\n");
  auto accounts = rooted_host(root_)->accounts();
  ASSERT_TRUE(accounts);
  ASSERT_EQ(accounts->size(), 1U);
  EXPECT_EQ(accounts->front().name, "claw");
  auto local = local_host()->accounts();
  ASSERT_TRUE(local);
  EXPECT_TRUE(std::ranges::any_of(*local, [](const Account& a) { return a.uid == 0; }));
}

TEST_F(Hosts, AJournalThatIsNotThereOrEmptyIsNoCrash) {
  auto host = rooted_host(root_);
  EXPECT_EQ(host->journal({}).error().code(), "file.not_found");
  fs::create_directories(root_ / "var/log/journal/0123456789abcdef0123456789abcdef");
  put(root_ / "var/log/journal/0123456789abcdef0123456789abcdef/system.journal", "this is not a journal");
  JournalQuery query;
  query.unit = "x.service";
  query.last = 10;
  auto entries = host->journal(query);
  ASSERT_TRUE(entries) << entries.error().text();
  EXPECT_TRUE(entries->empty());
  query.after_cursor = "nonsense";
  query.last = 0;
  EXPECT_EQ(host->journal(query).error().code(), "host.parse");
}

}  // namespace
