// A close look at one gateway read back ("meshops.closeup/1", written by the agent): what the diagnosis and
// the healer base themselves on. Called by `meshops diagnose` and the agent. Pure; bounded on any input,
// never refuses a member that it does not know.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "diagnose/facts.h"

namespace meshops::diagnose {

/// Something on the machine that starts, or is, a gateway on the same port or state.
struct Starter {
  std::string runtime;  // "process", "systemd-system", "systemd-user", "docker", as in mesh.toml
  std::string unit;     // with .service; empty for processes and containers
  std::string user;     // whose manager, or who it runs as; empty: the system's
  std::string container;
  pid_t pid = 0;  // 0: does not run
  std::uint64_t start_ticks = 0;
  bool enabled = false;  // comes back at the next boot
  bool ours = false;     // the one that was looked at
};

/// The gateway's own word on its configuration.
struct ConfigIssue {
  std::string path;  // "discovery", "models.providers.vultr.api"; empty: the root
  std::string message;
  std::vector<std::string> allowed;
};

struct ConfigState {
  std::string path;
  bool exists = false;
  bool parses = false;
  std::size_t line = 0, column = 0;  // of the problem, from 1; 0: none
  std::string problem;
  std::uint64_t size = 0;
};

struct LastExit {
  std::optional<int> code;
  std::optional<int> signal;
  std::string at;      // ISO-8601
  std::string reason;  // one line
};

struct Closeup {
  std::string gateway;
  std::string at;       // ISO-8601
  std::string state;    // phase, as in meshops.status/1
  std::string summary;  // one line
  std::optional<LastExit> last_exit;
  Facts facts;
  std::string log;
  std::vector<Starter> starters;
  std::vector<ConfigIssue> config_issues;
  std::optional<ConfigState> config;
  std::vector<std::string> skipped;  // what could not be looked at, and why
};

/// An agent writes at most 2 MiB.
constexpr std::size_t kCloseupLimit = 8U << 20;
/// `not_json` (cut short, for example), `not_an_object` (also another schema), `too_large`.
Result<Closeup> parse_closeup(std::string_view json);

}  // namespace meshops::diagnose
