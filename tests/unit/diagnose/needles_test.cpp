#include "diagnose/needles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "diagnose/everyday.h"
#include "diagnose/finder.h"
#include "diagnose/signatures.h"

namespace meshops::diagnose {

namespace {
using Strings = std::vector<std::string>;

/// Whether one of the pattern's needles stands in `match`, which is in lower case.
bool leads_to(std::string_view pattern, std::string_view match) {
  return std::ranges::any_of(needles_of(pattern), [&](const auto& needle) { return match.contains(needle); });
}
}  // namespace

TEST(Needles, OneStandsInEachMatch) {
  const std::pair<const char*, Strings> kCases[] = {
      {"(alpha|beta) [0-9]+", {"alpha 1", "beta 22"}},
      {"colou?rful", {"colorful", "colourful"}},
      {"foo(bar|baz)?qux", {"fooqux", "foobarqux", "foobazqux"}},
      {R"(a\.b{2,3}ccc)", {"a.bbccc", "a.bbbccc"}},
      {R"((status|code)[ =]{1,4}40[14]\b)", {"status 401", "code= 404", "code=401", "status  = 404"}},
      {"^Killed$", {"killed"}},
      {"aa(b|cd)+e", {"aabe", "aacdbcde"}},
      {"x[^y]z(one|two|)!!", {"x-zone!!", "x.ztwo!!", "x z!!"}},
  };
  for (const auto& [pattern, matches] : kCases)
    for (const auto& match : matches) EXPECT_TRUE(leads_to(pattern, match)) << pattern << " in " << match;
}

TEST(Needles, OfWhatMatchesAlmostAnythingThereAreNone) {
  EXPECT_TRUE(needles_of("(a|[0-9]+)").empty());
  EXPECT_TRUE(needles_of("(frozen)?").empty());
  EXPECT_TRUE(needles_of("(frozen)*|stuck").empty());
}

TEST(Needles, AreRareInAnEverydayLog) {
  EXPECT_EQ(needles_of("session.*stuck"), (Strings{"stuck"}));
  for (const auto& needle : needles_of("gateway ready and (broken|gone)"))
    EXPECT_EQ(times_in_everyday_lines(needle), 0U) << needle;
}

TEST(Needles, EachPatternHasSome) {
  for (const auto& s : signatures()) {
    EXPECT_FALSE(needles_of(s.pattern).empty()) << s.id;
    for (const auto& needle : needles_of(s.pattern)) {
      EXPECT_GE(needle.size(), Finder::kShortest) << s.id;
      EXPECT_LE(needle.size(), Finder::kLongest) << s.id;
    }
  }
}

TEST(Everyday, CountsWhatAHealthyNodeWrites) {
  EXPECT_GT(times_in_everyday_lines("gateway"), 5U);
  EXPECT_GT(times_in_everyday_lines("in"), times_in_everyday_lines("ing"));
  EXPECT_EQ(times_in_everyday_lines("econnrefused"), 0U);
  EXPECT_EQ(times_in_everyday_lines(std::string(1, '\0')), 0U);
}

TEST(Everyday, TheRarestPartIsAPart) {
  EXPECT_EQ(rarest_part("stuck", 8), "stuck");
  EXPECT_EQ(times_in_everyday_lines(rarest_part("the gateway qzx", 4)), 0U);
  EXPECT_EQ(rarest_part("the gateway qzx", 4).size(), 4U);
}

}  // namespace meshops::diagnose
