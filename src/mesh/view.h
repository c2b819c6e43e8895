// What one node believes about one peer: each layer with the time of the question whose answer it is. Values,
// and the pure functions that name what is wrong; used by Judgement and by `meshops status`.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"
#include "mesh/limits.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// What the roster says. A hint: below four members Serf asks nobody before it says `failed`.
enum class Gossip { alive, failed, left };
std::string_view text(Gossip gossip);

// Not inside PeerView: clang 19 breaks off over a nested one.
template <class T>
struct Seen {
  Instant asked{};  // an answer is as old as its question, by our own clock
  T what{};
  bool fresh(Instant now, Duration within) const { return now - asked <= within; }
};

struct PeerView {
  Gossip gossip = Gossip::alive;
  Instant since{};  // we look at it since then: silence before that is ours
  std::optional<Seen<Word>> heard;
  std::optional<Instant> gone_since;  // asked then, it said for the first time that its agent has ended
  std::optional<Seen<Probe>> probed;
  std::optional<Seen<bool>> knocked;  // true: somebody speaks SSH there
  std::optional<Seen<Outside>> outside;
};

/// What is wrong with a peer, as far as our own eyes go.
enum class Trouble {
  none,
  silent,        // no answer, or a stale one, and not looked at over SSH
  mute,          // only its heartbeat is missing: over SSH its agent runs
  agent_dead,    // reached over SSH; its agent does not run
  gateways_ill,  // its agent runs; a gateway of it is ill
  unusable,      // SSH answers, meshops does not
  unreachable,   // neither heartbeat nor SSH
};
std::string_view text(Trouble trouble);  // "has no running agent": after its name
std::string_view name(Trouble trouble);  // "agent_dead": for programs

/// Its agent speaks, and names no ill gateway.
bool well(const Word& word, const MeshLimits& limits);
Trouble trouble_of(const PeerView& view, Instant now, const MeshLimits& limits);
/// The same as a witness says it.
Sees sees(const PeerView& view, Instant now, const MeshLimits& limits);
/// Whether somebody speaks SSH there, by the newest look or knock that counts; nothing: we do not know.
std::optional<bool> answers_ssh(const PeerView& view, Instant now, const MeshLimits& limits);
/// Any layer of it answered us lately: its network and ours are one.
bool reached(const PeerView& view, Instant now, const MeshLimits& limits);
/// The state of its gateways, from the newest of what it said and what was found on it.
Gateways gateways_of(const PeerView& view);
bool heals_itself(const PeerView& view);
bool paused(const PeerView& view);
/// When it last spoke for itself, to us or to a look of ours.
Instant last_own_word(const PeerView& view);
/// A newer word than all before.
void hear(PeerView& view, Instant asked, const Word& word);
/// That newest is of its own agent, or was found on it: no last word of a dead one.
bool speaks_for_itself(const PeerView& view, const MeshLimits& limits);

}  // namespace meshops::mesh
