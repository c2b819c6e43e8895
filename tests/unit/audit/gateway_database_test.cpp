#include "audit/gateway_database.h"

#include <gtest/gtest.h>

namespace meshops::audit {
namespace {

TEST(QuickCheck, HostileBytesAreNoDatabaseAndNoCrash) {
  EXPECT_EQ(quick_check("").value(), "file is not a database");
  std::string bytes(8192, '\xff');
  EXPECT_EQ(quick_check(bytes).value(), "file is not a database");
  bytes.replace(0, 16, std::string("SQLite format 3\0", 16));
  EXPECT_NE(quick_check(bytes).value_or("not judged"), "ok");
}

}  // namespace
}  // namespace meshops::audit
