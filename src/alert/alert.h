// Telling people: one alert, shaped for where it goes, queued durably and sent until it has arrived. Called
// by the healer when the ladder ends or a guard stops it. Decides what is new, never what is wrong.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"

namespace meshops::alert {

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
};

}  // namespace meshops::alert
