#include "cli/cli.h"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/text.h"
#include "cli/command.h"

namespace meshops::cli {

namespace {
/// What to say if the first word is no command of ours; empty if it is one, or there is none.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  std::string_view word;
  for (int i = 1; i < argc && word.empty(); ++i) {
    std::string_view argument = argv[i];
    if (argument == "--config" || argument == "--socket" || argument == "--format")
      ++i;
    else if (!argument.starts_with('-'))
      word = argument;
  }
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (word.empty() || std::ranges::find(names, word) != names.end()) return {};
  auto meant = nearest(word, std::vector<std::string_view>(names.begin(), names.end()));
  return fmt::format(
      "meshops: there is no command {}\n  → {}\n", quote(word),
      meant ? fmt::format("did you mean meshops {}?", *meant) : std::string("all of them: meshops --help"));
}

/// argv → what to run, or an exit code.
std::variant<Run, int> parse(int argc, char** argv, Globals& globals) {
  CLI::App app(
      "meshops keeps AI gateways alive: it supervises them, finds out why one is down, and brings it back.",
      "meshops");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Examples:\n"
      "  meshops up                      run and watch the gateways of this machine, no root needed\n"
      "  meshops status                  how every gateway is, layer by layer\n"
      "  meshops COMMAND --help          one command, with an example\n\n"
      "Exit codes: 0 good, 1 findings or unhealthy, 2 usage, 3 could not do it.");
  app.add_option("--config", globals.config, "the mesh.toml to use")->type_name("FILE");
  app.add_option("--socket", globals.socket, "the agent's socket")->type_name("PATH");
  app.add_option("--format", globals.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  app.set_version_flag("--version", "meshops " MESHOPS_VERSION);

  Run chosen;
  add_up(app, globals, chosen);
  add_agent(app, globals, chosen);
  add_status(app, globals, chosen);
  add_gateway_orders(app, globals, chosen);
  add_discover(app, globals, chosen);
  add_diagnose(app, globals, chosen);
  add_heal(app, globals, chosen);
  add_ledger(app, globals, chosen);
  add_audit(app, globals, chosen);
  add_cloud(app, globals, chosen);
  add_secrets(app, globals, chosen);
  add_path(app, globals, chosen);
  add_explain(app, globals, chosen);
  add_mesh(app, globals, chosen);
  add_web(app, globals, chosen);
  add_alerts(app, globals, chosen);
  add_remote(app, globals, chosen);
  add_config(app, globals, chosen);
  add_self_description(app, globals, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    bool wanted = e.get_exit_code() == 0;  // --help, --version
    if (auto unknown = unknown_command(app, argc, argv); !wanted && !unknown.empty())
      std::fputs(unknown.c_str(), stderr);
    else
      app.exit(e);
    return wanted ? kGood : kUsage;
  }
  return chosen;
}
}  // namespace

int main(int argc, char** argv) {
  Globals globals;
  auto parsed = parse(argc, argv, globals);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  ::malloc_trim(0);
  return std::get<Run>(parsed)();
}

Result<Mesh> Globals::mesh() const {
  std::optional<std::filesystem::path> flag;
  if (!config.empty()) flag = config;
  return load_mesh(flag, Surroundings::of_this_process());
}

Result<std::filesystem::path> Globals::socket_path() const {
  if (!socket.empty()) return std::filesystem::path(socket);
  auto loaded = TRY(mesh());
  std::error_code ignored;
  const std::filesystem::path system = "/run/meshops/agent.sock";
  if (loaded.source.empty() && !std::filesystem::exists(loaded.socket, ignored) &&
      std::filesystem::exists(system, ignored))
    return system;
  return loaded.socket;
}

int report(const Globals& globals, const Error& why) {
  if (globals.json()) {
    nlohmann::ordered_json json = {{"schema", "meshops.error/1"},
                                   {"code", why.code()},
                                   {"message", why.text()},
                                   {"hint", why.hint_text()}};
    std::puts(json.dump(2).c_str());
  } else {
    std::fputs(("meshops: " + why.for_people() + "\n").c_str(), stderr);
  }
  return kCouldNot;
}

Result<std::string> ask_agent(const Globals& globals, const std::string& method, const std::string& target,
                              Duration limit, std::string body) {
  HttpRequest request;
  request.to.unix_path = TRY(globals.socket_path()).string();
  request.method = method;
  request.target = target;
  request.limit = limit;
  request.body = std::move(body);
  request.body_limit = 16U << 20;
  auto path = request.to.unix_path;
  auto answer = http_blocking(std::move(request));
  if (!answer)
    return fail(error(NetCode::no_socket, "no agent answers at {}", path)
                    .because(answer.error())
                    .hint("start one with: meshops up  (or as a service: systemctl start meshops-agent)"));
  if (answer->status / 100 == 2) return std::move(answer->body);
  auto json = nlohmann::json::parse(answer->body, nullptr, false);
  if (!json.is_object() || !json["message"].is_string())
    return fail(NetCode::not_http, "the agent answered {} to {} {}", answer->status, method, target);
  auto why = error(NetCode::io, "{}", json["message"].get<std::string>());
  if (json["hint"].is_string() && !json["hint"].get<std::string>().empty())
    return fail(std::move(why).hint("{}", json["hint"].get<std::string>()));
  return fail(std::move(why));
}

}  // namespace meshops::cli
