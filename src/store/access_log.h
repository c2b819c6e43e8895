// Who opened which secret file, when: durable, bounded, in a file of its own, so that a flood of readers
// never stands in the ledger's way. Written by the agent's SecretWatch, read by `meshops secrets access`.
// Knows paths and processes, never what the files hold.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/errors.h"

namespace meshops::store {

/// All that one reader did with one file within one hour of the clock (UTC).
struct Reading {
  std::filesystem::path file;
  // The reader, as far as it could be seen before it ended.
  std::optional<uid_t> uid;    // real user id; nothing: it was gone too soon
  std::optional<uid_t> login;  // who had logged in, also behind sudo; nothing: nobody, or not seen
  std::string exe;             // empty: not seen
  std::string comm;            // its name, without arguments
  std::string cgroup;          // "/system.slice/openclaw-gateway.service"
  // Of the last process of that kind.
  pid_t pid = 0;                  // 0: outside of what the agent can see
  std::uint64_t start_ticks = 0;  // since boot, as in /proc/PID/stat; 0: not seen
  WallTime first{}, last{};
  std::uint64_t times = 1;  // at least so often: the kernel puts equal events together
  bool read = false;        // bytes were read; else it was only seen to open the file (which mmap(2) needs)
};
/// From when to when nothing, or not everything, was seen.
struct AccessGap {
  WallTime from{}, until{};
  std::string why;
};

class AccessLog {
 public:
  static constexpr std::string_view kFile = "secret-access.sqlite";  // in the state directory
  /// The oldest go when there are more.
  static constexpr std::size_t kMost = 100'000;

  /// For the agent; a damaged one is set aside, as the ledger.
  static Result<std::unique_ptr<AccessLog>> open(const std::filesystem::path& file);
  /// For whoever only looks. `not_found` if there is none yet.
  static Result<std::unique_ptr<const AccessLog>> read(const std::filesystem::path& file);
  virtual ~AccessLog() = default;
  /// What happened at opening that a person should know; mostly empty.
  virtual const std::string& note() const = 0;

  /// Adds to what is known of the same reader, file and hour. On the disk when it returns, or nothing of it.
  virtual Status add(const std::vector<Reading>& readings, const std::vector<AccessGap>& gaps) = 0;
  /// The watch stood until now.
  virtual Status alive(WallTime now) = 0;
  virtual Result<std::optional<WallTime>> last_alive() const = 0;

  struct Query {
    std::filesystem::path file;  // empty: all
    std::optional<WallTime> since;
    std::size_t at_most = 50;
  };
  /// Newest first.
  virtual Result<std::vector<Reading>> list(const Query& query) const = 0;
  /// Those that reach into the time from `since` on, newest first.
  virtual Result<std::vector<AccessGap>> gaps(std::optional<WallTime> since, std::size_t at_most) const = 0;
  /// Forgets what ended before, and the oldest beyond `most`; a gap then tells of those, because they were
  /// not due yet. Gives how many went.
  virtual Result<std::size_t> forget(WallTime before, std::size_t most = kMost) = 0;
};

}  // namespace meshops::store
