// Facts: what a tool could read on the node beside the log ("meshops.facts/1"), typed, every one optional.
// Called by the diagnosis and by `meshops diagnose --state`. Pure; unknown keys are kept as words, never
// refused.
//
// One JSON object. Names follow the sources (systemd's properties, df, /proc). Numbers may also stand as
// texts
// ("97%", "-9"), lists of sentences as one sentence; any other key, nested ones as "a.b", becomes a note,
// which the signatures read as "fact KEY: VALUE".
//
//   mode          "system", "user", "docker", "process", …; "system+user" if a unit exists in both
//   exit_code     ExecMainStatus; -9 and 137 are both SIGKILL
//   unit_result   Result of the unit: "exit-code", "start-limit-hit", "oom-kill", "timeout", "watchdog", …
//   n_restarts    NRestarts
//   port_owner    who listens on the service's port, in words ("pid 811 nginx", "none on 18789")
//   http_probe    status of a GET on the health endpoint
//   versions      {"openclaw": "2026.9.6", "node": "…"}; "A -> B" tells of an update just before
//   disk, inodes  used percent of the fullest file system that matters
//   memory_peak, memory_limit   bytes, or "5.5G"
//   clock_offset_s   seconds, positive if the clock is ahead
//   cpus, load    processors and the one-minute load
//   uid, owner    the service's user id, and owner of its state ("root:root")
//   pid_owner     program that has the PID which a lock file names
//   starters      list of everything that starts the service
//   prompt_est, context_max   tokens of the prompt and of the model's window
//
// What only a close look at a live gateway gives, in sentences unless said:
//   port_owner_kind   "gateway", "stranger" or "none": what port_owner is, where it is known and need not be
//   guessed no_access         what of its files the gateway's user cannot read or write owner_uid number: who
//   owns its state config_problem    where its configuration does not parse gateway_mode      of a
//   configuration that parses: "missing", "remote", …; nothing if it is "local" config_missing    there is no
//   configuration config_newer      its configuration was last written by a newer version than is installed
//   config_issues     what the gateway's own validation says
//   database_fault    databases of no bytes, or with something else in them
//   runtime_unfit     why its Node does not fit
//   watchdog_s        number: WatchdogSec of the unit
//   process_state     letter of proc(5): "T" is frozen
//   no_answer         what did not answer, and for how long
//   oom_kills         number: kills for memory in its control group
//   task_limit, descriptors   "1020 of 1024": only when they are used up
//   cpu_pressure      percent of the last minute in which something waited for a processor
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnose/signatures.h"

namespace meshops::diagnose {

MESHOPS_ERROR_CODES(DiagnoseCode, "diagnose", not_json, not_an_object, too_large, unknown_cause, no_log);

struct Facts {
  std::string mode;
  std::optional<int> exit_code;
  std::string unit_result;
  std::optional<std::int64_t> n_restarts;
  std::string port_owner;
  std::optional<int> http_probe;
  std::map<std::string, std::string> versions;
  std::optional<double> disk_used_percent;
  std::optional<double> inodes_used_percent;
  std::optional<std::uint64_t> memory_peak;
  std::optional<std::uint64_t> memory_limit;
  std::optional<double> clock_offset_s;
  std::optional<double> cpus;
  std::optional<double> load;
  std::optional<std::int64_t> uid;
  std::string owner;
  std::string pid_owner;
  std::size_t starters = 0;
  std::string port_owner_kind;
  std::string no_access;
  std::optional<std::int64_t> owner_uid;
  std::string config_problem;
  std::string gateway_mode;
  std::string config_missing;
  std::string config_newer;
  std::string config_issues;
  std::string database_fault;
  std::string runtime_unfit;
  std::optional<double> watchdog_s;
  std::string process_state;
  std::string no_answer;
  std::optional<double> oom_kills;
  std::string task_limit;
  std::string descriptors;
  std::optional<double> cpu_pressure;
  std::optional<double> prompt_tokens;
  std::optional<double> context_tokens;
  /// Every key in words, in the order of the file: "fact KEY: VALUE", one a line.
  std::string words;
};

constexpr std::size_t kFactsLimit = 1U << 20;
/// Fails only on what is no JSON object or larger than kFactsLimit.
Result<Facts> parse_facts(std::string_view json);

/// One fact that says something.
struct FactSign {
  std::string_view id;
  Points to[3];
  std::string text;  // "exit code 203"
};
std::vector<FactSign> signs(const Facts& facts);

}  // namespace meshops::diagnose
