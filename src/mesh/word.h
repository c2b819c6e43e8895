// What nodes say to each other about each other, as values. The edges carry them (heartbeat, query, SSH);
// Judgement gives and takes them. No times of other machines' clocks: ages only, and the receiver counts an
// answer as old as its own question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace meshops::mesh {

/// The gateways of a node taken together, as whoever says it sees them.
enum class Gateways {
  unknown,
  well,      // all that are wanted are ready or start within their limits
  ill,       // one is not
  given_up,  // its own ladder has ended: people were told
};
std::string_view text(Gateways gateways);

/// A node's answer to a heartbeat: given by its unprivileged side, with what its agent last told that side.
struct Word {
  Duration agent_age{};     // how long ago that was
  bool agent_gone = false;  // its process has ended, and no other has begun
  Gateways gateways = Gateways::unknown;
  bool heals_itself = false;  // its own agent has a treatment under way
  bool paused = false;        // by a person
  bool operator==(const Word&) const = default;
};

/// What a healer finds on a patient over SSH. `agent_runs` means that it answers there, not only that a
/// process exists.
struct Found {
  bool agent_runs = true;
  Gateways gateways = Gateways::unknown;
  bool heals_itself = false;
  bool paused = false;
  bool operator==(const Found&) const = default;
};
struct Probe {
  bool ssh = false;                 // somebody speaks SSH there
  std::optional<Found> found;       // nothing: `meshops remote` does not answer there
  std::optional<bool> paused = {};  // then: what the script beside it says of the node's pause, if it answers
  bool operator==(const Probe&) const = default;
};

/// The third witness about a peer that is no node: its heartbeat in the object store, or a configured URL.
enum class Outside { cannot_tell, sees_it, misses_it };

/// An act upon a patient.
struct Treatment {
  std::string patient;
  std::string healer;
  std::uint64_t number = 0;  // tells two treatments by one healer apart
  Duration age{};            // since its end if it is over, else since its beginning
  bool over = false;
  bool helped = false;  // its healer saw the patient well soon after its end
  bool operator==(const Treatment&) const = default;
};
/// `healer` treats `patient` or is about to.
struct Claim {
  std::string patient;
  std::string healer;
  Duration age{};
  bool operator==(const Claim&) const = default;
};

/// Asked of a witness. It is also how a claim is laid and withdrawn.
struct Question {
  std::string asker;
  std::string patient;
  std::uint64_t round = 0;
  bool claim = false;
  bool able = false;      // the asker could heal it: those after it in the order need not ask, too
  bool remembers = true;  // false: it began lately without its memory, and may have a claim that it forgot
  /// The asker's own last one of that patient: who hears that a claim is withdrawn hears what came of it.
  std::optional<Treatment> treated = {};
  /// When the asker's agent began: milliseconds of its own wall clock, compared with nothing but its own
  /// earlier ones (QuestionOrder). Set where the question leaves.
  std::uint64_t began = 0;
  bool operator==(const Question&) const = default;
};

enum class Sees {
  nothing_yet,  // it has only begun to look
  well,         // the patient answers, and its agent is fresh
  trouble,      // the patient is reached, and something is wrong with it
  nobody,       // it does not reach the patient
};
std::string_view text(Sees sees);

/// A witness's answer: what it sees itself.
struct Testimony {
  std::string witness;
  std::string patient;
  std::uint64_t round = 0;  // of the question
  Sees sees = Sees::nothing_yet;
  bool can_heal = false;              // it reaches the patient, trusts its own eyes and is allowed to
  bool patient_paused = false;        // the patient's last word
  bool remembers = true;              // false: it began lately without its memory, so its claims are not all
  std::vector<Claim> claims;          // its own ones, and what it has heard of others
  std::vector<Treatment> treatments;  // of the last hour, of anybody
  std::vector<std::string> in_trouble;
  bool told = false;        // it has told people about the patient
  bool storm_told = false;  // to people: whoever begins anew in the middle of it need not tell again
  bool operator==(const Testimony&) const = default;
};

}  // namespace meshops::mesh
