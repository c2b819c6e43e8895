// The Live of this machine: the service managers over D-Bus, the container engine over its socket, and few
// tools. Asked by rules from several threads at once; each answer is asked for once.
#pragma once

#include <memory>

#include "audit/live.h"
#include "config/mesh.h"

namespace meshops::audit {

/// `mesh`: whose nodes and names are tried when a rule asks for the ways to them.
std::unique_ptr<Live> local_live(Mesh mesh);

}  // namespace meshops::audit
