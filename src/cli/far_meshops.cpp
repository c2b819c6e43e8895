#include "cli/far_meshops.h"

#include "base/text.h"
#include "cli/command.h"
#include "host/capture_script.h"
#include "mesh/path_report.h"

namespace meshops::cli {

namespace {

constexpr int kNoSuchCommand = 127;
constexpr std::size_t kMostAnswer = 32U << 20;

}  // namespace

Result<FarAnswer> ask_far_meshops(const SshTarget& target, const std::vector<std::string>& arguments,
                                  Duration limit) {
  auto mark = TRY(random_mark());
  auto session = TRY(SshSession::open(target));
  std::string command = "meshops";
  for (const auto& argument : arguments) command += " " + capture::shell_word(argument);
  // Its stdin is where the shell reads its script from.
  auto script =
      fmt::format("m={}\necho \"$m begin\"\n{} </dev/null 2>/dev/null\nr=$?\necho\necho \"$m $r $m end\"\n",
                  mark, command);
  AskLimits limits{.within = limit, .bytes = kMostAnswer, .progress = {}};
  auto answer = TRY(session.ask(script, mark + " end\n", limits));
  auto begin = answer.find(mark + " begin\n");
  auto end = answer.rfind("\n" + mark + " ");
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return fail(path::PathCode::bad_answer, "the shell of {} answered something else than it was asked",
                target.host);
  begin += mark.size() + 7;
  auto words = split(std::string_view(answer).substr(end + 1), ' ');
  auto code = words.size() > 1 ? to_number<int>(words[1]) : std::nullopt;
  if (code == kNoSuchCommand)
    return fail(error(path::PathCode::no_meshops, "{} has no meshops to ask", target.host)
                    .hint("install it there; until then, walk towards it: meshops path {}", target.host));
  if (!code || code == kUsage)
    return fail(
        error(path::PathCode::no_meshops, "the meshops of {} does not know what it was asked", target.host)
            .hint("bring it to the version of this one, " MESHOPS_VERSION));
  return FarAnswer{.out = end > begin ? answer.substr(begin, end - begin) : std::string(), .code = *code};
}

}  // namespace meshops::cli
