// What tells one boot of a machine, or of a container, from the next. Used by whoever keeps times and process
// numbers in files: those of another boot mean nothing.
#pragma once

#include <string>

#include "host/host.h"

namespace meshops {

/// Empty if it cannot be told.
std::string boot_id(const Host& host);

}  // namespace meshops
