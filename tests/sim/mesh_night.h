// A night of a mesh as data: how many nodes, what is configured, and the list of faults that are injected.
// Made from a seed, played by the world, shrunk to the few faults that a broken promise needs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/mesh.h"

namespace meshops::sim {

struct Fault {
  enum class Kind {
    agent_crash,       // its service manager brings it back after `lasts`
    agent_dies,        // and stays dead until somebody revives it
    agent_forgets,     // it starts anew and has lost its memory
    binary_broken,     // the agent dies, and only a reinstall brings it back
    gateway_ill,       // its own agent can mend it
    gateway_wedged,    // its own agent does nothing about it; a sibling can
    gateway_given_up,  // its own agent has tried everything
    bad_config,        // every node's gateway is wedged at once
    freeze,            // everything on the machine stops for `lasts`
    power_off,         // until it is reset, or `lasts` is over
    stall,             // the agent gets CPU once in some seconds, for `lasts`
    starve,            // it gets none at all
    leaves,            // it says goodbye to the mesh, and comes back after `lasts`
    port_blocked,      // a cannot send b heartbeats
    remote_refused,    // meshops over SSH does not answer on a
    cut,               // a and b, both ways
    one_way,           // a does not reach b
    partition,         // those in `mask` from those who are not
    slow,              // half a second each way, everywhere
    loss,              // 30 % of all datagrams
    own_network,       // a sees nobody, and knows that its network fails
    slow_witness,      // a answers questions after some seconds
    liar,              // a says what is false
    pause,             // a person pauses a
  };
  Kind kind{};
  Duration at{};
  Duration lasts{};
  unsigned a = 0, b = 0;
  std::uint64_t mask = 0;
};
std::string text(Fault::Kind kind);
/// "02:13:07 cut n1 n3 for 90 s"
std::string words(const Fault& fault);

struct Night {
  std::uint64_t seed = 0;
  unsigned nodes = 3;
  Profile profile = Profile::normal;
  bool can_reset = false;
  bool has_store = false;
  bool outside = false;    // the object store's heartbeats are asked
  unsigned lookers = 7;    // few, so that small meshes have witnesses that only listen
  bool cares = false;      // each node for the one after it, whoever heals that
  bool skip_quiet = true;  // hours in which nothing happens are not played second by second
  Duration length = std::chrono::hours(12);
  std::vector<Fault> faults;

  bool has(Fault::Kind kind) const;
};
/// What the faults are drawn from; several mentions make it likelier. Empty: all of them.
Night night_of(std::uint64_t seed, const std::vector<Fault::Kind>& of = {}, unsigned nodes = 0);

/// Delta debugging: the smallest sublist of faults found with which `fails` still holds.
Night shrunk(Night night, const std::function<bool(const Night&)>& fails);

}  // namespace meshops::sim
