// What the healer of other nodes must still know after a crash of the agent, on disk: Judgement's memory.
// Written by the agent before it acts on what was decided. Times are of one boot; after another one all of it
// counts as if it had just happened, which errs on the side of waiting.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/judgement.h"
#include "mesh/remote_shelf.h"

namespace meshops::mesh {

/// meshops.healing-memory/1
std::string to_json(const Kept& kept, std::string_view boot);
/// An error if it is none. Of another boot than `boot`, or from the future: dated `now`.
Result<Kept> parse_kept(std::string_view json, std::string_view boot, Instant now);

/// On the shelf, so that a full disk does not cost the memory. `remembers` is false if it is damaged (set
/// aside under its name with ".damaged"): then the
/// agent says so when it is asked. A node that never had one has nothing to remember.
struct Recalled {
  Kept kept;
  bool remembers = true;
  std::string why_not;
};
Recalled recall(const RemotePlaces& places, std::string_view boot, Instant now);
/// Durable when it returns. Waits for nobody: an Error while another process has the shelf.
Status keep(const RemotePlaces& places, const Kept& kept, std::string_view boot);

}  // namespace meshops::mesh
