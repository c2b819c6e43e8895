#include "formats/version_range.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

constexpr auto kEngines = ">=24.16.0 <25 || >=26.1.0";

TEST(Versions, AreOrderedByNumberNotByLetter) {
  EXPECT_EQ(compare_versions("2026.9.6", "2026.10.1"), std::strong_ordering::less);
  EXPECT_EQ(compare_versions("v24.16.0", "24.16"), std::strong_ordering::equal);
  EXPECT_EQ(compare_versions("2026.9.6-beta.2", "2026.9.6"), std::strong_ordering::equal);
  EXPECT_FALSE(compare_versions("latest", "1.0"));
  EXPECT_FALSE(compare_versions("", "1.0"));
}

TEST(VersionRange, AlternativesEachHoldAllTheirComparators) {
  for (auto fits : {"24.16.0", "24.99.1", "26.1.0", "v26.10.0", "30.0.0"})
    EXPECT_EQ(in_version_range(fits, kEngines), true) << fits;
  for (auto not_in : {"20.20.2", "24.15.9", "25.0.0", "26.0.9"})
    EXPECT_EQ(in_version_range(not_in, kEngines), false) << not_in;
}

TEST(VersionRange, ShortFormsAreThoseOfNpm) {
  EXPECT_EQ(in_version_range("20.3.0", "^20.1"), true);
  EXPECT_EQ(in_version_range("21.0.0", "^20.1"), false);
  EXPECT_EQ(in_version_range("0.3.0", "^0.2.1"), false);
  EXPECT_EQ(in_version_range("1.2.9", "~1.2.3"), true);
  EXPECT_EQ(in_version_range("1.3.0", "~1.2.3"), false);
  EXPECT_EQ(in_version_range("22.7.1", "22.x"), true);
  EXPECT_EQ(in_version_range("22.7.1", "22"), true);
  EXPECT_EQ(in_version_range("20.5.0", "<=20"), true);
  EXPECT_EQ(in_version_range("20.5.0", ">20"), false);
  EXPECT_EQ(in_version_range("18.0.0", ">= 18"), true);
  EXPECT_EQ(in_version_range("1.0.0", "*"), true);
  EXPECT_EQ(in_version_range("1.0.0", ""), true);
}

TEST(VersionRange, WhatItDoesNotUnderstandItDoesNotJudge) {
  for (auto range : {"1.0 - 2.0", "latest", ">=", ">= >= 1", "1.2.3.4", ">=99999999999999", "<x"})
    EXPECT_FALSE(in_version_range("1.5.0", range)) << range;
  EXPECT_FALSE(in_version_range("gone", kEngines));
}

}  // namespace
}  // namespace meshops
