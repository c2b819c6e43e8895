#include "mesh/question_order.h"

#include <gtest/gtest.h>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{1h};

Question question(std::uint64_t began, std::uint64_t round, const char* patient = "beta",
                  const char* asker = "alpha") {
  return {.asker = asker, .patient = patient, .round = round, .began = began};
}

struct Order : testing::Test {
  QuestionOrder order{{"alpha", "beta", "gamma"}, 10min};
};

TEST_F(Order, EachQuestionIsTakenOnce) {
  EXPECT_TRUE(order.take(kNow, question(5, 7)));
  EXPECT_FALSE(order.take(kNow, question(5, 7))) << "played back";
  EXPECT_TRUE(order.take(kNow, question(5, 8)));
  EXPECT_FALSE(order.take(kNow, question(5, 7)));
  EXPECT_FALSE(order.take(kNow + 24h, question(5, 7))) << "the same agent never counts down";
  EXPECT_FALSE(order.take(kNow + 24h, question(5, 8)));
  EXPECT_TRUE(order.take(kNow, question(5, 3, "gamma"))) << "each patient has rounds of its own";
  EXPECT_TRUE(order.take(kNow, question(5, 3, "beta", "gamma"))) << "and each asker";
}

TEST_F(Order, WhoBeginsAnewCountsAnew) {
  EXPECT_TRUE(order.take(kNow, question(5, 1'000'000)));
  EXPECT_TRUE(order.take(kNow + 1min, question(6, 30)));
  EXPECT_FALSE(order.take(kNow + 1min, question(5, 1'000'001))) << "of its former life";
  EXPECT_TRUE(order.take(kNow + 1min, question(6, 31)));
}

TEST_F(Order, AClockThatWasSetBackIsBelievedAfterASilence) {
  EXPECT_TRUE(order.take(kNow, question(5, 7)));
  EXPECT_FALSE(order.take(kNow + 10min, question(4, 9)));
  EXPECT_TRUE(order.take(kNow + 10min + 1s, question(4, 9))) << "what was refused breaks no silence";
  EXPECT_FALSE(order.take(kNow + 10min + 1s, question(4, 9)));
  EXPECT_TRUE(order.take(kNow + 10min + 2s, question(4, 10)));
  EXPECT_FALSE(order.take(kNow + 10min + 3s, question(3, 11)));
}

TEST_F(Order, NothingIsKeptOfStrangers) {
  EXPECT_FALSE(order.take(kNow, question(5, 7, "beta", "stranger")));
  // Nothing can be noted about such a patient either, so it is answered each time.
  EXPECT_TRUE(order.take(kNow, question(5, 7, "stranger")));
  EXPECT_TRUE(order.take(kNow, question(5, 7, "stranger")));
}

}  // namespace
}  // namespace meshops::mesh
