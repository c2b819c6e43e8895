// meshops diagnose
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "diagnose/closeup.h"
#include "diagnose/diagnosis.h"
#include "diagnose/log_cut.h"

namespace meshops::cli {

namespace {

using diagnose::Closeup;
using diagnose::DiagnoseCode;
using Json = nlohmann::ordered_json;

struct Options {
  std::string gateway;
  std::string since;
  std::string logs;
  std::string state;
  std::string closeup;
};
constexpr std::size_t kLogLimit = 256U << 20;
/// The agent looks for 20 s at most.
constexpr auto kLookLimit = std::chrono::seconds(30);

/// At most `limit` bytes of stdin; what stands behind is not read.
Result<std::string> read_stdin(std::size_t limit) {
  std::string text;
  std::string piece(256U << 10, '\0');
  while (text.size() < limit) {
    auto n = ::read(STDIN_FILENO, piece.data(), std::min(piece.size(), limit - text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "read", "standard input"));
    if (n == 0) break;
    text.append(piece, 0, static_cast<std::size_t>(n));
  }
  return text;
}
Result<std::string> read_input(const std::string& name, std::size_t limit) {
  return name == "-" ? read_stdin(limit) : read_file(name, limit);
}

/// "2h" before now, or a UTC time.
Result<WallTime> since_of(const std::string& text) {
  if (auto back = parse_duration(text))
    return SystemClock().wall() - std::chrono::duration_cast<std::chrono::milliseconds>(*back);
  if (auto at = parse_iso8601(text)) return *at;
  return fail(error(DiagnoseCode::no_log, "--since takes a duration or a UTC time, not {}", quote(text))
                  .hint("for example --since 2h, or --since 2026-11-24T05:40:00Z"));
}

/// The one gateway of this machine, if there is exactly one.
Result<std::string> only_gateway(const Globals& globals) {
  auto body = TRY(ask_agent(globals, "GET", "/v1/status"));
  auto status = nlohmann::json::parse(body, nullptr, false);
  std::vector<std::string> names;
  if (status.is_object() && status["nodes"].is_array())
    for (const auto& node : status["nodes"])
      if (node.is_object() && node.value("self", false) && node.contains("gateways"))
        for (const auto& gateway : node["gateways"]) names.push_back(gateway.value("name", ""));
  if (names.size() == 1) return names[0];
  if (names.empty())
    return fail(error(DiagnoseCode::no_log, "the agent keeps no gateway on this machine")
                    .hint("judge a log instead: meshops diagnose --logs FILE"));
  return fail(error(DiagnoseCode::no_log, "which gateway? There are {}: {}", names.size(), join(names, ", "))
                  .hint("meshops diagnose {}", names[0]));
}

Result<Closeup> look_live(const Globals& globals, std::string gateway) {
  if (gateway.empty()) gateway = TRY(only_gateway(globals));
  return diagnose::parse_closeup(
      TRY(ask_agent(globals, "GET", "/v1/gateways/" + gateway + "/closeup", kLookLimit)));
}

/// What there is to judge: of a log alone a close-up without a name.
Result<Closeup> subject(const Globals& globals, const Options& options) {
  if (!options.closeup.empty())
    return diagnose::parse_closeup(TRY(read_input(options.closeup, diagnose::kCloseupLimit)));
  if (options.logs.empty() && options.state.empty()) {
    auto live = look_live(globals, options.gateway);
    if (live || !live.error().is(code_name(NetCode::no_socket))) return live;
    return fail(error(DiagnoseCode::no_log, "cannot look at a running gateway")
                    .because(live.error())
                    .hint("start an agent with meshops up, or judge a log: meshops diagnose --logs FILE"));
  }
  Closeup pasted;
  if (!options.logs.empty()) pasted.log = TRY(read_input(options.logs, kLogLimit));
  if (!options.state.empty()) {
    auto parsed = diagnose::parse_facts(TRY(read_file(options.state, diagnose::kFactsLimit)));
    if (!parsed)
      return fail(error(DiagnoseCode::not_json, "cannot use {}", options.state).because(parsed.error()));
    pasted.facts = std::move(*parsed);
  }
  return pasted;
}

std::string json_of(const diagnose::Diagnosis& diagnosis, const Closeup& seen) {
  auto json = Json::parse(diagnose::to_json(diagnosis));
  if (!seen.gateway.empty()) {
    json["gateway"] = seen.gateway;
    json["at"] = seen.at;
    json["state"] = seen.state;
    json["summary"] = seen.summary;
    if (seen.last_exit) json["last_exit"] = {{"at", seen.last_exit->at}, {"reason", seen.last_exit->reason}};
    json["skipped"] = seen.skipped;
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string text_of(const diagnose::Diagnosis& diagnosis, const Closeup& seen) {
  std::string head;
  if (!seen.gateway.empty()) {
    head +=
        fmt::format("{}: {}{}{}\n", printable(seen.gateway), printable(seen.state),
                    seen.summary.empty() || seen.summary == seen.state ? "" : ": ", printable(seen.summary));
    if (seen.last_exit)
      head += fmt::format("last end: {} at {}\n", printable(seen.last_exit->reason),
                          printable(seen.last_exit->at));
    for (const auto& what : seen.skipped) head += fmt::format("not looked at: {}\n", printable(what));
    head += "\n";
  }
  return head + diagnose::for_people(diagnosis);
}

int run(const Globals& globals, const Options& options) {
  std::optional<WallTime> since;
  if (!options.since.empty()) {
    auto parsed = since_of(options.since);
    if (!parsed) return report(globals, parsed.error()), kUsage;
    since = *parsed;
  }
  auto seen = subject(globals, options);
  if (!seen) return report(globals, seen.error());
  if (since) {
    auto cut = diagnose::not_before(seen->log, *since);
    if (!cut.timed && !seen->log.empty())
      std::fputs("meshops: no line of the log has a time: --since left nothing out\n", stderr);
    seen->log = std::move(cut.text);
  }
  auto diagnosis = diagnose::diagnose({seen->log, seen->facts});
  auto text = globals.json() ? json_of(diagnosis, *seen) : text_of(diagnosis, *seen);
  std::fputs(text.c_str(), stdout);
  return diagnosis.confidence == diagnose::Confidence::inconclusive ? kGood : kFindings;
}

}  // namespace

void add_diagnose(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand(
      "diagnose", "why a gateway fails: a running agent looks, or a log and facts are judged");
  auto options = std::make_shared<Options>();
  auto* gateway = command
                      ->add_option("gateway", options->gateway,
                                   "its name, as in meshops status; may be left out if there is one")
                      ->type_name("GATEWAY");
  command->add_option("--since", options->since, "only log lines from then on: 2h, or 2026-11-24T05:40:00Z")
      ->type_name("T");
  auto* logs =
      command->add_option("--logs", options->logs, "a log from any machine instead; - for standard input")
          ->type_name("FILE");
  auto* state = command->add_option("--state", options->state, "facts of its node as JSON (meshops.facts/1)")
                    ->type_name("FILE");
  command
      ->add_option("--closeup", options->closeup,
                   "what an agent saw earlier (meshops.closeup/1) instead; - for standard input")
      ->type_name("FILE")
      ->excludes(gateway)
      ->excludes(logs)
      ->excludes(state);
  logs->excludes(gateway);
  state->excludes(gateway);
  command->footer(
      "Example:\n  meshops diagnose main\n"
      "  journalctl --user -u openclaw-gateway -n 2000 | meshops diagnose --logs -\n\n"
      "Of a log it reads at most 256 MiB. Exits 1 when a cause was found, 0 when nothing was or the signs "
      "are "
      "inconclusive.\n"
      "meshops explain CAUSE says more about one cause.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
