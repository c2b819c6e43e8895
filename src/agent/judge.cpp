#include "agent/judge.h"

#include "base/text.h"
#include "host/run_async.h"

namespace meshops {

namespace {

boost::asio::awaitable<Result<diagnose::Diagnosis>> judge(std::string program, std::string closeup,
                                                          std::optional<WallTime> since) {
  std::vector<std::string> argv = {std::move(program), "diagnose", "--closeup", "-", "--format", "json"};
  if (since) argv.insert(argv.end(), {"--since", iso8601(*since)});
  // Nothing of ours: it needs no configuration, no socket and no home.
  RunOptions options{.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}},
                     .working_dir = "/",
                     .limit = std::chrono::seconds(30),
                     .output_limit = 1U << 20,
                     .input = std::move(closeup)};
  auto said = co_await run_async(std::move(argv), std::move(options));
  if (!said) co_return fail(said.error());
  // 1: a cause was found; 0: none was.
  if (said->exit.code != 0 && said->exit.code != 1) {
    auto words = trim(said->err.empty() ? said->out : said->err);
    co_return fail(ProcessCode::io, "judging the look ended with {}: {}", said->exit.text(),
                   printable(without_keys(words.substr(0, 300))));
  }
  co_return diagnose::parse_diagnosis(said->out);
}

}  // namespace

Judge judge_in_child(std::string program) {
  return [program = std::move(program)](std::string closeup, std::optional<WallTime> since) {
    return judge(program, std::move(closeup), since);
  };
}

}  // namespace meshops
