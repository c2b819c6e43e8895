// The agent: one event loop with a Keeper per gateway and the API on a UNIX socket. Run by `meshops agent`
// (daemon) and `meshops up` (foreground). Listens on no network.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "agent/keeper.h"
#include "agent/secret_watch.h"
#include "agent/siblings.h"
#include "alert/sender.h"
#include "config/mesh.h"
#include "gateway/gateway.h"
#include "net/server.h"

namespace meshops {

class Agent {
 public:
  enum class Mode {
    daemon,      // talks to systemd; leaves the gateways running when it ends
    foreground,  // ends what it started when it leaves
  };
  Agent(Mesh mesh, Mode mode);
  ~Agent();

  /// Runs until SIGTERM or SIGINT (or request_stop()). Fails only at the start: no socket, no state
  /// directory.
  Status run();
  /// From inside the loop.
  void request_stop();
  /// Called every `period` inside the loop: the live view, --until.
  void every(Duration period, std::function<void()> call);

  const std::vector<std::unique_ptr<Keeper>>& keepers() const { return keepers_; }
  const Mesh& mesh() const { return mesh_; }
  /// meshops.status/1
  nlohmann::ordered_json status() const;

 private:
  boost::asio::awaitable<void> begin();
  boost::asio::awaitable<void> find_more();
  boost::asio::awaitable<void> watchdog();
  boost::asio::awaitable<void> keep_spare();
  boost::asio::awaitable<void> repeat(Duration period, std::function<void()> call);
  boost::asio::awaitable<void> leave();
  boost::asio::awaitable<ServedAnswer> serve(ServedRequest request);
  boost::asio::awaitable<ServedAnswer> serve_gateway(std::string name, std::string verb,
                                                     ServedRequest request);
  boost::asio::awaitable<ServedAnswer> serve_node(std::string node, ServedRequest request);
  ServedAnswer serve_ledger(const ServedRequest& request) const;
  boost::asio::awaitable<ServedAnswer> serve_undo(std::string entry, ServedRequest request);
  Status asked_by_sibling(const ServedRequest& request);
  Status open_records();
  void watch_secrets();
  bool has_siblings() const;
  void meet_siblings();
  mesh::Word own_word() const;
  Keeper* keeper(std::string_view name) const;
  bool shares_state(const GatewaySpec& listed, const Discovered& found) const;
  void keep(GatewaySpec spec);

  Mesh mesh_;
  Mode mode_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<UnixServer> server_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<store::Kept> kept_;
  std::unique_ptr<mesh::LeaseFile> lease_;
  std::unique_ptr<store::Outbox> outbox_;
  std::unique_ptr<alert::Sender> sender_;
  std::unique_ptr<Records> records_;
  std::vector<std::unique_ptr<Keeper>> keepers_;
  std::unique_ptr<SecretWatch> secret_watch_;
  std::unique_ptr<Siblings> siblings_;
  WallTime since_{};
  bool leaving_ = false;
};

}  // namespace meshops
