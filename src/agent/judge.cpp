#include "agent/judge.h"

#include "agent/run_async.h"
#include "base/text.h"

namespace meshops {

boost::asio::awaitable<Result<diagnose::Diagnosis>> judge(std::filesystem::path closeup,
                                                          std::string program) {
  RunOptions options;
  // Nothing of ours: it needs no configuration, no socket and no home.
  options.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  options.working_dir = "/";
  options.limit = std::chrono::seconds(20);
  options.output_limit = 1U << 20;
  std::vector<std::string> argv = {std::move(program), "diagnose", "--closeup",
                                   closeup.string(),   "--format", "json"};
  auto said = co_await run_async(std::move(argv), std::move(options));
  if (!said) co_return fail(said.error());
  // 1: a cause was found; 0: none was.
  if (said->exit.code != 0 && said->exit.code != 1) {
    auto words = trim(said->err.empty() ? said->out : said->err);
    co_return fail(ProcessCode::io, "judging {} ended with {}: {}", closeup.string(), said->exit.text(),
                   printable(without_keys(words.substr(0, 300))));
  }
  co_return diagnose::parse_diagnosis(said->out);
}

}  // namespace meshops
