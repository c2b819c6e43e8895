// Whether a line from a healer is obeyed: known healer, good signature, meant for this node, in its time,
// for the first time, allowed by the owner. Called by `meshops remote` before anything else happens. Does
// nothing of what is asked.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "config/mesh.h"
#include "mesh/remote_request.h"
#include "mesh/remote_shelf.h"

namespace meshops::mesh {

/// All that needs no memory.
Result<RemoteRequest> check_request(std::string_view line, const Mesh& mesh, WallTime now);
/// What the owner has decided: a node that only observes is not changed, a paused gateway is left alone.
/// `pause_why`: of the gateway that the request names, or of the whole node; empty if it is not paused.
Status check_allowed(const RemoteRequest& request, Profile profile, std::string_view pause_why);
/// Seen from now on, on the disk, before anything is done. An error: it may have been seen before.
Status see_once(const RemoteRequest& request, const RemotePlaces& places, WallTime now);

}  // namespace meshops::mesh
