// Remedies: from a cause and what was seen to the exact steps that mend it. Called by the healer and by
// `meshops heal --dry-run`. Plans only: reads through the Host, changes nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/mesh.h"
#include "diagnose/causes.h"
#include "diagnose/diagnosis.h"
#include "gateway/gateway.h"
#include "heal/action.h"
#include "host/host.h"

namespace meshops::heal {

/// Something on this machine that starts, or is, a gateway on the patient's port or state.
struct Starter {
  RuntimeKind runtime = RuntimeKind::process;
  std::string unit;  // with .service; empty for processes and containers
  std::string user;  // whose manager; empty: the system's
  std::string container;
  pid_t pid = 0;  // 0: does not run
  std::uint64_t start_ticks = 0;
  bool enabled = false;  // comes back at the next boot
  bool ours = false;     // the one that mesh.toml names: it stays
};

/// The gateway's own word on its configuration (`config validate --json`).
struct ConfigIssue {
  std::string path;  // "discovery", "models.providers.vultr.api"; empty: the root
  std::string message;
  std::vector<std::string> allowed;
};

/// All that a remedy may base its plan on. Filled by the healer from one close look.
struct Patient {
  GatewaySpec spec;
  Identity identity;
  Account owner;  // who the gateway runs as
  bool running = false;
  bool settling = false;  // it starts, drains or stops within its limits
  pid_t pid = 0;
  diagnose::Cause cause{};
  std::vector<diagnose::Evidence> evidence;
  std::string log;  // its last lines, oldest first, and the kernel's
  std::vector<ConfigIssue> config_issues;
  /// Our copies of its configuration: what it was ready with for minutes, and what it last became ready with.
  std::optional<std::filesystem::path> good_config, ready_config;
  std::vector<Starter> starters;
  std::set<std::string, std::less<>> consent;  // remedies that the owner allowed beyond By::machine
  std::vector<std::string> peers;              // addresses of the mesh's other nodes
  std::string stamp;                           // "20261124T051200Z": part of the names of what is set aside
  WallTime now{};
};

struct Treatment {
  std::string remedy;
  std::string
      sentence;  // what it does, for people: "remove the key bogusKey that this version does not know"
  std::vector<Action> actions;
  /// What follows the actions.
  enum class Then {
    start,    // the gateway is down: start it, its start budget is the time to prove it
    restart,  // drained restart
    watch,    // it runs and should get well by itself
  };
  Then then = Then::start;
  bool gateway_stopped = false;  // the actions need it stopped (drained first if it runs)
  bool quiet_moment = false;     // may wait for one (no turn under way), at most an hour
  bool undo_if_no_help = true;   // false: what was cleaned stays cleaned
  Duration proves_within{};      // for Then::watch: how soon it must be better
};

struct Remedy {
  std::string_view id;  // as in the catalogue of causes
  /// `not_applicable` with the reason if it does not fit here; `not_allowed` if it needs the owner's consent.
  Result<Treatment> (*plan)(const Patient& patient, const Host& host);
  unsigned rung = 0;
  std::string_view undo;  // how it is taken back, for people; empty: it changes nothing
};
/// Every remedy that a machine can carry out, gentlest first.
std::span<const Remedy> remedies();
/// Nothing if it is one for a person.
const Remedy* find_remedy(std::string_view id);
/// How bold it is, gentlest first: the rungs of the ladder. Waiting is 0.
unsigned rung(std::string_view remedy);
/// Rungs count from 0 to below this; who is no remedy of a machine stands on it.
constexpr unsigned kRungs = 9;

/// docs/remedies.md, whole.
std::string remedies_markdown();

}  // namespace meshops::heal
