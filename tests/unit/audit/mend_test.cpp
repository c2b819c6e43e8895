#include "audit/mend.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "audit/rule.h"
#include "fakes/fake_host.h"

namespace meshops::audit {
namespace {

/// The plan for all that these rules find in a root file system.
FixPlan plan_of(const std::vector<const Rule*>& rules, FakeHost& host) {
  auto site_over = [](const Host& over) {
    return std::make_shared<const Site>(Ground::root, over, nullptr, default_mesh({.host_name = "alpha"}),
                                        WallTime{});
  };
  Report report;
  for (const auto* rule : rules) {
    Findings found(rule->id, rule->severity);
    rule->check(*site_over(host), found);
    for (const auto& finding : found.list()) report.findings.push_back(finding);
  }
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
  auto plan = plan_of({find_rule("SEC-006")}, host);
  EXPECT_TRUE(plan.refused.empty());
  ASSERT_EQ(plan.mended.size(), 2U);
  ASSERT_EQ(plan.files.size(), 2U);
  EXPECT_EQ(plan.files[0].path, "/home/claw/.openclaw");
  EXPECT_EQ(plan.files[0].mode, 0700U);
  EXPECT_EQ(plan.files[1].mode, 0600U);
  for (const auto& file : plan.files) EXPECT_TRUE(file.same_bytes()) << file.path;
}

Finding mended(std::string_view rule, std::vector<std::string> files, std::vector<Order> orders = {},
               std::vector<std::string> verify = {}, bool may_cut_off = false) {
  Finding finding;
  finding.rule = rule;
  finding.mend.emplace();
  for (auto& file : files)
    finding.mend->files.push_back({.path = std::move(file), .bytes = "x", .mode = {}, .uid = {}, .gid = {}});
  finding.mend->orders = std::move(orders);
  finding.mend->verify = std::move(verify);
  finding.mend->may_cut_off = may_cut_off;
  return finding;
}

TEST(PlanFixes, TheCopyOfACrontabIsOfWhatItIsAfterTheMends) {
  FakeHost host;
  host.users = {{"root", 0, 0, "/root"}, {"claw", 1000, 1000, "/home/claw"}};
  host.files["/var/spool/cron/crontabs/claw"].bytes = "* * * * * rsync -a /srv/ backup:/srv/\n";
  host.files["/var/spool/cron/crontabs/claw"].info = {
      .kind = FileInfo::Kind::regular, .mode = 0600, .uid = 1000};
  auto plan = plan_of({find_rule("CRON-004"), find_rule("CRON-006")}, host);
  EXPECT_TRUE(plan.refused.empty());
  ASSERT_EQ(plan.mended.size(), 2U);
  ASSERT_EQ(plan.files.size(), 2U);
  EXPECT_NE(plan.files[0].after.find("flock"), std::string::npos);
  EXPECT_EQ(plan.files[0].after, plan.files[1].after);
}

TEST(IndependentParts, WhatSharesAFileOrIsToldAlikeStaysTogether) {
  const Order reload{.run = {"systemctl", "daemon-reload"}, .back = {"systemctl", "daemon-reload"}};
  const Order ssh{.run = {"systemctl", "try-reload-or-restart", "ssh.service"}, .back = {}};
  const Order start{.run = {"systemctl", "start", "x"}, .back = {}};
  FixPlan plan;
  for (const auto* path : {"/a", "/u", "/v", "/sshd"})
    plan.files.push_back({.path = path, .before = "", .was = {}, .after = "x"});
  plan.mended = {mended("LNX-001", {"/a"}), mended("SYS-001", {"/u"}, {reload}),
                 mended("SSH-009", {"/sshd"}, {ssh}, {"sshd", "-t"}, true),
                 mended("SYS-002", {"/v"}, {reload}), mended("SYS-008", {}, {start}),
                 // No order of its own, but in a file of a part that has one.
                 mended("LNX-001", {"/u"})};
  auto parts = independent_parts(plan);
  ASSERT_EQ(parts.size(), 4U);
  auto rules = [](const FixPlan& part) {
    std::string out;
    for (const auto& finding : part.mended) out += fmt::format("{} ", finding.rule);
    return out;
  };
  EXPECT_EQ(rules(parts[0]), "LNX-001 ");
  EXPECT_EQ(rules(parts[1]), "SSH-009 ");
  EXPECT_TRUE(parts[1].may_cut_off);
  EXPECT_EQ(parts[1].verify.size(), 1U);
  EXPECT_EQ(parts[1].files.size(), 1U);
  // The cut-off of one part is none of the others'.
  for (auto i : {0U, 2U, 3U}) EXPECT_FALSE(parts[i].may_cut_off);
  std::multiset<std::string> rest = {rules(parts[2]), rules(parts[3])};
  EXPECT_TRUE(rest.contains("SYS-008 "));
  std::size_t files = 0, findings = 0;
  for (const auto& part : parts) files += part.files.size(), findings += part.mended.size();
  EXPECT_EQ(files, plan.files.size());
  EXPECT_EQ(findings, plan.mended.size());
}

}  // namespace
}  // namespace meshops::audit
