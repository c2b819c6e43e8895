#include "audit/mend.h"

#include <gtest/gtest.h>

#include "audit/rule.h"
#include "fakes/fake_host.h"

namespace meshops::audit {
namespace {

/// The plan for all that a rule finds in a root file system.
FixPlan plan_of(const Rule& rule, FakeHost& host) {
  auto site_over = [](const Host& over) {
    return std::make_shared<const Site>(Ground::root, over, nullptr, default_mesh({.host_name = "alpha"}),
                                        WallTime{});
  };
  Findings found(rule.id, rule.severity);
  rule.check(*site_over(host), found);
  Report report;
  report.findings = found.list();
  return plan_fixes(report, host, site_over);
}

TEST(PlanFixes, ModesOfDirectoriesAndOfFilesThatCannotBeReadAreChanged) {
  FakeHost host;
  host.users = {{"claw", 1000, 1000, "/home/claw"}};
  host.files["/home/claw/.openclaw"].info = {
      .kind = FileInfo::Kind::directory, .mode = 0755, .uid = 1000, .gid = 1000};
  auto& env = host.files["/home/claw/.openclaw/.env"];
  env.info = {.kind = FileInfo::Kind::regular, .mode = 0644, .uid = 1000, .gid = 1000};
  env.readable = false;
  auto plan = plan_of(*find_rule("SEC-006"), host);
  EXPECT_TRUE(plan.refused.empty());
  ASSERT_EQ(plan.mended.size(), 2U);
  ASSERT_EQ(plan.files.size(), 2U);
  EXPECT_EQ(plan.files[0].path, "/home/claw/.openclaw");
  EXPECT_EQ(plan.files[0].mode, 0700U);
  EXPECT_EQ(plan.files[1].mode, 0600U);
  for (const auto& file : plan.files) EXPECT_TRUE(file.same_bytes()) << file.path;
}

}  // namespace
}  // namespace meshops::audit
