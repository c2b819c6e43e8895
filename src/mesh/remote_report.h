// What the verbs of `meshops remote` find, typed: written by the patient, read by healers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesh/lease_file.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// The patient's agent, as its sibling's request finds it.
enum class AgentState {
  up,
  dead,     // nothing listens
  hangs,    // it listens and does not answer
  stopped,  // a person stopped its unit: that counts as a pause of the node
};
std::string_view text(AgentState state);

struct ProbeReport {
  struct Gateway {
    std::string name;
    std::string state;  // its phase; "unwatched" without an agent
    std::string summary;
    bool live = false, ready = false;
    bool wanted = true;   // false: a person stopped it, or paused it
    std::string healing;  // the state of its own ladder; empty without an agent
    bool operator==(const Gateway&) const = default;
  };
  AgentState agent = AgentState::dead;
  std::string agent_said;  // why it is not up
  std::vector<Gateway> gateways;
  std::string lease_holder;  // empty: nobody has it
  std::uint64_t lease_fence = 0;
  Duration lease_left{};
  std::string own_treatment;  // what its own healer is at; empty: nothing
  bool observes_only = false;
  /// As a whole, by a person: each of its gateways is, or the agent's unit was stopped.
  bool paused = false;
  /// meshops itself does not work there: the script that sshd runs answers, and can only reinstall and fall
  /// back. `agent_said` says why, and the gateways are as their units are, no more.
  bool by_fallback = false;
  bool operator==(const ProbeReport&) const = default;
};
std::string to_json(const ProbeReport& report);
Result<ProbeReport> parse_probe_report(std::string_view json);

struct HealReport {
  enum class Outcome {
    nothing,  // there was nothing to heal
    healed,
    told,   // the ladder ended, people were told
    at_it,  // it goes on; probe again
  };
  Outcome outcome = Outcome::at_it;
  std::string said;
  bool by_agent = true;  // false: the request itself was the healer, because no agent lives
  bool operator==(const HealReport&) const = default;
};
std::string_view text(HealReport::Outcome outcome);
std::string to_json(const HealReport& report);
Result<HealReport> parse_heal_report(std::string_view json);

/// Of `agent`, `reinstall` and `fallback`.
struct DeedReport {
  enum class Outcome {
    up,        // the agent answered before anything was done, so nothing was
    back,      // the agent was started and answers
    restored,  // the pinned meshops stands there again; the agent answers, or runs where only a script can
               // tell
    done,      // what the fallback could do; `said` names it
    nothing,   // there was nothing that it could do
  };
  Outcome outcome = Outcome::nothing;
  std::string said;
  bool by_fallback = false;
  bool operator==(const DeedReport&) const = default;
};
std::string_view text(DeedReport::Outcome outcome);
std::string to_json(const DeedReport& report);
Result<DeedReport> parse_deed_report(std::string_view json);

struct LeaseReport {
  std::uint64_t fence = 0;
  Duration left{};
  /// What siblings did to the patient in the last hour, as it remembers: counted over all healers.
  std::vector<Treatment> history;
  bool operator==(const LeaseReport&) const = default;
};
std::string to_json(const LeaseReport& report);
/// `patient`: who was asked, and whose history it is.
Result<LeaseReport> parse_lease_report(std::string_view json, const std::string& patient);

}  // namespace meshops::mesh
