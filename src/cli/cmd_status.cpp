// meshops status
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.h"
#include "cli/render.h"

namespace meshops::cli {

namespace {

struct Options {
  bool watch = false;
};

int show_once(const Globals& globals, bool clear) {
  auto body = ask_agent(globals, "GET", "/v1/status");
  if (!body) return report(globals, body.error());
  auto json = nlohmann::json::parse(*body, nullptr, false);
  if (json.is_discarded()) return report(globals, error(NetCode::not_http, "the agent's answer is not JSON"));
  std::string text = globals.json() ? nlohmann::ordered_json::parse(*body).dump(clear ? -1 : 2) + "\n"
                                    : render_status(json, SystemClock().wall(), look_of_stdout());
  if (clear && !globals.json() && ::isatty(STDOUT_FILENO) != 0) text = "\x1b[H\x1b[2J" + text;
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  return verdict(json);
}

int run(const Globals& globals, const Options& options) {
  auto code = show_once(globals, options.watch);
  while (options.watch && code != kCouldNot) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    code = show_once(globals, true);
  }
  return code;
}

}  // namespace

void add_status(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand("status", "how every gateway is, layer by layer, and every other node");
  auto options = std::make_shared<Options>();
  command->add_flag("--watch", options->watch, "show it again every second until Ctrl-C");
  command->footer(
      "Example:\n  meshops status --format json | jq '.nodes[].gateways[].state'\n\n"
      "Also how this node sees the others, how long ago, and why it does nothing about one in trouble.\n"
      "Exits 0 when every gateway is ready or stopped by a person and no other node is in trouble, else 1.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
