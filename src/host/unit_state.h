// UnitState out of the manager's GetAll answers. Called by services.cpp; a message of the wrong shape is an
// error, whoever sent it.
#pragma once

#include <systemd/sd-bus.h>

#include "host/services.h"

namespace meshops {

/// What ExecMain… say, before they are put together.
struct UnitReading {
  UnitState state;
  std::int32_t exit_kind = 0;  // CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: has not ended
  std::int32_t exit_status = 0;
};

/// Reads one a{sv} answer into `reading`: properties it knows, others are skipped.
Status read_properties(sd_bus_message* answer, UnitReading& reading);
UnitState finish(UnitReading reading);

}  // namespace meshops
