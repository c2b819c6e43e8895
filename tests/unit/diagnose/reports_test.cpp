// Whole reports, as a person would paste them: the right cause comes first.
#include "reports.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "diagnose/diagnosis.h"

namespace meshops::diagnose {

// Claims about this file's own reports only; foreign ones are measured by bench/diagnosis.py.
TEST(Reports, NameTheRightCauseFirst) {
  for (const auto& report : kReports) {
    auto facts = parse_facts(report.facts);
    ASSERT_TRUE(facts) << report.facts;
    auto diagnosis = diagnose({report.log, *facts});
    ASSERT_FALSE(diagnosis.hypotheses.empty()) << report.log;
    EXPECT_EQ(text(diagnosis.hypotheses[0].cause), text(report.cause)) << report.log << "\n"
                                                                       << for_people(diagnosis);
  }
}

// More of them, in the form that bench/diagnosis.py reads.
TEST(Reports, OfTheFileNameTheRightCauseFirst) {
  auto file = read_file(MESHOPS_SOURCE_DIR "/tests/golden/diagnosis/reports.jsonl");
  ASSERT_TRUE(file);
  for (auto line : split(trim(*file), '\n')) {
    auto report = nlohmann::json::parse(line);
    std::string log;
    for (const auto& evidence : report["evidence_lines"]) log += evidence.get<std::string>() + "\n";
    auto facts = parse_facts(report["state"].dump());
    ASSERT_TRUE(facts) << line;
    auto diagnosis = diagnose({log, *facts});
    ASSERT_FALSE(diagnosis.hypotheses.empty()) << line;
    EXPECT_EQ(text(diagnosis.hypotheses[0].cause), report["labels_root_cause"]["primary"].get<std::string>())
        << line << "\n"
        << for_people(diagnosis);
  }
}

TEST(Reports, EveryCauseHasOne) {
  std::set<Cause> seen;
  for (const auto& report : kReports) seen.insert(report.cause);
  for (const auto& info : catalogue()) EXPECT_TRUE(seen.contains(info.cause)) << info.id;
}

}  // namespace meshops::diagnose
