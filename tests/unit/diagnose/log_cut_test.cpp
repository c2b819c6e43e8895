#include "diagnose/log_cut.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/text.h"

namespace meshops::diagnose {
namespace {

std::string lines(std::string_view what, int n) {
  std::string out;
  for (int i = 1; i <= n; ++i) out += fmt::format("{} {}\n", what, i);
  return out;
}
auto count(std::string_view text) { return std::ranges::count(text, '\n'); }

TEST(CleanLines, HoldNothingThatATerminalObeysOrJsonSwells) {
  EXPECT_EQ(clean_lines("\x1b[31mred\x1b[0m\tthen\x07\r\nnext"), "red then?\nnext\n");
  EXPECT_EQ(clean_lines(std::string_view("a\0b\xff\xc2\x9b"
                                         "c\r\n",
                                         9),
                        100),
            "a?b??c\n");
  EXPECT_EQ(clean_lines("grüße\n"), "grüße\n");
}

TEST(CleanLines, CutAnEndlessLineWithoutReadingIt) {
  std::string endless(64U << 20, 'x');
  auto out = clean_lines(endless, 100);
  EXPECT_EQ(out, std::string(100, 'x') + "…\n");
}

TEST(CleanLines, AreValidWhateverCameIn) {
  rc::check([](const std::string& bytes) {
    auto out = clean_lines(bytes, 16);
    RC_ASSERT(valid_utf8(out));
    RC_ASSERT(std::ranges::none_of(out, [](unsigned char c) { return c < 0x20 && c != '\n'; }));
  });
}

TEST(AroundExits, AShortLogIsWhole) {
  EXPECT_EQ(around_exits("a\nb\n", {}), "a\nb\n");
  EXPECT_EQ(around_exits("", {}), "");
}

TEST(AroundExits, TheLastRunIsWholeAndOfEarlierOnesTheEnd) {
  auto log = lines("first", 90) + "[gateway] loading configuration…\n" + lines("second", 90) +
             "[gateway] loading configuration…\n" + lines("third", 90);
  auto out = around_exits(log, {.lines = 120, .earlier_lines = 10});
  for (int i = 1; i <= 90; ++i) EXPECT_TRUE(out.contains(fmt::format("third {}\n", i))) << i;
  EXPECT_TRUE(out.contains("second 90\n"));
  EXPECT_FALSE(out.contains("second 80\n"));
  EXPECT_TRUE(out.contains("first 90\n"));
  EXPECT_TRUE(out.contains("lines left out)"));
}

TEST(AroundExits, OfALongRunTheBeginningAndTheEndAreKept) {
  auto out = around_exits(lines("run", 5000), {.lines = 100});
  EXPECT_TRUE(out.contains("run 1\n"));
  EXPECT_TRUE(out.contains("run 5000\n"));
  EXPECT_TRUE(out.contains("(4900 lines left out)\n"));
}

TEST(AroundExits, NeverTakesMoreThanItsBudget) {
  rc::check([](const std::vector<std::uint8_t>& lengths) {
    std::string log;
    for (auto n : lengths)
      log += (n % 7 == 0 ? "loading configuration" : "") + std::string(n, n % 3 == 0 ? '"' : 'x') + "\n";
    auto out = around_exits(log, {.lines = 20, .bytes = 1000, .earlier_lines = 5});
    RC_ASSERT(count(out) <= 20 + 21);
    RC_ASSERT(out.size() + static_cast<std::size_t>(std::ranges::count(out, '"')) <= 1000U + 21U * 30U);
  });
}

TEST(NotBefore, CutsByTheTimeOfEachLineAndKeepsLineNumbers) {
  auto cut = not_before(
      "no time yet\n2026-11-24T05:00:00.000Z old\n  its stack\n2026-11-24T06:00:00.000Z new\n  its stack\n",
      *parse_iso8601("2026-11-24T05:30:00Z"));
  EXPECT_TRUE(cut.timed);
  EXPECT_EQ(cut.text, "\n\n\n2026-11-24T06:00:00.000Z new\n  its stack\n");
}

TEST(DateTail, GivesTheLastWordsOfAGatewayTheTimeOfItsEnd) {
  auto at = *parse_iso8601("2026-11-24T06:00:00Z");
  auto log = date_tail("2026-11-24T01:00:00.000Z [gateway] ready\nGateway start blocked: x\n  more\n", at);
  EXPECT_EQ(log,
            "2026-11-24T01:00:00.000Z [gateway] ready\n2026-11-24T06:00:00.000Z (what follows has no time)\n"
            "Gateway start blocked: x\n  more\n");
  EXPECT_TRUE(not_before(log, at).text.contains("start blocked"));
  EXPECT_EQ(date_tail(log.substr(0, 41), at), log.substr(0, 41)) << "nothing follows";
  EXPECT_EQ(date_tail("", at), "");
  EXPECT_EQ(date_tail("plain", at), "2026-11-24T06:00:00.000Z (what follows has no time)\nplain");
}

TEST(NotBefore, ALogWithoutTimesStaysWhole) {
  auto cut = not_before("a\nb\n", *parse_iso8601("2026-11-24T05:30:00Z"));
  EXPECT_FALSE(cut.timed);
  EXPECT_EQ(cut.text, "a\nb\n");
}

}  // namespace
}  // namespace meshops::diagnose
