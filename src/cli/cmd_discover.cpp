// meshops discover
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/to_its_end.h"
#include "gateway/gateway.h"

namespace meshops::cli {

Discovery discover_here(const Mesh& mesh) {
  boost::asio::io_context loop{1};
  auto machine = local_machine(loop.get_executor(), mesh);
  return to_its_end(loop, discover(*machine)).value_or(Discovery());
}

namespace {

int run(const Globals& globals) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  auto found = discover_here(*mesh);
  if (globals.json()) {
    nlohmann::ordered_json json = {{"schema", "meshops.discover/1"}};
    json["gateways"] = nlohmann::ordered_json::array();
    for (const auto& g : found.gateways)
      json["gateways"].push_back({{"name", g.spec.name},
                                  {"kind", text(g.spec.kind)},
                                  {"runtime", text(g.spec.runtime)},
                                  {"running", g.running},
                                  {"unit", g.spec.unit},
                                  {"container", g.spec.container},
                                  {"user", g.spec.user},
                                  {"version", g.identity.version},
                                  {"port", g.identity.port},
                                  {"state_dir", g.identity.state_dir.string()},
                                  {"config", g.identity.config.string()},
                                  {"evidence", g.evidence}});
    json["skipped"] = found.skipped;
    std::puts(json.dump(2).c_str());
    return kGood;
  }
  for (const auto& g : found.gateways) {
    std::puts(fmt::format("{}  {} {}  {}  port {}  {}", g.spec.name, text(g.spec.kind), g.identity.version,
                          text(g.spec.runtime), g.identity.port, g.running ? "running" : "not running")
                  .c_str());
    for (const auto& evidence : g.evidence) std::puts(("    because " + printable(evidence)).c_str());
  }
  if (found.gateways.empty()) std::puts("no gateway found on this machine");
  for (const auto& why : found.skipped)
    std::fputs(("not looked at: " + printable(why) + "\n").c_str(), stderr);
  return kGood;
}

}  // namespace

void add_discover(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand("discover", "every gateway of this machine, and how it was found");
  command->footer(
      "Example:\n  sudo meshops discover\n\nWithout root, other users' services stay out of sight; it says "
      "so.");
  command->callback([&globals, &chosen] { chosen = [&globals] { return run(globals); }; });
}

}  // namespace meshops::cli
