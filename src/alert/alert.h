// Telling people: one alert, shaped for where it goes, queued durably and sent until it has arrived. Called
// by the healer when the ladder ends or a guard stops it. Decides what is new, never what is wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace meshops::alert {

MESHOPS_ERROR_CODES(AlertCode, "alert", not_an_alert, no_secret, not_sent, refused, unknown);

struct Alert {
  enum class Kind {
    gave_up,    // the ladder has ended and the gateway is not well
    stopped,    // a guard stopped it: budget, pause, observe-only, consent missing
    noticed,    // it runs, but something is wrong that only a person can mend
    recovered,  // what an earlier alert told of is over
    test,
  };
  Kind kind = Kind::gave_up;
  std::string mesh, node, gateway;
  std::string cause;               // id; empty: inconclusive
  std::string headline;            // one sentence
  std::vector<std::string> lines;  // the diagnosis, at most three
  std::string command;             // what to run now
  std::string incident;            // id, or empty
  WallTime at{};
  unsigned held_back = 0;  // others before it that the rate limit kept back
  bool operator==(const Alert&) const = default;
};
std::string_view text(Alert::Kind kind);  // "gave_up"

/// What is sent is never longer than this, holds no control characters, and in its sentences nothing that
/// looks like a key. Limits in bytes: headline 300, three lines of 400, command 300, names 64.
Alert fitted(Alert alert);

/// meshops.alert/1: one JSON object, on one line. What a webhook and a command get, and what waits in the
/// outbox.
std::string to_json(const Alert& alert);
/// The inverse; `not_an_alert` if it is none.
Result<Alert> parse_alert(std::string_view json);

}  // namespace meshops::alert
