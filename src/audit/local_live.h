// The Live of this machine: the service managers over D-Bus, the container engine over its socket, and few
// tools. Asked by rules from several threads at once; each answer is asked for once.
#pragma once

#include <memory>

#include "audit/live.h"
#include "config/mesh.h"

namespace meshops::audit {

std::unique_ptr<Live> local_live();

}  // namespace meshops::audit
