// meshops up: the embedded default, in the foreground.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>

#include "agent/agent.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/render.h"
#include "gateway/openclaw_install.h"

namespace meshops::cli {

log::Level log_level(const std::string& name);

namespace {

struct Options {
  std::string until;
  std::string timeout = "10m";
  bool install = false;
  bool plain = false;
  std::string model_url;
  std::string model = "default";
  std::uint16_t port = 18789;
};

// The live view keeps the last lines of the log under the picture.
std::deque<std::string> g_lines;
void keep_line(log::Level, std::string_view, std::string_view sentence, std::initializer_list<log::Field>) {
  g_lines.push_back(iso8601(SystemClock().wall()).substr(11, 8) + "  " + printable(sentence));
  while (g_lines.size() > 12) g_lines.pop_front();
}

/// The terminal shows the live view on its other screen and gets its own back at the end.
class LiveScreen {
 public:
  LiveScreen() {
    std::fputs("\x1b[?1049h\x1b[?25l", stdout);
    log::set_sink(keep_line);
  }
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;
  ~LiveScreen() {
    log::set_sink(nullptr);
    std::fputs("\x1b[?25h\x1b[?1049l", stdout);
    for (const auto& line : g_lines) std::puts(line.c_str());
    std::fflush(stdout);
  }
  void draw(const Agent& agent) const {
    nlohmann::json status = agent.status();
    auto text = "\x1b[H\x1b[2J" + render_status(status, SystemClock().wall(), look_of_stdout()) + "\n";
    for (const auto& line : g_lines) text += line + "\n";
    text += "\nCtrl-C ends what meshops started and leaves\n";
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
};

/// With no gateway anywhere: meshops' own OpenClaw, installed when asked for.
Status provide_gateway(Mesh& mesh, const Options& options) {
  for (const auto& spec : mesh.gateways_of(mesh.node))
    if (spec.enabled) return ok();
  if (!options.install && !installed_openclaw_command(mesh.state_dir)) return ok();
  if (mesh.discover != Discover::off)
    for (const auto& found : discover_here(mesh).gateways)
      // One that an earlier, killed `up` left behind is ours and is taken over.
      if (found.spec.runtime != RuntimeKind::process ||
          found.identity.state_dir != own_openclaw_home(mesh.state_dir)) {
        std::fputs(
            fmt::format("{} was found on this machine: nothing is installed beside it\n", found.spec.name)
                .c_str(),
            stderr);
        return ok();
      }
  if (!installed_openclaw_command(mesh.state_dir))
    std::fputs(fmt::format("installing OpenClaw {} with Node {} from npm into {} (once; some minutes)\n",
                           kOpenclawVersion, kNodeVersion, (mesh.state_dir / "openclaw").string())
                   .c_str(),
               stderr);
  CHECK_OK(install_openclaw(mesh.state_dir));
  CHECK_OK(write_first_openclaw_config(mesh.state_dir, options.port, options.model_url, options.model));
  GatewaySpec spec;
  spec.name = "openclaw";
  spec.node = mesh.node;
  spec.kind = GatewayKind::openclaw;
  spec.runtime = RuntimeKind::process;
  spec.command = TRY(installed_openclaw_command(mesh.state_dir));
  spec.state_dir = own_openclaw_home(mesh.state_dir);
  spec.config = spec.state_dir / "openclaw.json";
  spec.canary = !options.model_url.empty();
  mesh.gateways.push_back(std::move(spec));
  return ok();
}

bool all_pass(const Agent& agent, Layer layer) {
  if (agent.keepers().empty()) return false;
  for (const auto& keeper : agent.keepers()) {
    auto state = keeper->health()[layer].state;
    if (state != LayerState::ok && state != LayerState::not_applicable) return false;
  }
  return true;
}

int run(const Globals& globals, const Options& options) {
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  if (!globals.socket.empty()) mesh->socket = globals.socket;
  auto until = parse_layer(options.until);
  auto timeout = parse_duration(options.timeout);
  if (!timeout)
    return report(globals,
                  error(ConfigCode::bad_value, "--timeout: {} is not a duration", quote(options.timeout))
                      .hint("write it like 90s or 10m"));
  log::set_level(log_level(mesh->log_level));
  if (auto made = make_directories(mesh->state_dir); !made) return report(globals, made.error());
  if (auto provided = provide_gateway(*mesh, options); !provided) return report(globals, provided.error());

  bool live = ::isatty(STDOUT_FILENO) != 0 && !options.plain && !until;
  int code = kGood;
  Status ran;
  {
    Agent agent(std::move(*mesh), Agent::Mode::foreground);
    std::unique_ptr<LiveScreen> screen;
    if (live) {
      screen = std::make_unique<LiveScreen>();
      agent.every(std::chrono::seconds(1), [&] { screen->draw(agent); });
    }
    SystemClock clock;
    auto deadline = clock.now() + *timeout;
    if (until) {
      code = kFindings;
      agent.every(std::chrono::milliseconds(250), [&] {
        if (all_pass(agent, *until)) {
          code = kGood;
          nlohmann::json status = agent.status();
          std::fputs(globals.json() ? (status.dump(2) + "\n").c_str()
                                    : render_status(status, clock.wall(), look_of_stdout()).c_str(),
                     stdout);
          std::fflush(stdout);
          agent.request_stop();
        } else if (clock.now() > deadline) {
          nlohmann::json status = agent.status();
          std::fputs(render_status(status, clock.wall(), look_of_stdout()).c_str(), stderr);
          std::fputs(
              fmt::format("meshops: not every gateway passes '{}' after {}\n", options.until, options.timeout)
                  .c_str(),
              stderr);
          agent.request_stop();
        }
      });
    }
    ran = agent.run();
  }
  if (!ran) return report(globals, ran.error());
  return code;
}

}  // namespace

void add_up(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand(
      "up", "run and watch the gateways of this machine in the foreground; no root needed");
  auto options = std::make_shared<Options>();
  command->add_flag(
      "--install", options->install,
      "if there is no gateway: install a pinned OpenClaw from npm into the state directory and run it");
  command
      ->add_option("--model-url", options->model_url,
                   "for that OpenClaw: an OpenAI-compatible endpoint; one real turn proves that it works")
      ->type_name("URL");
  command->add_option("--model", options->model, "the model's name there")->type_name("NAME");
  command->add_option("--port", options->port, "the port of that OpenClaw")->type_name("PORT");
  command
      ->add_option("--until", options->until, "leave with 0 once every gateway passes this layer of health")
      ->check(CLI::IsMember({"process", "port", "live", "loop", "started", "ready", "works"}))
      ->type_name("LAYER");
  command->add_option("--timeout", options->timeout, "for --until: leave with 1 after so long")
      ->type_name("DURATION");
  command->add_flag("--plain", options->plain, "log lines instead of the live view");
  command->footer(
      "Example:\n  meshops up --install --model-url http://127.0.0.1:8080/v1\n\n"
      "Ctrl-C ends what meshops started itself (politely, with the time it needs) and leaves services "
      "alone.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
