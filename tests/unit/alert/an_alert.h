// The alert that the tests of this room tell of.
#pragma once

#include "alert/alert.h"

namespace meshops::alert {

inline Alert an_alert(Alert::Kind kind = Alert::Kind::gave_up) {
  return {.kind = kind,
          .mesh = "home",
          .node = "alpha",
          .gateway = "main",
          .cause = "disk_full",
          .headline = "main is down: its disk is full",
          .lines = {"no space left on device (ENOSPC), 3 times", "/ is 100 % full", "against: none"},
          .command = "meshops diagnose main",
          .incident = "20261124-1",
          .at = *parse_iso8601("2026-11-24T05:40:00Z")};
}

}  // namespace meshops::alert
