#include "agent/judge.h"

#include "base/text.h"
#include "host/run_async.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<Result<std::string>> judge(std::string closeup, std::optional<WallTime> since) {
  // The running binary, also when an update has replaced its file meanwhile.
  std::vector<std::string> argv = {"/proc/self/exe", "--format", "json", "diagnose", "--closeup", "-"};
  if (since) argv.insert(argv.end(), {"--since", iso8601(*since)});
  auto output =
      co_await run_async(std::move(argv), {.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}},
                                           .working_dir = "/",
                                           .limit = 30s,
                                           .input = std::move(closeup)});
  if (!output) co_return fail(output.error());
  // 0: inconclusive, 1: a cause was found.
  if (output->exit.code == 0 || output->exit.code == 1) co_return std::move(output->out);
  co_return fail(ProcessCode::io, "the diagnosis ended with {}: {}", output->exit.text(),
                 printable(trim(output->err).substr(0, 300)));
}

}  // namespace

Judge judge_in_child() { return judge; }

}  // namespace meshops
