// The agent's part in the mesh: watches peers, asks witnesses, looks at patients, treats them. Owned by the
// Agent, on its event loop, where the plan has more than one node. Feeds the Judgement and carries out what
// it decides; decides nothing itself. One file each for what it hears and says (siblings.cpp), what it does
// to a patient (siblings_treat.cpp) and what it tells people (siblings_tell.cpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "agent/doorkeeper.h"
#include "agent/echo.h"
#include "agent/healer.h"
#include "agent/leases.h"
#include "agent/outside.h"
#include "gateway/gateway.h"
#include "mesh/bots.h"
#include "mesh/judgement.h"
#include "mesh/provider.h"
#include "mesh/pulse.h"
#include "mesh/remote_report.h"
#include "mesh/remote_session.h"
#include "mesh/serf_link.h"

namespace meshops {

class Siblings {
 public:
  /// What it asks of its own node.
  struct Home {
    std::function<mesh::Word()> word;                   // what this node says of itself now
    std::function<std::vector<GatewaySpec>()> running;  // its gateways that run
    Leases::Home leases;
  };
  /// All must outlive it.
  Siblings(const Mesh& mesh, Machine& machine, Records& records, Home home);
  ~Siblings();
  Siblings(const Siblings&) = delete;
  Siblings& operator=(const Siblings&) = delete;

  /// Until the object goes. Run once.
  boost::asio::awaitable<void> run();

  bool knows(std::string_view node) const { return judgement_.view(node) != nullptr; }
  /// The other nodes, as elements of `nodes` of meshops.status/1.
  nlohmann::ordered_json status() const;
  /// Why this node is no member of the mesh, or cannot ask the others; empty: it is, and can.
  std::string trouble() const;
  /// Why the object store of mesh.toml is of no use now; empty: it is, or there is none.
  std::string store_trouble() const { return outside_.trouble(); }
  /// A person asks for a treatment of that node now, under its lease and within its budget, whoever's turn it
  /// is. One sentence of answer; how it ends stands in the ledger.
  Result<std::string> person_asks(const std::string& node, std::string by);
  /// What would be done about it, and why not (meshops.heal-node/1); looks, and changes nothing.
  boost::asio::awaitable<Result<nlohmann::ordered_json>> rehearse(std::string node);

 private:
  /// A lease: on the patient, in the object store, or both, with its number in each.
  struct Held {
    std::optional<std::uint64_t> on_patient, in_store;
    std::uint64_t fence() const { return on_patient ? *on_patient : in_store.value_or(0); }
  };
  struct Granted {
    Held held;
    std::vector<mesh::Treatment> history;
  };
  /// What the edge knows of a peer beyond the Judgement's own view.
  struct Seen {
    std::unique_ptr<mesh::RemoteSession> session;
    std::optional<mesh::ProbeReport> report;  // the last one
    Instant reported_at{};
    std::string said;    // why there is no newer one
    unsigned looks = 0;  // under way
    bool treating = false;
    std::optional<Instant> reached_at;   // over SSH
    std::map<std::uint64_t, Held> held;  // by ticket
  };
  /// How an order ended.
  struct Outcome {
    mesh::Verdict verdict = mesh::Verdict::failed;
    std::string said;
  };
  using Lost = std::shared_ptr<bool>;

  void tick();
  void judge();
  /// Something came in: it is judged at once, not only at the next turn.
  void poke();
  void hear_members(const std::vector<serf::Member>& members);
  void renew_keys();
  void carry_out(mesh::Decision decision);
  boost::asio::awaitable<void> look(std::string peer);
  boost::asio::awaitable<void> knock(std::string peer);
  boost::asio::awaitable<Status> greets(std::string peer);
  boost::asio::awaitable<bool> look_through(std::string peer, Instant asked);
  boost::asio::awaitable<void> ask_outside(std::string peer);
  std::optional<Duration> missed_for(const std::string& peer);
  boost::asio::awaitable<Result<Granted>> lease_on(mesh::Decision decision);
  boost::asio::awaitable<void> take_lease(mesh::Decision decision);
  boost::asio::awaitable<std::string> take_in_store(const mesh::Decision& decision, Instant began,
                                                    Held& held);
  boost::asio::awaitable<void> give_back(std::string peer, Held held);
  boost::asio::awaitable<void> give_back(std::string peer, std::uint64_t ticket);
  boost::asio::awaitable<void> keep_lease(std::string peer, std::uint64_t ticket, Lost over);
  boost::asio::awaitable<void> treat(mesh::Decision decision, std::string by);
  boost::asio::awaitable<Outcome> follow(const mesh::Decision& decision, Lost over);
  boost::asio::awaitable<Outcome> heal(const mesh::Decision& decision, Lost over);
  boost::asio::awaitable<Outcome> reset(const std::string& peer);
  boost::asio::awaitable<Outcome> one(const mesh::Decision& decision, mesh::Verb verb, Duration within);
  boost::asio::awaitable<void> treat_for_person(std::string node, std::string by);
  boost::asio::awaitable<Result<mesh::RemoteAnswer>> ask(const std::string& peer,
                                                         mesh::RemoteSession::Question question);
  Result<std::int64_t> record(const mesh::Decision& decision, const std::string& by);
  void close_what_was_open();
  void tell(const mesh::Decision& decision);
  void look_at_bots();
  void tell_of_twins(const std::vector<serf::Member>& members);
  Seen& seen(const std::string& peer);
  Instant now() const { return machine_.clock().now(); }
  void spawn(boost::asio::awaitable<void> task);

  const Mesh& mesh_;
  Machine& machine_;
  Records& records_;
  Home home_;
  mesh::MeshLimits limits_;
  std::string boot_;
  mesh::Judgement judgement_;
  mesh::SerfLink serf_;
  heartbeat::Pulse pulse_;
  Echo echo_;
  Doorkeeper doorkeeper_;
  Leases leases_;
  OutsideWorld outside_;
  Instant doors_at_{}, bots_at_{};
  Secret mark_key_;                     // of bots' marks
  std::vector<mesh::OwnBot> bots_;      // of the gateways that run here
  std::vector<mesh::Twin> told_twins_;  // people know of them
  std::map<std::string, Seen> seen_;
  bool member_ = false;              // Serf has told who is there, since we began
  std::optional<mesh::Kept> saved_;  // the memory as it was last kept
  std::string trouble_;
  Fd word_held_;
  bool poked_ = false;
  boost::asio::steady_timer timer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace meshops
