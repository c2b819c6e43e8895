// Children run inside an event loop: what they say, how they end, and that none outlives its limit.
#include "host/run_async.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/file.h"
#include "base/text.h"
#include "unit/gateway/loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;

Result<Output> shell(const char* script, Duration limit = 20s, std::size_t most = 1U << 20) {
  RunOptions options;
  options.limit = limit;
  options.output_limit = most;
  return test::run(run_async({"/bin/sh", "-c", script}, options));
}

TEST(RunAsync, GivesWhatTheChildSaidAndHowItEnded) {
  auto done = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "out\n");
  EXPECT_EQ(done->err, "err\n");
  EXPECT_EQ(done->exit.code, 3);
}

TEST(RunAsync, ReadsMoreThanAPipeHolds) {
  auto done = shell("head -c 700000 /dev/zero");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out.size(), 700000U);
}

TEST(RunAsync, EndsAChildThatIsTooSlowWithItsChildren) {
  auto begun = SystemClock().now();
  auto done = shell("sleep 100 & echo $!; wait", 300ms);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(code_name(ProcessCode::timed_out)));
  EXPECT_LT(SystemClock().now() - begun, 10s);
}

TEST(RunAsync, KillsOneThatDoesNotListen) {
  auto begun = SystemClock().now();
  EXPECT_FALSE(shell("trap '' TERM; while :; do sleep 0.1; done", 100ms));
  EXPECT_LT(SystemClock().now() - begun, 10s);
}

TEST(RunAsync, StopsAChildThatWritesWithoutEnd) {
  auto done = shell("yes", 20s, 100'000);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(code_name(ProcessCode::too_much_output)));
}

TEST(RunAsync, DoesNotWaitForAGrandchildThatKeepsThePipe) {
  auto begun = SystemClock().now();
  auto done = shell("echo said; (trap '' TERM; sleep 3) &");
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out, "said\n");
  EXPECT_LT(SystemClock().now() - begun, 2s);
}

TEST(RunAsync, GivesTheChildItsInput) {
  auto done = test::run(run_async({"/bin/cat"}, {.input = std::string(300'000, 'x')}));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->out.size(), 300'000U);
}

TEST(RunAsync, SaysWhichProgramIsNotThere) {
  auto done = test::run(run_async({"/nowhere/node", "--version"}, {}));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(code_name(ProcessCode::cannot_start)));
  EXPECT_NE(done.error().text().find("/nowhere/node"), std::string::npos);
}

TEST(RunAsync, KillsItsChildWhenTheLoopGoesFirst) {
  auto io = std::make_unique<boost::asio::io_context>(1);
  char name[] = "/tmp/meshops-run-async-XXXXXX";
  ASSERT_GE(Fd(::mkstemp(name)).get(), 0);
  auto script = fmt::format("echo $$ > {}; exec sleep 100", name);
  boost::asio::co_spawn(*io, run_async({"/bin/sh", "-c", script}, {}),
                        [](const std::exception_ptr&, const auto&) {});
  io->run_for(500ms);
  auto pid = to_number<pid_t>(trim(*read_file(name)));
  ASSERT_TRUE(pid);
  io.reset();
  EXPECT_EQ(::kill(*pid, 0), -1) << "it lives on";
  ::unlink(name);
}

}  // namespace
}  // namespace meshops
