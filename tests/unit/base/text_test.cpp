#include "base/text.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

TEST(Text, SplitKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
}
TEST(Text, WordsHasNoEmptyOnes) { EXPECT_EQ(words("  a \t b\n"), (std::vector<std::string_view>{"a", "b"})); }
TEST(Text, TrimTakesBlanksAtBothEnds) { EXPECT_EQ(trim(" \t x y \r\n"), "x y"); }

TEST(Text, NearestFindsTheTypo) {
  std::string_view keys[] = {"probe_interval", "name", "port"};
  EXPECT_EQ(nearest("nmae", keys), "name");
  EXPECT_EQ(nearest("probe_intervall", keys), "probe_interval");
}
TEST(Text, NearestIsSilentWhenNothingIsNear) {
  std::string_view keys[] = {"probe_interval", "name"};
  EXPECT_EQ(nearest("zebra", keys), std::nullopt);
  EXPECT_EQ(nearest("", keys), std::nullopt);
}

TEST(Text, PrintableShowsWhatCouldDriveATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("grün"), "grün");
  EXPECT_EQ(printable("\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as a C1 control
}
TEST(Text, QuoteCutsTheMiddleOfLongTexts) { EXPECT_EQ(quote("abcdefghij", 4), "'ab…ij'"); }

TEST(Text, Utf8RefusesSurrogatesAndOverlongForms) {
  EXPECT_TRUE(valid_utf8("€𝄞"));
  EXPECT_FALSE(valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(valid_utf8("\xe0\x80\x80"));
  EXPECT_FALSE(valid_utf8("\xf4\x90\x80\x80"));
}

TEST(Text, BytesReadAndWritten) {
  EXPECT_EQ(parse_bytes("10MiB"), 10U << 20);
  EXPECT_EQ(parse_bytes("512k"), 512U * 1024);
  EXPECT_EQ(parse_bytes("3 GB"), 3'000'000'000U);
  EXPECT_EQ(parse_bytes("99999999999999999999"), std::nullopt);
  EXPECT_EQ(parse_bytes("18446744073709551615k"), std::nullopt);
  EXPECT_EQ(parse_bytes("ten"), std::nullopt);
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(to_number<int>("12"), 12);
  EXPECT_EQ(to_number<int>("12x"), std::nullopt);
  EXPECT_EQ(to_number<unsigned>("-1"), std::nullopt);
  EXPECT_EQ(to_number<int>(""), std::nullopt);
}

}  // namespace
}  // namespace meshops
