#include "base/result.h"

#include <gtest/gtest.h>

#include "base/secret.h"

namespace meshops {
namespace {

MESHOPS_ERROR_CODES(TestCode, "test", first, second_one);

Result<int> half(int n) {
  if (n % 2 != 0) return fail(TestCode::second_one, "{} is odd", n);
  return n / 2;
}
Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }

TEST(Result, CodesAreNamedByRoom) {
  EXPECT_EQ(code_name(TestCode::first), "test.first");
  EXPECT_EQ(code_name(TestCode::second_one), "test.second_one");
}
TEST(Result, TryReturnsTheFirstFailure) {
  EXPECT_EQ(*quarter(12), 3);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().text(), "3 is odd");
}
TEST(Result, TheChainReadsAsOneSentence) {
  auto e = error(TestCode::first, "A").because(error(TestCode::second_one, "B").hint("do {}", "C"));
  EXPECT_EQ(e.text(), "A: because B");
  EXPECT_EQ(e.for_people(), "A: because B\n  → do C");
  EXPECT_TRUE(e.is("test.second_one"));
  EXPECT_FALSE(e.is("test.third"));
}
TEST(Secret, CannotBePrinted) {
  static_assert(!fmt::is_formattable<Secret>::value);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  Secret moved(std::string("s3cret"));
  Secret other = std::move(moved);
  EXPECT_EQ(other.reveal(), "s3cret");
  EXPECT_TRUE(moved.empty());  // NOLINT(bugprone-use-after-move): that is the claim
}

}  // namespace
}  // namespace meshops
