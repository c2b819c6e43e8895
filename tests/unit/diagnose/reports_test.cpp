// Whole reports, as a person would paste them: the right cause comes first.
#include "reports.h"

#include <gtest/gtest.h>

#include <set>

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

TEST(Reports, EveryCauseHasOne) {
  std::set<Cause> seen;
  for (const auto& report : kReports) seen.insert(report.cause);
  for (const auto& info : catalogue()) EXPECT_TRUE(seen.contains(info.cause)) << info.id;
}

}  // namespace meshops::diagnose
