// What healing changes on a machine: renames that replace nothing, owners that no link can redirect, logs cut
// in place, and programs run beside the event loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "host/act_as.h"
#include "host/host.h"

using namespace meshops;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

class Changes : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "meshops-changes-XXXXXX").string();
    top_ = fs::canonical(::mkdtemp(name.data()));
  }
  void TearDown() override { fs::remove_all(top_); }
  void put(const fs::path& name, std::string_view bytes) { std::ofstream(top_ / name) << bytes; }
  std::string get(const fs::path& name) { return read_file(top_ / name).value_or("(nothing)"); }

  fs::path top_;
  std::unique_ptr<Host> host_ = local_host();
};

TEST_F(Changes, ARenameNeverReplaces) {
  put("a", "mine");
  put("b", "yours");
  EXPECT_FALSE(host_->rename(top_ / "a", top_ / "b"));
  EXPECT_EQ(get("b"), "yours");
  ASSERT_TRUE(host_->rename(top_ / "a", top_ / "c"));
  EXPECT_EQ(get("c"), "mine");
}

TEST_F(Changes, AnOwnerIsNotChangedThroughALinkOrASecondName) {
  put("target", "x");
  fs::create_directory(top_ / "real");
  put("real/file", "x");
  fs::create_symlink(top_ / "target", top_ / "link");
  fs::create_directory_symlink(top_ / "real", top_ / "way");
  fs::create_hard_link(top_ / "target", top_ / "second");
  auto me = ::geteuid();
  auto group = ::getegid();
  EXPECT_FALSE(host_->set_access(top_ / "link", 0600, me, group));
  EXPECT_FALSE(host_->set_access(top_ / "way/file", 0600, me, group));
  EXPECT_FALSE(host_->set_access(top_ / "target", 0600, me, group)) << "it has a second name";
  ASSERT_TRUE(host_->set_access(top_ / "real/file", 0640, me, group));
  EXPECT_EQ(host_->stat(top_ / "real/file")->mode, 0640U);
}

TEST_F(Changes, ATrimmedLogKeepsItsLastWholeLines) {
  put("log", "first line\nsecond line\nthird\n");
  ASSERT_TRUE(host_->trim(top_ / "log", 10));
  EXPECT_EQ(get("log"), "third\n");
  ASSERT_TRUE(host_->trim(top_ / "log", 100)) << "shorter than that already";
  EXPECT_EQ(get("log"), "third\n");
}

TEST_F(Changes, WhoAppendsToATrimmedLogGoesOn) {
  std::ofstream writer(top_ / "log", std::ios::app);
  writer << std::string(5000, 'x') << "\nkept\n" << std::flush;
  ASSERT_TRUE(host_->trim(top_ / "log", 6));
  writer << "new\n" << std::flush;
  EXPECT_THAT(get("log"), HasSubstr("new\n"));
  EXPECT_LT(get("log").size(), 20U);
}

TEST_F(Changes, ActingAsAnotherGoesNoFurtherThanThatOneMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can act as another";
  put("of-root", "secret");
  ::chmod((top_ / "of-root").c_str(), 0600);
  {
    ActAs nobody(65534, 65534);
    EXPECT_FALSE(host_->read(top_ / "of-root"));
    EXPECT_FALSE(host_->write(top_ / "of-root", "changed", {}));
  }
  EXPECT_EQ(get("of-root"), "secret");
}

TEST_F(Changes, TheFirstStrangerOnTheWayOwnsThePath) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  fs::create_directories(top_ / "home/oc/state");
  ASSERT_EQ(::chown((top_ / "home/oc").c_str(), 65534, 65534), 0);
  EXPECT_EQ(path_owner(*host_, top_ / "home/oc/state/file").uid, 65534U);
  EXPECT_EQ(path_owner(*host_, top_ / "home/file").uid, 0U);
}

}  // namespace
