#include "base/fnv.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

TEST(Fnv, GivesThePublishedNumbers) {
  EXPECT_EQ(Fnv().value(), 0xcbf29ce484222325U);
  EXPECT_EQ(Fnv().add("a").value(), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(Fnv().add("foobar").value(), 0x85944171f73967e8U);
  EXPECT_EQ(Fnv().add("foo").add("bar").value(), Fnv().add("foobar").value());
  EXPECT_EQ(Fnv().add("\xff").value(), Fnv().add_byte(0xff).value()) << "bytes are not signed";
}

}  // namespace
}  // namespace meshops
