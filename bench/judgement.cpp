// What the judgement of one node costs in a mesh of many: processor time per second of the mesh's life, at
// rest and with nodes in trouble. Every peer is well and answers at once, except those that are said to be
// dead. bench_judgement; the table of docs/measurements.md is its output.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "mesh/judgement.h"

using namespace meshops;
using namespace meshops::mesh;
using namespace std::chrono_literals;
using Act = Decision::Act;

namespace {

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// One node among `size`, of which `dead` have no agent; how long a second of it takes, and how often it
/// asked.
struct Cost {
  double begin = 0, second = 0, worst = 0;
  std::size_t watches = 0, asked = 0;
};
Cost measure(std::size_t size, std::size_t dead, bool asked_by_others) {
  Judgement::Setup setup{.self = "n0"};
  for (std::size_t i = 0; i < size; ++i) setup.members.push_back("n" + std::to_string(i));
  auto members = setup.members;
  Instant now{1h};
  Cost out;
  auto before = cpu_seconds();
  Judgement judgement(setup, now);
  out.begin = cpu_seconds() - before;
  auto patients = judgement.watches(now);
  patients.resize(std::min(patients.size(), dead));
  auto is_dead = [&](const std::string& name) { return std::ranges::find(patients, name) != patients.end(); };
  constexpr int kSeconds = 30;
  auto all = cpu_seconds();
  for (int second = 0; second < kSeconds; ++second) {
    auto began = cpu_seconds();
    now = now + 1s;
    if (asked_by_others)  // each of 64 patients elsewhere has 64 witnesses: so one node is asked about so
                          // many
      for (std::size_t i = 1; i <= std::min<std::size_t>(64, size - 2); ++i)
        judgement.asked(
            now,
            {.asker = members[i], .patient = members[i + 1], .round = static_cast<std::uint64_t>(second)});
    for (const auto& name : judgement.watches(now))
      judgement.heard(
          name, now,
          {.agent_age = is_dead(name) ? Duration(1min) : Duration(0s), .gateways = Gateways::well});
    for (int again = 0; again < 3; ++again) {
      auto decisions = judgement.decide(now);
      for (const auto& d : decisions) {
        if (d.act == Act::probe)
          judgement.probed(d.peer, now,
                           {true, Found{.agent_runs = !is_dead(d.peer), .gateways = Gateways::well}});
        if (d.act != Act::ask) continue;
        ++out.asked;
        for (const auto& witness : d.witnesses)
          judgement.testified(
              {.witness = witness, .patient = d.peer, .round = d.question.round, .sees = Sees::trouble});
      }
      now = now + 10ms;
    }
    out.worst = std::max(out.worst, cpu_seconds() - began);
  }
  out.second = (cpu_seconds() - all) / kSeconds;
  out.watches = judgement.watches(now).size();
  return out;
}

}  // namespace

int main() {
  fmt::print(
      "| members | in trouble | sends heartbeats to | CPU per second | slowest second | to begin "
      "|\n");
  fmt::print("|---|---|---|---|---|---|\n");
  for (std::size_t size : {10UL, 100UL, 1000UL, 10000UL})
    for (int busy : {0, 1, 2}) {
      auto cost = measure(size, busy == 0 ? 0 : 3, busy == 2);
      fmt::print("| {} | {} | {} | {:.3f} ms | {:.1f} ms | {:.0f} ms |\n", size,
                 busy == 0   ? "nobody"
                 : busy == 1 ? "up to 3 of those it watches"
                             : "the same, and it is asked about 64 others",
                 cost.watches, cost.second * 1e3, cost.worst * 1e3, cost.begin * 1e3);
    }
}
