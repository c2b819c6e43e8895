#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
mode_t mode_of(const fs::path& p) {
  struct stat st{};
  ::stat(p.c_str(), &st);
  return st.st_mode & 07777;
}

TEST(File, ReadsProcFilesWhoseSizeIsZero) {
  auto text = read_file("/proc/self/status");
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->contains("Pid:"));
}
TEST(File, MissingFileSaysWhichAndWhy) {
  auto text = read_file("/nowhere/x");
  ASSERT_FALSE(text);
  EXPECT_TRUE(text.error().is("file.not_found"));
  EXPECT_EQ(text.error().text(), "cannot read /nowhere/x: because No such file or directory");
}
TEST(File, TooLargeIsAnErrorNotACutText) {
  TempDir dir;
  std::ofstream(dir.path / "f") << "12345";
  EXPECT_TRUE(read_file(dir.path / "f", 5));
  auto cut = read_file(dir.path / "f", 4);
  ASSERT_FALSE(cut);
  EXPECT_TRUE(cut.error().is("file.too_large"));
}
TEST(File, FifoDoesNotBlockTheReader) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir.path / "pipe").c_str(), 0600), 0);
  auto text = read_file(dir.path / "pipe");
  ASSERT_FALSE(text);
  EXPECT_TRUE(text.error().is("file.not_regular"));
}

TEST(File, NewFileGetsTheModeAskedFor) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir.path / "f", "x", {.mode = 0640}));
  EXPECT_EQ(slurp(dir.path / "f"), "x");
  EXPECT_EQ(mode_of(dir.path / "f"), 0640);
}
TEST(File, ExistingFileKeepsItsMode) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir.path / "f", "old", {.mode = 0604}));
  ASSERT_TRUE(write_file_atomic(dir.path / "f", "new", {.mode = 0600}));
  EXPECT_EQ(slurp(dir.path / "f"), "new");
  EXPECT_EQ(mode_of(dir.path / "f"), 0604);
}
TEST(File, ExistingFileKeepsItsOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir.path / "f", "old"));
  ASSERT_EQ(::chown((dir.path / "f").c_str(), 1234, 2345), 0);
  ASSERT_TRUE(write_file_atomic(dir.path / "f", "new"));
  struct stat st{};
  ::stat((dir.path / "f").c_str(), &st);
  EXPECT_EQ(st.st_uid, 1234U);
  EXPECT_EQ(st.st_gid, 2345U);
}
TEST(File, SymbolicLinkStaysAndItsTargetChanges) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir.path / "target", "old"));
  fs::create_symlink("target", dir.path / "link");
  ASSERT_TRUE(write_file_atomic(dir.path / "link", "new"));
  EXPECT_TRUE(fs::is_symlink(dir.path / "link"));
  EXPECT_EQ(slurp(dir.path / "target"), "new");
}
TEST(File, FailedWriteLeavesTheOldBytesAndNoLitter) {
  TempDir dir;
  fs::create_directory(dir.path / "d");
  ASSERT_FALSE(write_file_atomic(dir.path / "d", "x"));
  ASSERT_FALSE(write_file_atomic(dir.path / "missing" / "f", "x"));
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& e : fs::directory_iterator(dir.path)) ++entries;
  EXPECT_EQ(entries, 1U);
}
TEST(File, DirectoriesAreMadeWithTheirParents) {
  TempDir dir;
  ASSERT_TRUE(make_directories(dir.path / "a/b/c"));
  EXPECT_EQ(mode_of(dir.path / "a/b"), 0700);
  EXPECT_TRUE(make_directories(dir.path / "a/b/c"));
  ASSERT_TRUE(write_file_atomic(dir.path / "f", ""));
  EXPECT_FALSE(make_directories(dir.path / "f/g"));
}

}  // namespace
}  // namespace meshops
