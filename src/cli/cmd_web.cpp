// meshops web
#include <systemd/sd-daemon.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <optional>

#include "base/log.h"
#include "cli/command.h"
#include "mesh/heartbeat_keys.h"
#include "mesh/word_file.h"
#include "web/heartbeat_server.h"

namespace meshops::cli {

namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

struct Options {
  std::string listen, keys, word, node, mesh;
};

fs::path credential(const char* name) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory == nullptr ? fs::path() : fs::path(directory) / name;
}

/// What the arguments say; of mesh.toml only what they do not, for it may be root's alone.
Result<web::HeartbeatServer::Options> settings(const Globals& globals, const Options& given) {
  web::HeartbeatServer::Options out{.listen = {}, .mesh = given.mesh, .node = given.node, .word = given.word};
  auto keys = given.keys.empty() ? credential("heartbeat.keys") : fs::path(given.keys);
  if (!given.listen.empty()) out.listen = TRY(web::parse_listen(given.listen));
  if (given.listen.empty() || out.mesh.empty() || out.node.empty() || out.word.empty() || keys.empty()) {
    auto mesh = TRY(globals.mesh());
    if (given.listen.empty()) out.listen.port = mesh.heartbeat_port;
    if (out.mesh.empty()) out.mesh = mesh.name;
    if (out.node.empty()) out.node = mesh.node;
    if (out.word.empty()) out.word = mesh::word_file(mesh);
    if (keys.empty()) keys = heartbeat::keys_file(mesh);
  }
  out.keys = TRY(heartbeat::read_keys(keys));
  return out;
}

/// Tells systemd that the loop still turns, as often as it wants to hear it.
class Watchdog {
 public:
  explicit Watchdog(asio::io_context& io) : timer_(io) {
    std::uint64_t microseconds = 0;
    if (::sd_watchdog_enabled(0, &microseconds) <= 0) return;
    period_ = std::chrono::microseconds(microseconds / 3);
    turn();
  }

 private:
  void turn() {
    ::sd_notify(0, "WATCHDOG=1");
    timer_.expires_after(period_);
    timer_.async_wait([this](const boost::system::error_code& ended) {
      if (!ended) turn();
    });
  }
  asio::steady_timer timer_;
  std::chrono::microseconds period_{};
};

int run(const Globals& globals, const Options& given) {
  auto chosen = settings(globals, given);
  if (!chosen) return report(globals, chosen.error());
  auto where = chosen->listen;
  auto who = chosen->node;
  SystemClock clock;
  asio::io_context io(1);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { io.stop(); });
  auto server = web::HeartbeatServer::start(io.get_executor(), std::move(*chosen), clock);
  if (!server) return report(globals, server.error());
  Watchdog watchdog(io);
  log::info("web.up", fmt::format("meshops {} answers heartbeats for {} on {}UDP port {}", MESHOPS_VERSION,
                                  who, where.address.empty() ? "" : where.address + ", ", (*server)->port()));
  ::sd_notify(0, "READY=1");
  io.run();
  ::sd_notify(0, "STOPPING=1");
  return kGood;
}

}  // namespace

void add_web(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command = app.add_subcommand("web", "answer the heartbeats of the other nodes, without any rights");
  auto options = std::make_shared<Options>();
  command
      ->add_option("--listen", options->listen,
                   "a port, or address:port; without it heartbeat_port, on all addresses")
      ->type_name("WHERE");
  command
      ->add_option("--keys", options->keys,
                   "heartbeat keys; without it the credential heartbeat.keys, else STATE/heartbeat.keys")
      ->type_name("FILE");
  command->add_option("--word", options->word, "where this node's agent writes how it is")->type_name("FILE");
  command->add_option("--node", options->node, "the name to answer to")->type_name("NAME");
  command->add_option("--mesh", options->mesh, "the mesh whose questions are answered")->type_name("NAME");
  command->footer(
      "Example:\n  systemctl status meshops-web\n\n"
      "meshops mesh init and join write and start that unit. With all five options mesh.toml is not read. "
      "Only\nquestions that a member has signed are answered; an answer says how long ago the agent of this "
      "node last spoke.");
  command->callback(
      [&globals, &chosen, options] { chosen = [&globals, options] { return run(globals, *options); }; });
}

}  // namespace meshops::cli
