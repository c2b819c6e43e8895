// Captured outages: a directory each, with what was seen before anything was changed. Written by the Healer,
// read by people. Bounded: the oldest go when there are too many. Never holds a secret: what comes in is
// veiled already.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace meshops {

class Incidents {
 public:
  explicit Incidents(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// A new one, and its id: "20261124T051200Z-main".
  Result<std::string> open(std::string_view gateway, WallTime at) const;
  /// A file in it ("closeup-1.json"), whole.
  Status put(const std::string& incident, std::string_view name, std::string_view text) const;
  /// Text of a file in it; `not_found` also for an id that is none.
  Result<std::string> get(const std::string& incident, std::string_view name) const;
  /// Ids, newest first.
  std::vector<std::string> list() const;

 private:
  void forget_oldest() const;
  std::filesystem::path directory_;
};

}  // namespace meshops
