// meshops diagnose
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "cli/command.h"
#include "diagnose/diagnosis.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string logs;
  std::string state;
};
constexpr std::size_t kLogLimit = 256U << 20;

/// At most kLogLimit bytes of stdin; what stands behind is not read.
Result<std::string> read_stdin() {
  std::string text;
  std::string piece(256U << 10, '\0');
  while (text.size() < kLogLimit) {
    auto n = ::read(STDIN_FILENO, piece.data(), std::min(piece.size(), kLogLimit - text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "read", "standard input"));
    if (n == 0) break;
    text.append(piece, 0, static_cast<std::size_t>(n));
  }
  return text;
}

int run(const Globals& globals, const Options& options) {
  if (options.logs.empty()) {
    report(globals, error(diagnose::DiagnoseCode::no_log,
                          "which log? Looking at a running gateway is not possible yet")
                        .hint("give it one: meshops diagnose --logs FILE, or - for standard input"));
    return kUsage;
  }
  auto log = options.logs == "-" ? read_stdin() : read_file(options.logs, kLogLimit);
  if (!log) return report(globals, log.error());
  diagnose::Facts facts;
  if (!options.state.empty()) {
    auto json = read_file(options.state, diagnose::kFactsLimit);
    if (!json) return report(globals, json.error());
    auto parsed = diagnose::parse_facts(*json);
    if (!parsed)
      return report(
          globals,
          error(diagnose::DiagnoseCode::not_json, "cannot use {}", options.state).because(parsed.error()));
    facts = std::move(*parsed);
  }
  auto diagnosis = diagnose::diagnose({*log, std::move(facts)});
  auto text = globals.json() ? diagnose::to_json(diagnosis) + "\n" : diagnose::for_people(diagnosis);
  std::fputs(text.c_str(), stdout);
  return diagnosis.confidence == diagnose::Confidence::inconclusive ? kGood : kFindings;
}

}  // namespace

void add_diagnose(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command =
      app.add_subcommand("diagnose", "why a gateway fails, from its log and what is known of its node");
  auto options = std::make_shared<Options>();
  command
      ->add_option("--logs", options->logs,
                   "the log to read, from any machine; - for standard input (a running gateway cannot be "
                   "looked at yet)")
      ->type_name("FILE");
  command->add_option("--state", options->state, "facts of the node as JSON (meshops.facts/1)")
      ->type_name("FILE");
  command->footer(
      "Example:\n  journalctl --user -u openclaw-gateway -n 2000 | meshops diagnose --logs -\n\n"
      "Reads at most 256 MiB. Exits 1 when a cause was found, 0 when nothing was or the signs are "
      "inconclusive.\n"
      "meshops explain CAUSE says more about one cause.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
