#include "formats/zone_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshops::zone {

namespace {
std::vector<std::string> types(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& record : parse(text, "example.org").records) out.push_back(record.type);
  return out;
}
}  // namespace

TEST(ZoneFile, ARecordHasItsFullOwnerAndPlace) {
  auto zone =
      parse("$ORIGIN example.org.\n$TTL 1h\n@ IN SOA ns hostmaster (1 2\n 3 4 5)\nwww 300 IN A 192.0.2.7\n");
  EXPECT_EQ(zone.apex, "example.org.");
  ASSERT_EQ(zone.records.size(), 2U);
  EXPECT_EQ(zone.records[1].owner, "www.example.org.");
  EXPECT_EQ(zone.records[1].type, "A");
  EXPECT_EQ(zone.records[1].fields, (std::vector<std::string>{"192.0.2.7"}));
  EXPECT_EQ(zone.records[1].line, 5U);
  EXPECT_EQ(zone.records[1].column, 12U);
}

// RFC 3597: a type that has no name is "TYPE" and its number.
TEST(ZoneFile, TypeIsATypeWithANumberOnly) {
  EXPECT_EQ(types(R"(a TYPE65280 \# 0)"), (std::vector<std::string>{"TYPE65280"}));
  EXPECT_EQ(types(R"(a type1 \# 4 c0000207)"), (std::vector<std::string>{"TYPE1"}));
  for (auto no_type : {"a TYPEabc x", "a TYPE x", "a TYPE6\x01 x", "a TYPE6x x", "a TYPE-1 x"})
    EXPECT_TRUE(types(no_type).empty()) << no_type;
}

}  // namespace meshops::zone
