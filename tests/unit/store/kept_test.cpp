#include "store/kept.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../base/temp_dir.h"
#include "base/file.h"

namespace meshops::store {
namespace {

namespace fs = std::filesystem;

class KeptTest : public testing::Test {
 protected:
  mode_t mode_of(const fs::path& path) {
    struct stat st{};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_mode & 0777U;
  }
  TempDir dir;
  fs::path place = dir.path / "kept";
  Kept kept{place};
};

TEST_F(KeptTest, BytesComeBackByTheNameTheyGive) {
  const std::string bytes("{\"token\": \"x\"}\0\xff", 16);
  auto name = kept.put(bytes);
  ASSERT_TRUE(name);
  EXPECT_EQ(*kept.get(*name), bytes);
  // printf '' | sha256sum
  EXPECT_EQ(*kept.put(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(*kept.get(*kept.put("")), "");
}
TEST_F(KeptTest, OnlyItsOwnerMayLook) {
  auto name = *kept.put("secret");
  EXPECT_EQ(mode_of(place), 0700U);
  EXPECT_EQ(mode_of(place / name), 0600U);
}
TEST_F(KeptTest, TheSameBytesAreKeptOnce) {
  EXPECT_EQ(*kept.put("a"), *kept.put("a"));
  EXPECT_NE(*kept.put("a"), *kept.put("b"));
  EXPECT_EQ(std::distance(fs::directory_iterator(place), fs::directory_iterator()), 2);
}
TEST_F(KeptTest, ANameLeadsNowhereElse) {
  ASSERT_TRUE(kept.put("a"));
  ASSERT_TRUE(write_file_atomic(dir.path / "outside", "o"));
  for (const char* name : {"../outside", "", ".", "/etc/passwd", "abc"})
    EXPECT_TRUE(kept.get(name).error().is("store.not_found")) << name;
  EXPECT_TRUE(kept.get(std::string(64, '0')).error().is("store.not_found"));
}
TEST_F(KeptTest, DamagedBytesAreNeverGivenOutAndMendedByTheNextPut) {
  auto name = *kept.put("good");
  ASSERT_TRUE(write_file_atomic(place / name, "bad!"));
  EXPECT_TRUE(kept.get(name).error().is("store.damaged"));
  ASSERT_EQ(*kept.put("good"), name);
  EXPECT_EQ(*kept.get(name), "good");
}
TEST_F(KeptTest, KeepOnlyRemovesTheRestAndWhatAKilledProcessLeft) {
  auto a = *kept.put("aaaa"), b = *kept.put("bbbbbb");
  ASSERT_TRUE(write_file_atomic(place / (b + ".meshops-Xy12Zq"), "half"));
  ASSERT_TRUE(write_file_atomic(place / "README", "not ours"));
  EXPECT_EQ(*kept.keep_only({a}), 10U);
  EXPECT_EQ(*kept.get(a), "aaaa");
  EXPECT_FALSE(kept.get(b));
  EXPECT_TRUE(fs::exists(place / "README"));
  EXPECT_FALSE(fs::exists(place / (b + ".meshops-Xy12Zq")));
}
TEST_F(KeptTest, NothingKeptYetIsNothingToRemove) { EXPECT_EQ(*kept.keep_only({}), 0U); }

}  // namespace
}  // namespace meshops::store
