#include "formats/apt_conf.h"

#include <gtest/gtest.h>

namespace meshops::apt {
namespace {

TEST(AptConf, FlatAndNestedNamesAreTheSame) {
  std::string text =
      "// a comment\n"
      "APT::Periodic::Unattended-Upgrade \"1\";\n"
      "APT\n{\n  Periodic { /* x; */ Enable 0; };\n  NeverAutoRemove { \"^linux-.*\"; };\n};\n"
      "Dir \"/\"; # end\n";
  auto all = parse_conf(text);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "apt::periodic::unattended-upgrade");
  EXPECT_EQ(all[0].value, "1");
  EXPECT_EQ(text.substr(all[0].offset, all[0].length), "\"1\"");
  EXPECT_EQ(all[0].line, 2U);
  EXPECT_EQ(all[0].column, 1U);
  EXPECT_EQ(all[1].name, "apt::periodic::enable");
  EXPECT_EQ(all[1].value, "0");
  EXPECT_EQ(all[1].line, 5U);
  EXPECT_EQ(all[1].column, 23U);
  EXPECT_EQ(all[2].name, "dir");
}

}  // namespace
}  // namespace meshops::apt
