// The kernel's report of an out-of-memory kill, as it stands in its log: who was killed, in which control
// group, and how much every task held. Called by the audit of a machine. Pure; total on any line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::oom {

struct Task {
  std::string name;
  std::int64_t pid = 0;
  std::uint64_t rss = 0;  // bytes, at 4 KiB a page
};

struct Kill {
  std::string victim;
  std::int64_t pid = 0;
  std::uint64_t rss = 0;    // of the victim, bytes; 0: not said
  bool in_cgroup = false;   // the limit of a control group, not the machine's memory
  std::string limit_group;  // whose limit it was: "/system.slice/x.service"
  std::string task_group;   // the victim's own
  std::vector<Task> tasks;  // by what they held, most first; empty: the report had no table
};

/// Takes the kernel's lines in order and gives each kill when its last line has come.
class Report {
 public:
  std::optional<Kill> line(std::string_view text);

 private:
  void task(std::string_view text);

  Kill now_;
  std::size_t columns_ = 0;  // of the table, from uid to name; 0: none has begun
};

}  // namespace meshops::oom
