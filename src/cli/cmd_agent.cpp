// meshops agent
#include "agent/agent.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cli/command.h"

namespace meshops::cli {

log::Level log_level(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

namespace {
int run(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  if (!globals.socket.empty()) mesh->socket = globals.socket;
  log::set_level(log_level(mesh->log_level));
  Agent agent(std::move(*mesh), Agent::Mode::daemon);
  auto ran = agent.run();
  return ran ? kGood : report(globals, ran.error());
}
}  // namespace

void add_agent(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand("agent", "the daemon: keeps the gateways of this node, under systemd");
  command->footer(
      "Example:\n  systemctl enable --now meshops-agent\n\n"
      "Stops on SIGTERM and leaves the gateways running; the next agent takes them over.");
  command->callback([&globals, &chosen] { chosen = [&globals] { return run(globals); }; });
}

}  // namespace meshops::cli
