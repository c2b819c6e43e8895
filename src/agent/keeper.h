// Keeps one gateway: looks at it, feeds its Supervision and its Healer, carries the decisions out, and tells
// what it sees. Owned by the Agent, one per gateway, all on one event loop. Decides nothing itself.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/good_config.h"
#include "agent/healer.h"
#include "agent/rounds.h"
#include "gateway/gateway.h"
#include "heal/supervision.h"
#include "mesh/bot_lease.h"

namespace meshops {

/// What the next agent must know, stored in STATE/gateways/NAME/memory.json; a damaged file gives the
/// defaults.
struct Remembered {
  Memory supervision;
  std::optional<RuntimeEvent> last_exit;
  WallTime last_exit_at{};
  /// A person's pause: why, and until when (nothing: until it is resumed). Empty: none.
  std::string pause_why;
  std::optional<WallTime> pause_until;
};
Remembered parse_remembered(std::string_view json);
std::string to_json(const Remembered& remembered);
/// What an agent with this state directory has kept of a gateway; the defaults if there is nothing.
Remembered read_remembered(const std::filesystem::path& state_dir, const std::string& gateway);

class Keeper final : public Bedside {
 public:
  Keeper(const GatewaySpec& spec, const Mesh& mesh, Machine& machine, Records& records);
  ~Keeper() override;
  /// Whether an agent on this machine has kept it before.
  static bool remembers(Machine& machine, const GatewaySpec& spec);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Attaches and looks, again and again, until the object goes. Run once.
  boost::asio::awaitable<void> run();

  const GatewaySpec& spec() const override { return spec_; }
  const Health& health() const { return health_; }
  Phase phase() const { return supervision_.phase(); }
  std::string summary() const override;
  Healer& healer() { return healer_; }
  heal::Ladder::State ladder() const { return healer_.state(); }
  /// By a person.
  bool paused() const { return !pause_why_.empty(); }
  /// One element of `gateways` of meshops.status/1.
  nlohmann::ordered_json status() const;

  // What a person may ask; returns when the order is given, not when it is done.
  boost::asio::awaitable<Status> person_starts();
  boost::asio::awaitable<Status> person_stops();
  boost::asio::awaitable<Status> person_restarts();
  boost::asio::awaitable<Result<std::string>> logs(std::size_t lines);
  /// Until it is resumed, or for that long: nothing is started, ended or mended.
  Status person_pauses(std::string why, std::optional<Duration> length);
  Status person_resumes();

  // The lease on its bot, if it shares one.
  /// How it stands; nothing: it was not looked at yet.
  std::optional<mesh::Polls> polls() const;
  /// A person wants it started, and it may be when the lease lets it.
  bool asked() const { return asked_; }
  /// A stop that the lease orders takes no longer; zero: it would not be obeyed now.
  Duration ends_within() const;
  /// Once a second; before the first look, so that nothing is started that must not be.
  void obey(const mesh::BotLease::Verdict& verdict);

  // As the Healer's bedside.
  const Identity& identity() const override { return identity_; }
  pid_t pid() const override { return view_.pid; }
  bool running() const override { return view_.running; }
  Instant last_start() const override { return last_start_; }
  WallTime last_end() const override { return last_exit_at_; }
  heal::Sight sight() const override;
  bool quiet() const override;
  void operated() override {
    complaints_.forget();
    last_round_ = {};
  }
  boost::asio::awaitable<Result<nlohmann::ordered_json>> closeup() override;
  void hold() override { supervision_.hold(); }
  void release(bool start, std::string why) override;
  boost::asio::awaitable<Status> stop(std::string why) override;
  Status restart(std::string why) override;

  /// Ends what meshops itself runs, politely, and waits (foreground `up` leaving). Other runtimes are left
  /// alone.
  boost::asio::awaitable<void> leave(Duration limit);

 private:
  Keeper(GatewaySpec spec, const Mesh& mesh, Machine& machine, Records& records, Remembered remembered);
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
  void obey_pause();
  void keep_good_config();
  Status ask_lease();
  Instant now() const { return machine_.clock().now(); }

  GatewaySpec spec_;
  Limits limits_;
  Machine& machine_;
  std::unique_ptr<Adapter> adapter_;
  std::unique_ptr<Runtime> runtime_;
  Supervision supervision_;
  Healer healer_;
  Rounds rounds_;
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
  bool puzzled_ = false;       // the last exit was one that a start cannot mend
  bool start_failed_ = false;  // the last start did not even give a process
  Instant last_start_{};
  Instant last_round_{};
  std::string pause_why_;
  std::optional<WallTime> pause_until_;
  GoodConfig good_config_;
  std::optional<mesh::BotLease::Verdict> lease_;  // nothing: it shares no bot
  bool asked_ = false, takes_over_ = false;
  std::string saved_memory_;
  std::optional<pid_t> canary_done_for_;
  Turns turns_;
  Complaints complaints_;
  std::string turns_unseen_;  // why nothing can be told of its turns
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops
