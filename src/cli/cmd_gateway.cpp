// meshops start | stop | restart | logs
#include <cstdio>

#include "base/text.h"
#include "cli/command.h"

namespace meshops::cli {

namespace {

struct Options {
  std::string gateway;
  std::size_t lines = 100;
};

int order(const Globals& globals, const Options& options, const std::string& verb) {
  auto done = ask_agent(globals, "POST", "/v1/gateways/" + options.gateway + "/" + verb);
  if (!done) return report(globals, done.error());
  if (globals.json())
    std::fputs(done->c_str(), stdout);
  else
    std::puts(fmt::format("{} of {} ordered; watch it with: meshops status --watch", verb, options.gateway)
                  .c_str());
  return kGood;
}

int logs(const Globals& globals, const Options& options) {
  auto text =
      ask_agent(globals, "GET", fmt::format("/v1/gateways/{}/logs?lines={}", options.gateway, options.lines));
  if (!text) return report(globals, text.error());
  // What a gateway logs may come from the outside: no escape sequence of it reaches the terminal.
  for (auto line : split(*text, '\n'))
    if (!line.empty()) std::puts(printable(line).c_str());
  return kGood;
}

}  // namespace

void add_gateway_orders(CLI::App& app, const Globals& globals, Run& chosen) {
  struct Order {
    const char* verb;
    const char* what;
    const char* example;
  };
  constexpr Order kOrders[] = {
      {"start", "start a gateway (also one that meshops has given up on)", "meshops start main"},
      {"stop", "stop a gateway politely and keep it stopped", "meshops stop main"},
      {"restart", "stop a gateway politely and start it again", "meshops restart main"}};
  for (const auto& [verb, what, example] : kOrders) {
    auto* command = app.add_subcommand(verb, what);
    auto options = std::make_shared<Options>();
    command->add_option("gateway", options->gateway, "its name, as in meshops status")
        ->required()
        ->type_name("GATEWAY");
    command->footer(std::string("Example:\n  ") + example);
    command->callback([&globals, &chosen, options, name = std::string(verb)] {
      chosen = [&globals, options, name] { return order(globals, *options, name); };
    });
  }
  auto* command = app.add_subcommand("logs", "the last lines a gateway wrote");
  auto options = std::make_shared<Options>();
  command->add_option("gateway", options->gateway, "its name, as in meshops status")
      ->required()
      ->type_name("GATEWAY");
  command->add_option("-n,--lines", options->lines, "how many")->type_name("N");
  command->footer("Example:\n  meshops logs main -n 50");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return logs(globals, *options); }; });
}

}  // namespace meshops::cli
