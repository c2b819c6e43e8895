// Every number of healing between nodes, in one table, with the profiles of mesh.toml. Read by Judgement and
// by the edges around it; docs/mesh-healing.md shows the same table (tests/unit/mesh/limits_test.cpp
// compares).
#pragma once

#include <string>

#include "base/time.h"
#include "config/mesh.h"

namespace meshops::mesh {

struct MeshLimits {
  Profile profile = Profile::normal;
  unsigned watchers = 3;
  unsigned panel = 63;
  unsigned lookers = 7;
  unsigned share = 3;
  unsigned per_hour = 3;
  Duration heartbeat = std::chrono::seconds(1);
  Duration suspect_after = std::chrono::milliseconds(2500);
  Duration agent_stale = std::chrono::seconds(3);
  Duration agent_gone = std::chrono::milliseconds(1500);
  Duration ask_every = std::chrono::seconds(2);
  Duration sight_fresh = std::chrono::seconds(6);
  Duration stall = std::chrono::seconds(3);
  Duration settle = std::chrono::seconds(5);
  Duration grace_agent = std::chrono::seconds(15);
  Duration grace_gateways = std::chrono::minutes(1);
  Duration own_heal_cap = std::chrono::minutes(30);
  Duration grace_unreachable = std::chrono::minutes(3);
  Duration takeover = std::chrono::seconds(20);
  Duration lease_wait = std::chrono::seconds(15);
  Duration lease_term = std::chrono::seconds(45);
  Duration heal_bound = std::chrono::minutes(10);
  Duration first_pause = std::chrono::minutes(1);
  Duration longest_pause = std::chrono::minutes(30);
  Duration reset_pause = std::chrono::minutes(10);
  Duration storm_pause = std::chrono::minutes(1);
  Duration storm_cooldown = std::chrono::minutes(5);
  Duration storm_tell = std::chrono::seconds(30);
  Duration tell_next = std::chrono::minutes(1);
  bool operator==(const MeshLimits&) const = default;

  static MeshLimits of(Profile profile);
};

/// The table of docs/mesh-healing.md: name, normal, cautious, meaning.
std::string limits_markdown();

}  // namespace meshops::mesh
