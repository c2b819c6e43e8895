// Who opened which file, put together: equal readers of a file become one entry with first, last and count,
// and never more entries than fit. Filled by the watch over files, emptied by the agent. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/time.h"

namespace meshops {

/// A process that opened a file, as far as it could be seen before it ended.
struct Reader {
  pid_t pid = 0;                  // 0: outside of our namespace
  std::uint64_t start_ticks = 0;  // 0: not seen
  std::optional<uid_t> uid;       // real user id; nothing: not seen
  std::optional<uid_t> login;     // /proc/PID/loginuid: who had logged in; nothing: nobody, or not seen
  std::string exe, comm, cgroup;  // empty: not seen
};
struct FileAccess {
  std::filesystem::path file;
  Reader reader;  // pid and start of the last one
  WallTime first{}, last{};
  std::uint64_t times = 0;  // how often it was opened, as far as the kernel told them apart
  bool read = false;
};
struct FileAccesses {
  std::vector<FileAccess> all;
  std::vector<std::string> missed;  // what was not, or not wholly, seen, and why
};

class AccessTally {
 public:
  /// Different readers of files between two take(); of more only their number is kept.
  static constexpr std::size_t kMost = 512;

  void add(const std::filesystem::path& file, Reader reader, bool opened, bool read, WallTime at);
  /// Once until the next take(), however often it is said.
  void missed(const std::string& why);
  bool empty() const { return entries_.empty() && missed_.empty() && beyond_ == 0; }
  FileAccesses take();

 private:
  using Key =
      std::tuple<std::filesystem::path, std::int64_t, std::int64_t, std::string, std::string, std::string>;
  std::map<Key, FileAccess> entries_;
  std::vector<std::string> missed_;
  std::uint64_t beyond_ = 0;
};

}  // namespace meshops
