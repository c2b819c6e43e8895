// Time limits around what is awaited.
#include "agent/within.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>

#include "unit/gateway/loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;

boost::asio::awaitable<int> after(Duration pause) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(pause));
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return 7;
}
boost::asio::awaitable<int> at_once() { co_return 8; }

TEST(Within, GivesWhatComesInTimeAndNothingOtherwise) {
  EXPECT_EQ(test::run(within(5s, after(1ms))), 7);
  EXPECT_EQ(test::run(within(5s, at_once())), 8);
  EXPECT_EQ(test::run(within(1ms, after(50ms))), std::nullopt);
}

}  // namespace
}  // namespace meshops
