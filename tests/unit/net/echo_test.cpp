// Echo of this machine by itself, where this user may ping at all.
#include "net/echo.h"

#include <gtest/gtest.h>

#include <array>

namespace meshops {
namespace {

using namespace std::chrono_literals;

TEST(Echo, OfLoopbackComesBackInEverySize) {
  constexpr std::array<unsigned, 3> kSizes{84, 1500, 9000};
  auto answer = echo("127.0.0.1", kSizes, 5s);
  if (!answer && answer.error().is("net.not_permitted")) GTEST_SKIP() << answer.error().text();
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_EQ(answer->sizes.size(), kSizes.size());
  for (const auto& size : answer->sizes) EXPECT_TRUE(size.took) << size.bytes;
  EXPECT_EQ(answer->refusal, "");
}

TEST(Echo, OfAnythingButAnAddressIsRefused) {
  constexpr std::array<unsigned, 1> kSize{84};
  auto answer = echo("localhost", kSize, 1s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), "net.bad_url");
}

}  // namespace
}  // namespace meshops
