// What nodes write into the object store, and what follows from it: the heartbeat of each node, as a witness
// outside of the mesh, and the lease on a node that nobody reaches. Called by the agent and by
// `meshops mesh store`. Pure: bytes and ages come in, words and bytes to be written go out. Ages are by the
// store's clock. What comes in may be written by anybody who has the bucket's key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "mesh/word.h"

namespace meshops::mesh {

MESHOPS_ERROR_CODES(StoreWordCode, "store-word", not_understood, held, lost);

// Where they are, below the store's url. Names of meshes and nodes are names of objects, too.
std::string beat_key(std::string_view mesh, std::string_view node);
std::string store_lease_key(std::string_view mesh, std::string_view node);
/// `who`: two that prove at once need two keys.
std::string proof_key(std::string_view mesh, std::string_view who);

/// meshops.beat/1: that the agent of this node lives and reaches the store.
struct Beat {
  std::string node;
  std::string boot;     // the kernel's boot_id
  bool paused = false;  // by a person
  bool operator==(const Beat&) const = default;
};
constexpr Duration kBeatEvery = std::chrono::seconds(30);
constexpr Duration kBeatFresh = std::chrono::seconds(90);
/// A beat that ended longer than this before we lost its node ended with its agent, not with its machine.
constexpr Duration kBeatSlack = std::chrono::minutes(2);
std::string to_json(const Beat& beat);
/// `not_understood` also if it is another node's.
Result<Beat> parse_beat(std::string_view text, std::string_view node);
/// `age` of its beat, nothing if there is none; `missed_for`: since it was last reached by any layer, nothing
/// if it never was.
Outside outside_says(std::optional<Duration> age, std::optional<Duration> missed_for);
/// Of two witnesses outside the one that sees the node counts, then the one that can tell.
Outside either(Outside one, Outside other);

/// meshops.store-lease/1.
struct StoreLease {
  std::string holder;
  std::uint64_t ticket = 0;  // the holder's own number of the treatment that it is for
  std::uint64_t fence = 0;   // grows with each lease taken, for ever
  std::uint64_t writes = 0;  // of this object: no two of them have the same bytes, hence not the same version
  bool released = false;
  bool operator==(const StoreLease&) const = default;
};
std::string to_json(const StoreLease& lease);
Result<StoreLease> parse_store_lease(std::string_view text);

/// What to write under the version that was read, or as the first; and then the lease is ours.
struct LeaseMove {
  StoreLease lease;
  std::string bytes() const { return to_json(lease); }
};
/// `there`: what was read, nothing if there is none; `held` while another has it: it was written less than
/// `term` ago.
Result<LeaseMove> take(const std::optional<StoreLease>& there, Duration age, std::string_view holder,
                       std::uint64_t ticket, Duration term);
/// `lost` if it is another's by now, or was given back.
Result<LeaseMove> renew(const std::optional<StoreLease>& there, std::string_view holder, std::uint64_t fence);
/// The same, and it is nobody's after that: never deleted, so that fences only grow.
Result<LeaseMove> release(const std::optional<StoreLease>& there, std::string_view holder,
                          std::uint64_t fence);

}  // namespace meshops::mesh
