#include "base/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace meshops {
namespace {
using namespace std::chrono_literals;

TEST(Process, RunCollectsBothStreamsAndTheCode) {
  auto out = run({"sh", "-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->out, "out\n");
  EXPECT_EQ(out->err, "err\n");
  EXPECT_EQ(out->exit, (Exit{.code = 7, .signal = {}}));
}
TEST(Process, ArgumentsAreNotReadByAShell) {
  auto out = run({"printf", "%s|", "$HOME", "a b", "*"});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->out, "$HOME|a b|*|");
}
TEST(Process, EnvironmentIsExactlyTheOneGiven) {
  auto out = run({"env"}, {.environment = {{"PATH", "/usr/bin:/bin"}, {"A", "b c"}}});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->out, "A=b c\nPATH=/usr/bin:/bin\n");
}
TEST(Process, MissingProgramNamesItAndThePath) {
  auto out = run({"no-such-program-here"});
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().is("process.cannot_start"));
  EXPECT_TRUE(out.error().text().contains("no-such-program-here"));
}
TEST(Process, ExecFailureIsReportedBeforeAnythingRuns) {
  auto out = run({"/dev/null"});
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().is("process.cannot_start")) << out.error().text();
}
TEST(Process, TooSlowIsEnded) {
  auto out = run({"sleep", "60"}, {.limit = 50ms});
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().is("process.timed_out"));
}
TEST(Process, TooMuchOutputIsEnded) {
  auto out = run({"yes"}, {.output_limit = 10'000});
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().is("process.too_much_output"));
}
TEST(Process, AGrandchildThatKeepsThePipeOpenDoesNotHoldUsUp) {
  auto out = run({"sh", "-c", "sleep 30 & echo done"}, {.limit = 20s});
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->out, "done\n");
  // The sleeper is in a session of its own; it ends by itself.
}
TEST(Process, SignalsAreNamed) {
  auto child = spawn({"sleep", "60"}, {.environment = own_environment()});
  ASSERT_TRUE(child);
  ASSERT_TRUE(send_signal(child->pidfd, SIGKILL));
  ASSERT_TRUE(wait_ended(child->pidfd, 10s));
  auto exit = reap(child->pidfd);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->text(), "killed by SIGKILL");
  EXPECT_FALSE(send_signal(child->pidfd, SIGTERM));
}
TEST(Process, ChildIsItsOwnSessionWithDefaultSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  auto out = run({"sh", "-c", "cut -d' ' -f6 /proc/$$/stat; grep SigIgn /proc/$$/status; echo $$"});
  ASSERT_TRUE(out);
  auto lines = out->out;
  auto session = lines.substr(0, lines.find('\n'));
  EXPECT_TRUE(lines.ends_with("\n" + session + "\n")) << lines;
  EXPECT_TRUE(lines.contains("0000000000000000")) << lines;
}
TEST(Process, ASecondInputIsDescriptorThreeAndReadableAsAFile) {
  auto first = text_as_file("first"), second = text_as_file("second");
  auto said = text_as_file("");
  ASSERT_TRUE(first && second && said);
  auto child =
      spawn({"sh", "-c", "cat; cat /dev/fd/3; ls /proc/self/fd | wc -l"}, {.environment = own_environment(),
                                                                           .stdin_fd = first->get(),
                                                                           .stdout_fd = said->get(),
                                                                           .extra_fd = second->get()});
  ASSERT_TRUE(child) << child.error().text();
  ASSERT_TRUE(wait_ended(child->pidfd, 10s));
  reap(child->pidfd);
  std::string text(100, '\0');
  auto n = ::pread(said->get(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  EXPECT_EQ(text, "firstsecond5\n");  // 0 1 2 3 and the directory ls reads
}
TEST(Process, DescriptorsOfOursDoNotLeak) {
  int leaked = ::dup(0);
  auto out = run({"sh", "-c", "ls /proc/self/fd | wc -l"});
  ::close(leaked);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->out, "4\n");  // 0 1 2 and the directory ls reads
}
TEST(Process, RunsAsAnotherAccount) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto nobody = account("nobody");
  ASSERT_TRUE(nobody);
  auto out = run({"id", "-u"}, {.as = *nobody});
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->out, std::to_string(nobody->uid) + "\n");
}
TEST(Process, UnknownAccountIsAnError) { EXPECT_FALSE(account("no-such-user-here")); }
TEST(Process, NoPidfdForAProcessThatIsGone) {
  auto child = spawn({"true"}, {.environment = own_environment()});
  ASSERT_TRUE(child);
  ASSERT_TRUE(wait_ended(child->pidfd, 10s));
  reap(child->pidfd);
  auto fd = open_pidfd(child->pid);
  ASSERT_FALSE(fd);
  EXPECT_TRUE(fd.error().is("process.gone"));
}

}  // namespace
}  // namespace meshops
