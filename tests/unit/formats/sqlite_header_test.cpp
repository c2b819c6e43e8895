#include "formats/sqlite_header.h"

#include <gtest/gtest.h>

#include <string>

namespace meshops::sqlite {
namespace {

std::string header() {
  std::string bytes(100, '\0');
  bytes.replace(0, 16, std::string("SQLite format 3\0", 16));
  bytes[16] = 0x10;  // 4096
  bytes[18] = bytes[19] = 2;
  bytes[27] = 9;
  bytes[31] = 5;
  bytes[63] = 18;
  bytes[95] = 9;
  return bytes;
}

TEST(SqliteHeader, SaysSizeVersionAndJournal) {
  auto found = parse_header(header());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->page_size, 4096U);
  EXPECT_EQ(found->pages, 5U);
  EXPECT_EQ(found->user_version, 18U);
  EXPECT_TRUE(found->wal);
}

TEST(SqliteHeader, OnePageOf64KiBIsWrittenAsOne) {
  auto bytes = header();
  bytes[16] = 0, bytes[17] = 1;
  EXPECT_EQ(parse_header(bytes)->page_size, 65536U);
}

TEST(SqliteHeader, ASizeFromBeforeTheLastChangeIsNotBelieved) {
  auto bytes = header();
  bytes[95] = 8;
  EXPECT_EQ(parse_header(bytes)->pages, 0U);
}

TEST(SqliteHeader, AnythingElseIsNone) {
  EXPECT_FALSE(parse_header(""));
  EXPECT_FALSE(parse_header(header().substr(0, 99)));
  auto bytes = header();
  bytes[16] = 0x11;  // no power of two
  EXPECT_FALSE(parse_header(bytes));
  bytes = header();
  bytes[0] = 'X';
  EXPECT_FALSE(parse_header(bytes));
}

}  // namespace
}  // namespace meshops::sqlite
