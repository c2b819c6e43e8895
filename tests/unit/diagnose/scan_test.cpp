#include "diagnose/scan.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "diagnose/everyday.h"
#include "diagnose/needles.h"
#include "diagnose/signatures.h"

namespace meshops::diagnose {

namespace {

const Scanner& all() {
  static const Scanner scanner(signatures());
  return scanner;
}

std::unique_ptr<re2::RE2> compiled(const char* pattern) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_case_sensitive(false);
  return std::make_unique<re2::RE2>(pattern, options);
}

}  // namespace

// The needles are a shortcut: they must lose nothing that the patterns alone find.
TEST(Scan, FindsOnALineWhateverAPatternAloneFinds) {
  std::vector<std::unique_ptr<re2::RE2>> patterns;
  for (const auto& s : signatures()) patterns.push_back(compiled(s.pattern));
  std::vector<std::string> lines;
  for (const auto& s : signatures()) {
    if (s.example.find('\n') != s.example.npos) continue;
    lines.emplace_back(s.example);
    lines.push_back("Jun 27 10:15:02 node-1 app[1]: " + std::string(s.example) + " (seen)");
  }
  for (const auto& line : lines) {
    std::set<std::size_t> found;
    for (const auto& hit : all().scan(line)) found.insert(hit.signature);
    for (std::size_t i = 0; i < patterns.size(); ++i)
      if (!is_weak(signatures()[i].id)) {
        EXPECT_EQ(re2::RE2::PartialMatch(line, *patterns[i]), found.contains(i))
            << signatures()[i].id << ": " << line;
      }
  }
}

TEST(Scan, AnEverydayLogIsHardlyWorkAtAll) {
  Scanner::Work work;
  std::string log(everyday_lines());
  (void)all().scan(log, &work);
  auto lines = static_cast<std::size_t>(std::ranges::count(log, '\n'));
  EXPECT_LT(work.tries, 4 * lines);
}

// -- hostile logs: the work has a bound for each block, whatever stands in it

TEST(Scan, LinesThatHoldEveryNeedleCostNoMoreThanTheirShare) {
  std::string line;
  for (const auto& s : signatures())
    for (const auto& needle : needles_of(s.pattern)) line += " " + needle;
  std::string log;
  while (log.size() < 4 * kBlock) log += line + "\n";
  Scanner::Work work;
  (void)all().scan(log, &work);
  auto blocks = log.size() / kBlock + 2;
  EXPECT_LE(work.tries, blocks * signatures().size() * kTriesPerBlock);
  Scanner::Work twice;
  (void)all().scan(log + log, &twice);
  EXPECT_LE(twice.tries, 2 * work.tries + signatures().size() * kTriesPerBlock) << "linear";
}

TEST(Scan, ANeedleThatIsOftenInVainDoesNotHideALaterHit) {
  const Signature few[] = {{"mine", {}, R"(frozen solid)", "frozen solid"}};
  Scanner scanner(few);
  std::string log;
  while (log.size() < 3 * kBlock) log += "the lake is frozen over\n";
  log += std::string(kBlock, '\n') + "it is FROZEN SOLID now\n";
  EXPECT_EQ(scanner.scan(log).size(), 1U);
}

TEST(Scan, AHundredMegabytesWithoutALineEndAreBounded) {
  std::string log(100U << 20, 'x');
  for (std::size_t at = 0; at + 64 < log.size(); at += 4096) log.replace(at, 9, "ECONNRESE");
  Scanner::Work work;
  EXPECT_TRUE(all().scan(log, &work).empty());
  EXPECT_LE(work.tries, (log.size() / kBlock + 1) * signatures().size() * kTriesPerBlock);
}

TEST(Scan, NulsAndHighBytesAreBytesLikeOthers) {
  std::string log =
      std::string(100'000, '\0') + "\nENOSPC: no space left on device\n" + std::string(100'000, '\xff');
  auto hits = all().scan(log);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits[0].line, 2U);
}

TEST(Scan, WhatNoiseHappensToSpellIsNoSign) {
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 4'000'000; ++i) {
    state = state * 1664525 + 1013904223;
    noise += static_cast<char>(state >> 24U);
    if (i % 4001 == 0) noise += "EPIPE";
    if (i % 4003 == 0) noise += "\n\x8f\x01 ENOSPC";
    if (i % 4007 == 0) noise += " ENOSPC \n";
  }
  const Signature few[] = {{"disk", {}, R"(\bENOSPC\b)", "ENOSPC"}, {"pipe", {}, R"(EPIPE)", "EPIPE"}};
  EXPECT_TRUE(Scanner(few).scan(noise).empty());
}

TEST(Scan, WhatStandsInAnotherScriptOrBehindALostBlockIsText) {
  const Signature few[] = {{"disk", {}, R"(\bENOSPC\b)", "ENOSPC"}};
  Scanner scanner(few);
  for (const auto& line :
       {std::string("磁盘已满，写入失败：ENOSPC：设备上没有空间，请清理后重试"),
        std::string("\x1b[31merror\x1b[0m ENOSPC"), std::string(4096, '\0') + "ENOSPC: full",
        std::string("ENOSPC"), std::string(300, 'a') + " ENOSPC " + std::string(300, 'b')})
    EXPECT_EQ(scanner.scan(line + "\n").size(), 1U) << line;
}

TEST(Scan, OfManySignaturesAnyFewCanBeLookedForAlone) {
  const Signature few[] = {{"mine", {}, R"(\bgate(way)? (is )?closed\b)", "the gate is closed"}};
  Scanner scanner(few);
  auto hits = scanner.scan("gate open\nGATEWAY CLOSED\ninvestigate closed cases\n");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].line, 2U);
}

}  // namespace meshops::diagnose
