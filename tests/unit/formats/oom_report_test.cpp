#include "formats/oom_report.h"

#include <gtest/gtest.h>

namespace meshops::oom {
namespace {

std::vector<Kill> read(std::initializer_list<std::string_view> lines) {
  Report report;
  std::vector<Kill> out;
  for (auto line : lines)
    if (auto kill = report.line(line)) out.push_back(*kill);
  return out;
}

TEST(OomReport, TasksAreRankedByWhatTheyHeldAndNamesMayHaveBlanks) {
  auto kills = read({
      "node invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0",
      "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
      "[    301]     0   301     6000      500    69632        0          -250 systemd-journal",
      "[    900]  1000   900   900000   800000  1069632        0             0 Web Content",
      "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
      "task_memcg=/system.slice/a.service,task=node,pid=812,uid=0",
      "Out of memory: Killed process 812 (node) total-vm:1600000kB, anon-rss:390000kB, file-rss:10000kB, "
      "shmem-rss:0kB, UID:0",
  });
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].victim, "node");
  EXPECT_EQ(kills[0].pid, 812);
  EXPECT_EQ(kills[0].rss, 400000U * 1024);
  EXPECT_FALSE(kills[0].in_cgroup);
  EXPECT_EQ(kills[0].task_group, "/system.slice/a.service");
  ASSERT_EQ(kills[0].tasks.size(), 2U);
  EXPECT_EQ(kills[0].tasks[0].name, "Web Content");
  EXPECT_EQ(kills[0].tasks[0].rss, 800000ULL * 4096);
}

TEST(OomReport, TheTableOfNewerKernelsHasMoreColumns) {
  auto kills = read({
      "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents "
      "oom_score_adj name",
      "[   1234]  1000  1234   100000    50000    49000     1000         0   500000        0             0 "
      "node",
      "Memory cgroup out of memory: Killed process 1234 (node) total-vm:1kB, anon-rss:4kB, file-rss:0kB, "
      "shmem-rss:0kB",
  });
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_TRUE(kills[0].in_cgroup);
  ASSERT_EQ(kills[0].tasks.size(), 1U);
  EXPECT_EQ(kills[0].tasks[0].name, "node");
  EXPECT_EQ(kills[0].tasks[0].rss, 50000ULL * 4096);
}

TEST(OomReport, StampsOfDmesgAreNoTableRows) {
  auto kills = read({"[12345.678901] Out of memory: Killed process 7 (a) b) total-vm:1kB, anon-rss:1kB"});
  ASSERT_EQ(kills.size(), 1U);
  EXPECT_EQ(kills[0].victim, "a) b");
}

TEST(OomReport, OneReportSaysNothingAboutTheNext) {
  auto kills = read({
      "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/x.service,task_memcg=/x.service,task=a,pid=1,uid=0",
      "Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB",
      "Out of memory: Killed process 2 (b) total-vm:1kB",
  });
  ASSERT_EQ(kills.size(), 2U);
  EXPECT_EQ(kills[0].limit_group, "/x.service");
  EXPECT_FALSE(kills[1].in_cgroup);
  EXPECT_EQ(kills[1].limit_group, "");
}

TEST(OomReport, WhatOthersSayOfKillingIsNoKill) {
  EXPECT_TRUE(
      read({"", "[", "[x] y", "a.service: Killed process 812", "Killed process (x)", "oom-kill:"}).empty());
}

}  // namespace
}  // namespace meshops::oom
