#include "host/proc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

using namespace meshops;
using namespace std::chrono_literals;
using testing::ElementsAre;

namespace {

// A line as the kernel writes it: 52 fields.
std::string stat_line(std::string_view comm, std::string_view numbers = "") {
  return fmt::format(
      "4242 ({}) S 1 4242 4242 0 -1 4194304 1500 0 3 0 {} 0 0 20 0 11 0 8812 1272971264 17203 "
      "18446744073709551615 1 1 0 0 0 0 0 4096 134300162 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      comm, numbers.empty() ? "512 128" : numbers);
}

/// A child that waits until the test lets it go.
class Running {
 public:
  explicit Running(std::vector<std::string> argv, Environment environment = {}) {
    SpawnOptions options;
    options.environment = std::move(environment);
    options.working_dir = "/";
    child_ = *spawn(argv, options);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { end(); }
  pid_t pid() const { return child_.pid; }
  void end() {
    if (!child_.pidfd) return;
    (void)send_signal(child_.pidfd, SIGKILL);
    (void)wait_ended(child_.pidfd, 10s);
    (void)reap(child_.pidfd);
    child_.pidfd.close();
  }

 private:
  meshops::Child child_;
};

}  // namespace

TEST(ProcStat, ReadsNameParentTimesAndMemory) {
  auto p = parse_proc_stat(stat_line("openclaw-gatewa"));
  ASSERT_TRUE(p) << p.error().text();
  EXPECT_EQ(p->pid, 4242);
  EXPECT_EQ(p->comm, "openclaw-gatewa");
  EXPECT_EQ(p->parent, 1);
  EXPECT_EQ(p->state, 'S');
  auto tick = 1000ms / ::sysconf(_SC_CLK_TCK);
  EXPECT_EQ(p->cpu, 640 * tick);
  EXPECT_EQ(p->start_ticks, 8812U);
  EXPECT_EQ(p->started, 8812 * tick);
  EXPECT_EQ(p->rss, 17203U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(ProcStat, ANameMayHoldBlanksAndParentheses) {
  auto p = parse_proc_stat(stat_line("a) R (b 7"));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->comm, "a) R (b 7");
  EXPECT_EQ(p->state, 'S');
}

TEST(ProcStat, NonsenseTimesSaturateAndDoNotOverflow) {
  auto p = parse_proc_stat(stat_line("x", "18446744073709551615 18446744073709551615"));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->cpu, Duration::max());
}

TEST(ProcStat, WhatIsNotSuchALineIsRefused) {
  for (std::string text :
       {"", "1", "1 (x", "(x) S", "1 )x( S 1", "x (y) S 1 1", "1 (x) S 1 2 3", "-4 (x) S 1"})
    EXPECT_FALSE(parse_proc_stat(text)) << text;
  EXPECT_FALSE(parse_proc_stat(stat_line("x", "many 3")));
}

TEST(ProcTexts, CgroupIsTheUnifiedOneOrSystemds) {
  EXPECT_EQ(proc::parse_cgroup("0::/system.slice/x.service\n"), "/system.slice/x.service");
  EXPECT_EQ(proc::parse_cgroup("12:cpu:/a\n1:name=systemd:/system.slice/x.service\n0::/\n"),
            "/system.slice/x.service");
  EXPECT_EQ(proc::parse_cgroup("1:name=systemd:/old\n0::/new\n"), "/new");
  EXPECT_EQ(proc::parse_cgroup(""), "");
}

TEST(ProcTexts, CommandLineKeepsEmptyArguments) {
  using namespace std::string_view_literals;
  EXPECT_THAT(proc::parse_nul_list("node\0\0--x\0"sv), ElementsAre("node", "", "--x"));
  EXPECT_THAT(proc::parse_nul_list("openclaw-gateway"sv), ElementsAre("openclaw-gateway"));
  EXPECT_THAT(proc::parse_nul_list(""sv), ElementsAre());
}

TEST(ProcTexts, AccountsAreTheLinesThatAreAccounts) {
  auto accounts = proc::parse_passwd(
      "root:x:0:0:root:/root:/bin/bash\n"
      "# a comment:x:1:1::/:\n"
      "broken:x:one:1::/:\n"
      "+::::::\n"
      "claw:x:1000:1001:,,,:/home/claw:/bin/bash\n");
  ASSERT_EQ(accounts.size(), 2U);
  EXPECT_EQ(accounts[1].name, "claw");
  EXPECT_EQ(accounts[1].uid, 1000U);
  EXPECT_EQ(accounts[1].gid, 1001U);
  EXPECT_EQ(accounts[1].home, "/home/claw");
}

TEST(Processes, AProbeReadsStateAndCgroupOnly) {
  Running child({"/bin/sleep", "1000"});
  auto p = local_host()->process(child.pid());
  ASSERT_TRUE(p) << p.error().text();
  EXPECT_EQ(p->pid, child.pid());
  EXPECT_EQ(p->comm, "sleep");
  EXPECT_EQ(p->parent, ::getpid());
  EXPECT_EQ(p->uid, ::geteuid());
  EXPECT_TRUE(p->cgroup.starts_with('/')) << p->cgroup;
  EXPECT_TRUE(p->argv.empty());
}

TEST(Processes, DetailsHaveCommandProgramAndDirectory) {
  Running child({"/bin/sleep", "1000"});
  auto p = local_host()->process_details(child.pid());
  ASSERT_TRUE(p) << p.error().text();
  EXPECT_THAT(p->argv, ElementsAre("/bin/sleep", "1000"));
  EXPECT_TRUE(p->exe.ends_with("/sleep")) << p->exe;
  EXPECT_EQ(p->cwd, "/");
}

TEST(Processes, OneThatEndedIsGone) {
  Running child({"/bin/sleep", "1000"});
  auto pid = child.pid();
  child.end();
  auto p = local_host()->process(pid);
  ASSERT_FALSE(p);
  EXPECT_EQ(p.error().code(), "process.gone");
  EXPECT_EQ(local_host()->process_environment(pid, {"A"}).error().code(), "process.gone");
  EXPECT_EQ(local_host()->process(0).error().code(), "process.gone");
  EXPECT_EQ(local_host()->process(-1).error().code(), "process.gone");
}

TEST(Processes, AZombieIsStillSeen) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);  // ended, and not reaped
  auto p = local_host()->process_details(pid);
  ::waitpid(pid, nullptr, 0);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->state, 'Z');
  EXPECT_TRUE(p->argv.empty());
}

TEST(Processes, AllOfThemHaveUsAndOurChild) {
  Running child({"/bin/sleep", "1000"});
  auto all = local_host()->processes();
  ASSERT_TRUE(all);
  auto has = [&](pid_t pid) {
    return std::ranges::any_of(*all, [&](const auto& p) { return p.pid == pid; });
  };
  EXPECT_TRUE(has(child.pid()));
  EXPECT_TRUE(has(::getpid()));
}

TEST(Processes, OnlyTheVariablesAskedForAreGiven) {
  Running child({"/bin/sleep", "1000"},
                {{"OPENCLAW_STATE_DIR", "/s=1"}, {"OPENCLAW_TOKEN", "secret"}, {"EMPTY", ""}});
  auto e = local_host()->process_environment(child.pid(), {"OPENCLAW_STATE_DIR", "EMPTY", "ABSENT"});
  ASSERT_TRUE(e) << e.error().text();
  EXPECT_EQ(*e, (Environment{{"OPENCLAW_STATE_DIR", "/s=1"}, {"EMPTY", ""}}));
}

TEST(Processes, ALargeEnvironmentIsReadToItsEnd) {
  Running child({"/bin/sleep", "1000"}, {{"A", std::string(100'000, 'x')}, {"Z", "last"}});
  auto e = local_host()->process_environment(child.pid(), {"Z"});
  ASSERT_TRUE(e) << e.error().text();
  EXPECT_EQ(e->at("Z"), "last");
}
