// A machine audited over a shell at the other end of SSH, with nothing installed there. The rules run here,
// on facts that are fetched in a few rounds: what nearly every rule wants first, then whatever the rules have
// missed. A machine that has the same meshops runs it itself, which takes one round. Reads only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/run.h"
#include "base/result.h"
#include "config/mesh.h"

namespace meshops::audit {

/// Sends a script to the machine's shell and gives what it says, up to and with `end`.
using AskShell = std::function<Result<std::string>(const std::string& script, std::string_view end)>;

struct RemoteAudit {
  std::string name;  // as it is called here: the report's target
  Wanted wanted;
  /// What the owner has decided, where the machine has no mesh.toml of its own.
  Mesh mesh;
  /// `mesh` counts in any case: it was named.
  bool own_mesh_only = false;
  /// Let the machine's own meshops do it, if it is of the same version.
  bool by_its_own = true;
  unsigned most_rounds = 6;
  std::function<void(unsigned round)> asking;
};

struct RemoteReport {
  Report report;
  unsigned rounds = 0;
  bool by_its_own = false;
  /// What a rule that took too long still reads: it must live as long as that thread.
  std::shared_ptr<const void> kept;
};

/// An Error: the machine cannot be asked at all.
Result<RemoteReport> audit_remote(const AskShell& ask, const RemoteAudit& how);

}  // namespace meshops::audit
