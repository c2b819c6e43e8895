// The object store that mesh.toml names. Called by the agent and by `meshops mesh store`.
#pragma once

#include <memory>

#include "config/mesh.h"
#include "net/net.h"
#include "store/object_store.h"

namespace meshops::mesh {

/// Null if mesh.toml names none. `net` and `clock` must live as long.
std::shared_ptr<store::ObjectStore> store_of(const Mesh& mesh, Net& net, const Clock& clock);

}  // namespace meshops::mesh
