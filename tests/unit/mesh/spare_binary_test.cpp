// The copy of meshops that is put back: kept, checked, restored, and taken back again.
#include "mesh/spare_binary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "unit/base/temp_dir.h"

namespace meshops::mesh {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Spare : public testing::Test {
 protected:
  Spare() { EXPECT_TRUE(write_file_atomic(target, "#!/bin/sh\necho the good one\n", {.mode = 0755})); }
  TempDir directory;
  fs::path target = directory.path / "meshops";
  SpareBinary spare{directory.path / "state"};
  fs::path copy = directory.path / "state/spare/meshops", sum = directory.path / "state/spare/meshops.sha256";
  std::string good = "#!/bin/sh\necho the good one\n";

  void breaks(std::string_view bytes) { ASSERT_TRUE(write_file_atomic(target, bytes)); }
  mode_t mode(const fs::path& path) {
    struct stat is{};
    EXPECT_EQ(::stat(path.c_str(), &is), 0) << path;
    return is.st_mode & 07777;
  }
};

TEST_F(Spare, PutsBackTheBytesThatRanWellAndKeepsTheOldOnesBeside) {
  ASSERT_TRUE(spare.keep(target, target));
  EXPECT_EQ(mode(directory.path / "state/spare"), 0700U);
  breaks("#!/bin/");
  auto restored = spare.restore();
  ASSERT_TRUE(restored) << restored.error().text();
  EXPECT_FALSE(restored->was_right);
  EXPECT_EQ(*read_file(target), good);
  EXPECT_EQ(mode(target), 0755U);
  EXPECT_EQ(*read_file(*restored->before), "#!/bin/");
  ASSERT_TRUE(SpareBinary::roll_back(*restored));
  EXPECT_EQ(*read_file(target), "#!/bin/") << "it did not help: all is as it was";
  EXPECT_FALSE(fs::exists(*restored->before));
}

TEST_F(Spare, PutsBackOneThatIsGoneOrMayNotRun) {
  ASSERT_TRUE(spare.keep(target, target));
  fs::remove(target);
  auto gone = spare.restore();
  ASSERT_TRUE(gone) << gone.error().text();
  EXPECT_EQ(gone->before, std::nullopt);
  EXPECT_EQ(*read_file(target), good);
  ::chmod(target.c_str(), 0644);
  auto barred = spare.restore();
  ASSERT_TRUE(barred) << barred.error().text();
  EXPECT_FALSE(barred->was_right);
  EXPECT_EQ(mode(target), 0755U);
}

TEST_F(Spare, LeavesWhatIsRightAlone) {
  ASSERT_TRUE(spare.keep(target, target));
  auto before = fs::last_write_time(target);
  auto restored = spare.restore();
  ASSERT_TRUE(restored);
  EXPECT_TRUE(restored->was_right);
  EXPECT_EQ(fs::last_write_time(target), before);
  auto kept = fs::last_write_time(copy);
  ASSERT_TRUE(spare.keep(target, target));
  EXPECT_EQ(fs::last_write_time(copy), kept) << "kept already";
}

TEST_F(Spare, SaysThatThereIsNone) {
  auto none = spare.restore();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), "remote.cannot");
  EXPECT_THAT(none.error().for_people(), HasSubstr("meshops mesh keys install"));
}

TEST_F(Spare, ADamagedSpareIsNotPutBack) {
  ASSERT_TRUE(spare.keep(target, target));
  auto line = *read_file(sum);
  breaks("broken");
  ASSERT_TRUE(write_file_atomic(copy, good + "x"));
  EXPECT_THAT(spare.restore().error().text(), HasSubstr("not what its checksum says"));
  ASSERT_TRUE(write_file_atomic(copy, good));
  for (const auto& bad : {std::string(), std::string("x\n"), line.substr(1), line + "more\n",
                          line.substr(0, 64) + "  relative\n"}) {
    ASSERT_TRUE(write_file_atomic(sum, bad));
    EXPECT_FALSE(spare.restore()) << bad;
  }
  EXPECT_EQ(*read_file(target), "broken");
  ASSERT_TRUE(write_file_atomic(sum, line));
  EXPECT_TRUE(spare.restore());
}

TEST_F(Spare, ANewVersionThatRanWellTakesItsPlace) {
  ASSERT_TRUE(spare.keep(target, target));
  breaks("#!/bin/sh\necho version two\n");
  ASSERT_TRUE(spare.keep(target, target));
  breaks("x");
  ASSERT_TRUE(spare.restore());
  EXPECT_EQ(*read_file(target), "#!/bin/sh\necho version two\n");
  for (const auto& entry : fs::directory_iterator(directory.path / "state/spare"))
    EXPECT_THAT(entry.path().filename().string(), testing::AnyOf("meshops", "meshops.sha256"));
}

TEST_F(Spare, ItsChecksumIsOneThatSha256sumReads) {
  ASSERT_TRUE(write_file_atomic(target, "abc"));
  ASSERT_TRUE(spare.keep(target, target));
  EXPECT_EQ(*read_file(sum),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  " + target.string() + "\n");
}

}  // namespace
}  // namespace meshops::mesh
