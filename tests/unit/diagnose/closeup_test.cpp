// A close-up read back, also one from a hostile hand.
#include "diagnose/closeup.h"

#include <gtest/gtest.h>

#include "diagnose/diagnosis.h"

namespace meshops::diagnose {
namespace {

TEST(Closeup, IsReadBack) {
  auto seen =
      parse_closeup(R"({"schema": "meshops.closeup/1", "gateway": "main", "at": "2026-11-24T05:40:00.000Z",
    "state": "parked", "summary": "given up", "last_exit": {"code": 78, "signal": null, "at": "x", "reason": "exit code 78"},
    "facts": {"exit_code": 78, "no_access": ["a", "b"], "starters": ["one", "two"]}, "log": "l1\nl2\n",
    "config": {"path": "/c", "exists": true, "parses": false, "line": 2, "column": 7, "problem": "oops", "size": 12},
    "config_issues": [{"path": "api", "message": "no", "allowed": ["x"]}],
    "starters": [{"runtime": "systemd-user", "unit": "a.service", "user": "ada", "pid": 7, "start_ticks": 99, "enabled": true,
                  "ours": true}],
    "skipped": ["unit: too slow"], "of_a_later_version": {}})");
  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->gateway, "main");
  EXPECT_EQ(seen->last_exit->code, 78);
  EXPECT_FALSE(seen->last_exit->signal);
  EXPECT_EQ(seen->facts.no_access, "a; b");
  EXPECT_EQ(seen->facts.starters, 2U);
  EXPECT_EQ(seen->log, "l1\nl2\n");
  EXPECT_EQ(seen->config->column, 7U);
  EXPECT_EQ(seen->config_issues[0].allowed, std::vector<std::string>{"x"});
  EXPECT_EQ(seen->starters[0].start_ticks, 99U);
  EXPECT_TRUE(seen->starters[0].ours);
  EXPECT_EQ(seen->skipped[0], "unit: too slow");
}

TEST(Closeup, OfAnyShapeIsTakenOrRefused) {
  for (auto json :
       {R"({"schema": "meshops.closeup/1"})",
        R"({"schema": "meshops.closeup/1", "facts": [], "starters": {}})",
        R"({"schema": "meshops.closeup/1", "starters": [1, {"pid": -5, "start_ticks": "x"}], "log": 7})",
        R"({"schema": "meshops.closeup/1", "last_exit": {"code": 1e300}, "config_issues": [null]})"})
    EXPECT_TRUE(parse_closeup(json)) << json;
  for (auto json : {"", "{", "[]", "{}", R"({"schema": "meshops.status/1"})",
                    R"({"schema": "meshops.closeup/1", "log": "cut)"})
    EXPECT_FALSE(parse_closeup(json)) << json;
}

TEST(Closeup, HostileDepthAndSizeAreNoMatter) {
  EXPECT_FALSE(parse_closeup(std::string(1U << 20, '[')));
  EXPECT_TRUE(parse_closeup(R"({"schema": "meshops.closeup/1", "facts": {"a": )" + std::string(10000, '[') +
                            std::string(10000, ']') + "}}"));
  auto large = parse_closeup(std::string(kCloseupLimit + 1, ' '));
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().is(code_name(DiagnoseCode::too_large)));
}

TEST(Diagnosis, IsReadBackAsItWas) {
  auto said =
      to_json(diagnose({"EADDRINUSE: address already in use :::18789\nENOSPC: no space left on device\n",
                        parse_facts(R"({"port_owner": "nginx pid 7", "exit_code": 1})").value()}));
  auto read = parse_diagnosis(said);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(to_json(*read), said);
}

TEST(Diagnosis, ReadBackFromAnyShapeIsBounded) {
  for (
      auto json :
      {R"({"schema": "meshops.diagnosis/1"})",
       R"({"schema": "meshops.diagnosis/1", "confidence": 7, "hypotheses": [1, {"cause": "of_next_year"}]})",
       R"({"schema": "meshops.diagnosis/1", "hypotheses": [{"cause": "disk_full", "score": 1e300, "evidence": {}}]})"})
    EXPECT_TRUE(parse_diagnosis(json)) << json;
  for (auto json : {"", "{}", "[]", R"({"schema": "meshops.diagnosis/1", "hypo)"})
    EXPECT_FALSE(parse_diagnosis(json)) << json;
}

TEST(Diagnosis, OfAHundredMegabytesOfNothingEnds) {
  std::string endless(100U << 20, 'a');
  EXPECT_EQ(diagnose({endless, {}}).confidence, Confidence::inconclusive);
  std::string zeros(100U << 20, '\0');
  EXPECT_EQ(diagnose({zeros, {}}).confidence, Confidence::inconclusive);
}

}  // namespace
}  // namespace meshops::diagnose
