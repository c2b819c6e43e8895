// The leases on bots that gateways of several nodes share: hears what the other nodes say, asks a BotLease
// for each gateway of this node that shares one, has its Keeper obey, and tells people when one takes over.
// Owned by Siblings, on the agent's event loop. Decides nothing itself.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/healer.h"
#include "gateway/gateway.h"
#include "mesh/bot_lease.h"
#include "mesh/judgement.h"
#include "mesh/serf_wire.h"

namespace meshops {

class Leases {
 public:
  /// A gateway of this node, as its Keeper knows it.
  struct Gateway {
    GatewaySpec spec;
    std::optional<mesh::Polls> polls;  // nothing: it was not looked at yet
    bool asked = false;                // a person wants it started
    Duration ends_within{};            // a stop takes no longer; zero: nobody may stop it now
  };
  struct Home {
    std::function<std::vector<Gateway>()> gateways;
    std::function<void(const std::string& gateway, const mesh::BotLease::Verdict& verdict)> obey;
  };
  /// All must outlive it.
  Leases(const Mesh& mesh, const mesh::MeshLimits& limits, const Clock& clock, Records& records, Home home);

  /// Whether `spec` must not be started before it is known who has its bot.
  static bool concerns(const Mesh& mesh, const GatewaySpec& spec);

  void hear(const std::vector<serf::Member>& members);
  /// Once a second, also before this node has heard of any other.
  void tick(Instant now, const mesh::Judgement& judgement);
  /// What this node says in the gossip.
  const std::string& tag() const { return tag_; }
  /// The nodes with whom this one shares a bot: each is to be heard every second.
  std::vector<std::string> nodes() const { return {nodes_.begin(), nodes_.end()}; }
  /// That the two have one bot is agreed.
  bool agreed(const std::string& gateway, const std::string& node) const;

 private:
  struct Shared {
    mesh::BotLease lease;
    std::string primary;  // "alpha/main"
    std::set<std::string> nodes;
    mesh::BotLease::Verdict last;
    bool rightful = false;  // it runs in the primary's place, by this lease
    bool told = false;      // people know that it does
  };
  std::string primary_of(const GatewaySpec& spec) const;
  std::set<std::string> sharers(const std::string& primary, const std::string& group) const;
  mesh::BotLease::Other look_at(const std::string& node, const std::string& primary, const std::string& group,
                                Instant now, const mesh::Judgement& judgement) const;
  void watch_touch(Instant now, const mesh::Judgement& judgement);
  void settle(const Gateway& gateway, Shared& shared, const mesh::BotLease::Verdict& verdict);
  void tell(const Gateway& gateway, const Shared& shared, bool over);
  std::filesystem::path mark_of(const std::string& gateway) const;
  std::filesystem::path touch_file() const;

  const Mesh& mesh_;
  mesh::MeshLimits limits_;
  const Clock& clock_;
  Records& records_;
  Home home_;
  std::map<std::string, Shared> shared_;  // by gateway
  struct Said {
    bool alive = false;
    std::map<std::string, mesh::LeaseWord> words;
  };
  std::map<std::string, Said> said_;  // by node
  std::set<std::string> nodes_;
  std::string tag_;
  mesh::Touch touch_;
  bool promises_ = false;  // a gateway of ours is stopped where we are alone
};

}  // namespace meshops
