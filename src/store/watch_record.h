// What the agent's watch over secret files is doing, as it says itself in a file of the state directory:
// which process watches which files, or why nobody does. Written by the agent; read by `meshops secrets
// access` and the audit. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/time.h"

namespace meshops::store {

struct WatchRecord {
  static constexpr std::string_view kFile = "secret-watch.json";

  pid_t pid = 0;  // of the agent; with `start_ticks` it names that process for ever
  std::uint64_t start_ticks = 0;
  WallTime since{};
  std::set<std::filesystem::path> files;
  std::string trouble;  // why it does not watch; empty: it does
};
/// meshops.secret-watch/1
std::string to_json(const WatchRecord& record);
/// Nothing if it is none.
std::optional<WatchRecord> parse_watch_record(std::string_view json);

}  // namespace meshops::store
