// What a gateway that answers says of its parts that fail: a channel whose login is refused, a plugin that
// does not load, clients that are turned away. Pure: an Adapter reads the signs in the gateway's own log, the
// Keeper feeds them. A complaint makes somebody look closely; it names no cause.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace meshops {

struct Complaint {
  std::string about;       // "a channel", "a plugin", …; complaints about the same are counted together
  unsigned enough = 1;     // so many within kWindow are no hiccup
  bool of_starts = false;  // it speaks of how the gateway ends and starts, so a new start does not settle it
  std::string line;        // one line without keys
};

class Complaints {
 public:
  static constexpr auto kWindow = std::chrono::minutes(15);

  void saw(const Complaint& complaint, WallTime at);
  /// A new process: what its forerunner complained of may be gone.
  void started();
  /// Somebody did something about it: counted anew.
  void forget() { kinds_.clear(); }
  /// "complains of a channel: …", the latest of those that are no hiccup.
  std::optional<std::string> serious(WallTime now) const;

 private:
  struct Kind {
    unsigned enough = 1;
    bool of_starts = false;
    unsigned count = 0;
    WallTime first{}, last{};
    std::string line;
  };
  std::map<std::string, Kind> kinds_;
};

}  // namespace meshops
