// The world that a mesh lives in for one night: machines, links, patients with their lease files, and a
// clock. It runs the real Judgement on every node, carries out its decisions late, twice blind and sometimes
// not at all, and checks the promises of docs/mesh-healing.md at each of them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "mesh/judgement.h"
#include "sim/mesh_night.h"

namespace meshops::sim {

struct Outcome {
  struct Broken {
    std::string promise;  // short and stable: what shrinking compares
    std::string how;
  };
  std::vector<Broken> broken;
  unsigned treatments = 0, resets = 0, told = 0, storms = 0;
  unsigned cut = 0;         // treatments whose lease ended while their healer was there
  bool lost = false;        // the faults left no agent that could have healed the others
  std::uint64_t steps = 0;  // events played
  Duration slowest{};       // from an isolated fault to its first treatment
  std::string trace;
  bool breaks(const std::string& promise) const;
};

/// `traced`: the outcome tells what happened, line by line.
Outcome play(const Night& night, mesh::Guards guards = {}, bool traced = false);

/// The seed, the faults that it takes, and what happened, for a person.
std::string story(const Night& night, mesh::Guards guards, const std::string& promise);

}  // namespace meshops::sim
