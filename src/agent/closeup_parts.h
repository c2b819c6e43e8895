// The parts of a close look that read the machine through its Host: files on one side, everything else on the
// other. Called by closeup.cpp only. Each takes values and gives JSON and facts; none waits for another
// program, none changes anything, and each gives a bounded amount.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/veil.h"
#include "gateway/gateway.h"
#include "gateway/openclaw_files.h"

namespace meshops::closeup {

using Json = nlohmann::ordered_json;

/// Whom a close look is at, as everything else sees it.
struct Scene {
  GatewaySpec spec;
  Identity identity;
  ProcessView view;
  std::optional<UnitState> unit;
  std::optional<openclaw::Package> package;
  pid_t last_pid = 0;            // of the process that ended last; 0: not known
  std::optional<Account> owner;  // who the gateway runs as; nothing: not known (a container)
  Instant now{};
  WallTime wall{};
  bool ready = false;  // then what is usual for a busy machine accuses nobody
};

/// What is found on the way: facts for the diagnosis, and what could not be looked at.
struct Findings {
  Json facts = Json::object();
  std::vector<std::string> skipped;
  diagnose::Veil veil;

  void skip(std::string_view part, const Error& why);
  /// At most 500 bytes of one line, veiled: for what others wrote.
  std::string line(std::string_view text) const;
};

/// Who the gateway runs as: its process, its unit, its description, or we ourselves.
std::optional<Account> owner_of(const Scene& scene, const Host& host);
/// Whether a process is the gateway's own: itself, below it, or in its unit's control group.
bool is_own(pid_t pid, const Scene& scene, const Host& host);

// closeup_files.cpp
/// path, exists, size, mode, owner, modified, parses, problem with line and column, databases. Facts:
/// config_problem, config_missing, gateway_mode, config_newer, database_fault. Teaches the veil every secret
/// in it.
Json config_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: uid, owner, owner_uid, no_access.
void access_part(const Scene& scene, const Host& host, Findings& found);
/// What changed in the last day, newest first: {"at", "what"}.
Json recent_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: clock_offset_s (never positive: a file from the future tells that the clock went back).
void clock_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: pid_owner, lock_pid. Only for a gateway that is down and speaks of a lock: OpenClaw takes over by
/// itself what a dead one left.
void lock_part(const Scene& scene, const Host& host, std::string_view log, Findings& found);
/// The end of the gateway's own file log, at most 1 MiB; empty if there is none that belongs to its user.
std::string file_log(const Scene& scene, const Host& host);

// closeup_machine.cpp
/// Facts: disk, inodes, mount.
Json disk_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: memory_peak, memory_limit, oom_kills, task_limit, cpu_pressure, load, cpus.
Json cgroup_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: port_owner, port_owner_kind.
Json sockets_part(const Scene& scene, const Host& host, Findings& found);
/// Facts: process_state, descriptors.
Json process_part(const Scene& scene, const Host& host, Findings& found);
/// Lines of the last hour about the gateway's memory, its process, and the disk that its state is on.
std::string kernel_part(const Scene& scene, const Host& host, Findings& found);
/// Pure: whether such a line concerns this gateway. `device`: of its state, "/dev/vda1".
bool concerns(std::string_view kernel_line, pid_t pid, std::string_view unit, std::string_view device);

}  // namespace meshops::closeup
