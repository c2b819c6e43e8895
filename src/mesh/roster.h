// Who is in the mesh: what Serf said last, held against mesh.toml. Called by the CLI and the agent. Pure.
// What Serf calls failed is a suspicion, no verdict: nothing here says that a node is down.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/mesh.h"
#include "mesh/serf_wire.h"

namespace meshops {

enum class Presence {
  alive,
  failed,   // Serf hears nothing of it
  leaving,  // it says goodbye
  left,     // it has said goodbye, or was sent away
  unseen,   // in mesh.toml, and Serf has never heard of it
};
std::string_view text(Presence presence);  // "alive", …

struct RosterEntry {
  std::string name;
  Presence presence = Presence::unseen;
  bool planned = false;  // mesh.toml lists it
  std::string address;   // where Serf reaches it; empty: unseen
  std::uint16_t port = 0;
  std::string version, plan, mesh;  // what it says of itself; empty: nothing
  Instant since;                    // when its presence was first seen to be this
  std::optional<Instant> alive_at;  // the last answer that had it alive
  /// What a person should look at: "not in mesh.toml", "mesh.toml has it at 10.0.0.2", …
  std::vector<std::string> remarks;
  bool operator==(const RosterEntry&) const = default;
};

struct Roster {
  std::string node;  // whose view it is
  std::string mesh;
  Instant at;                        // when Serf answered
  std::vector<RosterEntry> entries;  // those of mesh.toml in its order, then others by name
  const RosterEntry* find(std::string_view name) const;
  std::size_t alive() const;
  bool operator==(const Roster&) const = default;
};

/// The next view: `members` is all that Serf's `members` answered at `at`. `own_plan` is what this node says
/// of its plan (serf::plan_hash), empty if that does not matter.
Roster roster(const Roster& before, const Mesh& mesh, const std::vector<serf::Member>& members, Instant at,
              std::string_view own_plan = {});

/// Whether an event is a reason to ask `members` now: the stream loses entries and repeats old ones, so that
/// nothing in it is believed.
bool asks_again(const serf::Event& event);

/// Who would be shut out by a new mesh key that only the living get: nodes of the plan, and failed members,
/// that are not alive.
std::vector<std::string> absent(const Roster& roster);

}  // namespace meshops
