// Keeps one gateway: looks at it, feeds its Supervision, carries the decisions out, and tells what it sees.
// Owned by the Agent, one per gateway, all on one event loop. Decides nothing itself.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "gateway/gateway.h"
#include "heal/supervision.h"

namespace meshops {

/// What the next agent must know, stored in STATE/gateways/NAME/memory.json; a damaged file gives the
/// defaults.
struct Remembered {
  Memory supervision;
  std::optional<RuntimeEvent> last_exit;
  WallTime last_exit_at{};
};
Remembered parse_remembered(std::string_view json);
std::string to_json(const Remembered& remembered);

class Keeper {
 public:
  Keeper(const GatewaySpec& spec, const Mesh& mesh, Machine& machine);
  ~Keeper();
  /// Whether an agent on this machine has kept it before.
  static bool remembers(Machine& machine, const GatewaySpec& spec);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Attaches and looks, again and again, until the object goes. Run once.
  boost::asio::awaitable<void> run();

  const GatewaySpec& spec() const { return spec_; }
  const Health& health() const { return health_; }
  Phase phase() const { return supervision_.phase(); }
  std::string summary() const;
  /// One element of `gateways` of meshops.status/1.
  nlohmann::ordered_json status() const;

  // What a person may ask; returns when the order is given, not when it is done.
  boost::asio::awaitable<Status> person_starts();
  boost::asio::awaitable<Status> person_stops();
  boost::asio::awaitable<Status> person_restarts();
  boost::asio::awaitable<Result<std::string>> logs(std::size_t lines);
  /// meshops.closeup/1
  boost::asio::awaitable<Result<nlohmann::ordered_json>> closeup();

  /// Ends what meshops itself runs, politely, and waits (foreground `up` leaving). Other runtimes are left
  /// alone.
  boost::asio::awaitable<void> leave(Duration limit);

 private:
  Keeper(GatewaySpec spec, const Mesh& mesh, Machine& machine, Remembered remembered);
  void happened(const RuntimeEvent& event);
  void show_ended(pid_t pid, const std::string& how);
  void carry_out(Decision decision);
  boost::asio::awaitable<void> act(Decision decision);
  boost::asio::awaitable<void> look();
  boost::asio::awaitable<void> try_canary();
  boost::asio::awaitable<void> read_log();
  LayerHealth works() const;
  void show_pending(Health& health) const;
  void remember();
  Instant now() const { return machine_.clock().now(); }

  GatewaySpec spec_;
  Limits limits_;
  Machine& machine_;
  std::unique_ptr<Adapter> adapter_;
  std::unique_ptr<Runtime> runtime_;
  Supervision supervision_;
  Identity identity_;
  ProcessView view_;
  Health health_;
  Instant last_full_look_{};
  Instant last_log_look_{};
  Error trouble_{"", ""};  // why it cannot be watched; no sentence: it can
  boost::asio::steady_timer timer_;
  std::uint64_t events_ = 0;  // a look that began before an event came is stale
  std::optional<RuntimeEvent> last_exit_;
  WallTime last_exit_at_{};
  std::string saved_memory_;
  std::optional<pid_t> canary_done_for_;
  Turns turns_;
  std::string turns_unseen_;  // why nothing can be told of its turns
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops
