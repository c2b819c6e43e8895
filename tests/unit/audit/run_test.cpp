#include "audit/run.h"

#include <gtest/gtest.h>

#include "audit/report.h"

namespace meshops::audit {
namespace {

Finding finding(std::string file, std::string fingerprint) {
  return {.rule = "LNX-002",
          .severity = Severity::high,
          .at = {std::move(file), 0, 0},
          .message = "the disk stays full",
          .fingerprint = std::move(fingerprint)};
}

// Reports are kept and compared for months, and reviewers' tools remember these.
TEST(Fingerprint, StaysTheSameFromVersionToVersion) {
  auto one = finding("/etc/x", "");
  one.found = "the disk";
  EXPECT_EQ(fingerprint(one, 0), "146f8ed7c9da6e6a");
  EXPECT_EQ(fingerprint(one, 1), "146b8ed7c9d68593") << "the second of its kind";
}

TEST(Compare, AFindingOfNoFileIsComparedLikeAnyOther) {
  Report before, now;
  before.findings = {finding("", "1"), finding("/etc/x", "2")};
  now.findings = {finding("", "1"), finding("", "3")};
  auto change = compare(now, to_json({before}));
  ASSERT_EQ(change.still.size(), 1U);
  EXPECT_EQ(change.still[0]->fingerprint, "1");
  ASSERT_EQ(change.fresh.size(), 1U);
  EXPECT_EQ(change.fresh[0]->fingerprint, "3");
  EXPECT_EQ(change.gone, std::vector<std::string>{"LNX-002 /etc/x: the disk stays full"});
  // Of a report that is none, everything is new.
  EXPECT_EQ(compare(now, "{\"findings\": [{\"fingerprint\": \"1\", \"rule\": null}]}").still.size(), 1U);
  EXPECT_EQ(compare(now, "nonsense").fresh.size(), 2U);
}

}  // namespace
}  // namespace meshops::audit
