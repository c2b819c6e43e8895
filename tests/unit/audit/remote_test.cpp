// The rounds of a remote audit, against a machine whose answers stand here: what is asked when, when it ends,
// and what is done with a machine that has a meshops of its own, or that wishes us ill.
#include "audit/remote.h"

#include <gtest/gtest.h>

#include "audit/report.h"
#include "audit/report_parse.h"
#include "host/capture_answer.h"

namespace meshops::audit {
namespace {

using namespace std::string_literals;

/// Answers what its script says, whatever it is asked; keeps what it was asked.
struct Machine {
  std::vector<std::string> answers;  // pieces, each begun by '@'; one for each round, the last for all others
  std::vector<std::string> asked;

  AskShell shell() {
    return [this](const std::string& script, std::string_view end) -> Result<std::string> {
      asked.push_back(script);
      auto mark = std::string(end.substr(0, 32)) + "\0"s;
      std::string out = "Welcome to beta\n";
      if (!answers.empty())
        for (char c : answers[std::min(asked.size(), answers.size()) - 1]) c == '@' ? out += mark : out += c;
      return out + std::string(end);
    };
  }
};

RemoteAudit how(const std::string& rule) {
  RemoteAudit out{.name = "beta", .wanted = {}, .mesh = default_mesh({.host_name = "beta", .root = true})};
  out.wanted.rules = {rule};
  return out;
}

std::string file(const std::string& path, const std::string& text) {
  return "@E\0f 644 0 0 "s + std::to_string(text.size()) + " 1700000000.0000000000 1 0\0"s + path + "\0\0"s +
         "@R\0"
         "0\0"
         "65536\0"s +
         path + "\0"s + text +
         "@S\0"
         "0\0"s;
}
std::string tree(const std::string& directory, const std::vector<std::string>& names = {}) {
  auto out = "@L\0"s + directory + "\0"s;
  for (const auto& name : names) out += "f 644 0 0 9 1700000000.0000000000 1 1\0"s + name + "\0\0"s;
  return out;
}
const std::string kRoot =
    "@A\0id\0"
    "0\n@S\0"
    "0\0"s;

TEST(RemoteAudit, WhatTheFirstRoundMissedIsAskedForInTheNext) {
  Machine machine;
  auto start = kRoot + file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n") + tree("/etc/cron.d", {"job"});
  machine.answers = {start, file("/etc/cron.d/job", "17 3 * * * root backup %Y\n")};
  auto done = audit_remote(machine.shell(), how("CRON-007"));
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_GE(machine.asked.size(), 2U);
  EXPECT_NE(machine.asked[1].find("'/etc/cron.d/job'"), std::string::npos) << machine.asked[1];
  EXPECT_LT(machine.asked[1].size(), machine.asked[0].size()) << "the functions are there already";
  ASSERT_EQ(done->report.findings.size(), 1U);
  EXPECT_EQ(done->report.findings[0].at.file, "/etc/cron.d/job");
  EXPECT_EQ(done->report.target, "beta");
  EXPECT_LE(done->rounds, 6U);
}

TEST(RemoteAudit, AMachineThatSaysNothingIsAskedOnceForEachThing) {
  Machine machine;
  auto done = audit_remote(machine.shell(), how("CRON-007"));
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->report.findings.empty());
  EXPECT_FALSE(done->report.skips.empty()) << "silence is no pass";
  EXPECT_LE(machine.asked.size(), 6U);
}

TEST(RemoteAudit, WhatIsStillMissingInTheEndIsSkipped) {
  Machine machine;
  machine.answers = {kRoot + file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n") +
                     tree("/etc/cron.d", {"job"})};
  auto asked = how("CRON-007");
  asked.most_rounds = 1;
  auto done = audit_remote(machine.shell(), asked);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->rounds, 1U);
  bool told = false;
  for (const auto& skip : done->report.skips)
    told = told || skip.reason.find("1 rounds") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST(RemoteAudit, WhoIsNotRootThereIsTold) {
  Machine machine;
  machine.answers = {
      "@A\0id\0"
      "1000\n@S\0"
      "0\0"s};
  auto done = audit_remote(machine.shell(), how("CRON-007"));
  ASSERT_TRUE(done);
  bool told = false;
  for (const auto& skip : done->report.skips) told = told || skip.what == "what only root may read";
  EXPECT_TRUE(told);
}

/// As the machine's own meshops would write it.
std::string own_report() {
  Report report{
      .target = "this machine", .ground = Ground::live, .at = WallTime(std::chrono::seconds(1'700'000'000))};
  report.findings.push_back({.rule = "SYS-001",
                             .severity = Severity::high,
                             .at = {"/etc/systemd/system/x.service", 6, 17},
                             .found = "TimeoutStartSec=30",
                             .wanted = "at least 180 s",
                             .message = "killed while it starts",
                             .fix = "a drop-in",
                             .fingerprint = "0123456789abcdef"});
  report.findings.push_back({.rule = "SSH-008", .severity = Severity::low, .allowed = "the console is far"});
  report.skips.push_back({"GIT-001", "/srv/x", "not a repository"});
  return to_json({report});
}

TEST(RemoteAudit, AMachineWithThisMeshopsIsOneRound) {
  Machine machine;
  machine.answers = {"@A\0meshops\0"s + own_report() +
                     "@S\0"
                     "1\0"s};
  auto done = audit_remote(machine.shell(), how("SYS-001"));
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->by_its_own);
  EXPECT_EQ(done->rounds, 1U);
  ASSERT_EQ(done->report.findings.size(), 2U);
  EXPECT_EQ(done->report.target, "beta");
  EXPECT_EQ(done->report.findings[0].fingerprint, "0123456789abcdef");
  EXPECT_EQ(done->report.findings[0].at.line, 6U);
  EXPECT_EQ(done->report.findings[1].allowed, "the console is far");
  EXPECT_EQ(done->report.skips.size(), 1U);
  EXPECT_NE(machine.asked[0].find("'--rule' 'SYS-001'"), std::string::npos);
}

TEST(RemoteAudit, AMeshopsThatCannotDoItIsDoneWithout) {
  for (const auto& said : {own_report() + "x", "meshops: cannot read its mesh.toml"s, ""s}) {
    Machine machine;
    machine.answers = {"@A\0meshops\0"s + said +
                           "@S\0"
                           "3\0"s,
                       kRoot};
    auto done = audit_remote(machine.shell(), how("CRON-007"));
    ASSERT_TRUE(done);
    EXPECT_FALSE(done->by_its_own);
    EXPECT_GE(done->rounds, 2U);
    EXPECT_NE(machine.asked[1].find("told sshd_effective"), std::string::npos) << "the sweep";
  }
}

TEST(RemoteAudit, ABrokenAnswerEndsItAndSaysSo) {
  Machine machine;
  machine.answers = {"@E\0nonsense\0/x\0\0"s};
  auto done = audit_remote(machine.shell(), how("CRON-007"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is("capture.bad_answer"));
}

TEST(ParseReport, WhatIsNoReportOfOursIsAnError) {
  Wanted all;
  ASSERT_TRUE(parse_report(own_report(), all));
  for (
      const auto& text :
      {""s, "{}"s, "[]"s, R"({"schema":"meshops.audit/2"})"s, R"({"schema":"meshops.audit/1","targets":[]})"s,
       R"({"schema":"meshops.audit/1","targets":[{"at":"2026-01-01T00:00:00Z"}],"findings":[{"rule":"XXX-001"}]})"s,
       R"({"schema":"meshops.audit/1","targets":[{"at":"2026-01-01T00:00:00Z"}],"findings":[7]})"s})
    EXPECT_FALSE(parse_report(text, all)) << text;
}

}  // namespace
}  // namespace meshops::audit
