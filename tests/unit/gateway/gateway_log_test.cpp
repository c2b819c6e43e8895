// The output file of a gateway that meshops runs itself.
#include "gateway/gateway_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

struct GatewayLog : testing::Test {
  TempDir dir;
  std::filesystem::path path = dir.path / "output.log";
  std::optional<std::uint64_t> seen;

  void write(std::string_view text) { std::ofstream(path, std::ios::app) << text; }
  std::string fresh() {
    auto text = new_lines(path, seen);
    EXPECT_TRUE(text) << text.error().text();
    return text.value_or("");
  }
};

TEST_F(GatewayLog, NewLinesAreReadOnceAndWhole) {
  write("one\ntwo\nthr");
  EXPECT_EQ(fresh(), "one\ntwo\n");
  EXPECT_EQ(fresh(), "");
  write("ee\nfour\n");
  EXPECT_EQ(fresh(), "three\nfour\n");
}

TEST_F(GatewayLog, OfAFloodTheNewestWholeLinesAreRead) {
  for (int i = 0; i < 3000; ++i) write(std::string(999, static_cast<char>('a' + i % 26)) + "\n");
  auto text = fresh();
  EXPECT_LE(text.size(), 1U << 20);
  EXPECT_GT(text.size(), (1U << 20) - 1000);
  EXPECT_EQ(text.find('\n'), 999U);
  EXPECT_EQ(fresh(), "");
}

TEST_F(GatewayLog, AFileThatWasEmptiedIsReadFromItsBegin) {
  write("a long line of before\n");
  fresh();
  std::filesystem::resize_file(path, 0);
  write("new\n");
  EXPECT_EQ(fresh(), "new\n");
}

TEST_F(GatewayLog, RotationLosesNoByteAndSaysHowMuchItTookAway) {
  std::string all;
  for (int i = 0; i < 2000; ++i) all += "line " + std::to_string(i) + "\n";
  write(all);
  auto moved = rotate_gateway_log(path, 4096, 3);
  ASSERT_TRUE(moved) << moved.error().text();
  EXPECT_GT(*moved, 0U);
  auto old = read_file(path.string() + ".1", 1U << 20);
  auto now = read_file(path, 1U << 20);
  ASSERT_TRUE(old && now);
  EXPECT_EQ(*old + *now, all);
  EXPECT_EQ(old->size(), *moved);
}

TEST_F(GatewayLog, AShortOneIsNotRotated) {
  write("short\n");
  EXPECT_EQ(rotate_gateway_log(path, 4096, 3).value_or(9), 0U);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".1"));
}

}  // namespace
}  // namespace meshops
