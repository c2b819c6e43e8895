// Facts: what a tool could read on the node beside the log ("meshops.facts/1"), typed, every one optional.
// Called by the diagnosis and by `meshops diagnose --state`. Pure; unknown keys are kept as words, never
// refused.
//
// One JSON object. Names follow the sources (systemd's properties, df, /proc). Numbers may also stand as
// texts
// ("97%", "-9"); any other key, nested ones as "a.b", becomes a note, which the signatures read as "fact KEY:
// VALUE".
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
