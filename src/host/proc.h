// Processes out of /proc: the texts of proc(5) parsed (pure), and one process read. Called by LocalHost and
// its tests. Never fails because a process vanished in the middle: that is `process.gone`, or simply one
// process less.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/host.h"

namespace meshops::proc {

/// What to read of a process. `basics` is for probes: /proc/PID/stat and /proc/PID/cgroup, which never wait
/// for the process. /proc/PID/cmdline takes the process's memory lock, which one stuck in the kernel may hold
/// for ever.
enum class Depth { basics, everything };

/// From one open directory, so that a recycled pid cannot mix two processes.
Result<ProcessInfo> read_process(pid_t pid, Depth depth);
/// Everything that runs, without what vanishes meanwhile; at most kMostProcesses.
Result<std::vector<ProcessInfo>> read_processes();
constexpr std::size_t kMostProcesses = 32768;

/// The numbers in /proc, ascending.
Result<std::vector<pid_t>> pids();

Result<Environment> read_environment(pid_t pid, const std::vector<std::string>& names);

/// In which units the kernel that wrote a text counts.
struct Units {
  std::uint64_t ticks_per_second = 100;
  std::uint64_t page_bytes = 4096;
};
/// parse_proc_stat() for a text of another machine.
Result<ProcessInfo> parse_stat(std::string_view text, const Units& units);

/// "0::/system.slice/x.service" lines → the path in the unified hierarchy, or in systemd's own on older
/// machines.
std::string parse_cgroup(std::string_view text);
/// The real user id out of /proc/PID/status: of a process that may not be looked into, the owner of its
/// directory is root, whoever runs it.
std::optional<uid_t> parse_real_uid(std::string_view status);
/// Texts separated by NUL, as in cmdline.
std::vector<std::string> parse_nul_list(std::string_view bytes);
/// passwd(5); lines that are not accounts are skipped, as the C library does.
std::vector<Account> parse_passwd(std::string_view text);

}  // namespace meshops::proc
