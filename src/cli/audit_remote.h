// meshops audit --host and --all: which machines are meant, ssh to each, a few side by side, each within a
// time limit. Called by cmd_audit.cpp, which shows the reports.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit/run.h"
#include "cli/command.h"

namespace meshops::cli {

struct RemoteReports {
  struct One {
    std::string name;
    audit::Report report;  // of a machine that could not be audited: with that as its only skip
  };
  std::vector<One> all;  // in the order of mesh.toml
  bool failed = false;   // at least one machine could not be audited
  bool left_behind = false;
  /// What rules that took too long still read: until the process ends.
  std::vector<std::shared_ptr<const void>> kept;
};

/// One machine: an Error if it cannot be audited.
Result<RemoteReports> audit_host(const Globals& globals, const std::string& name,
                                 const audit::Wanted& wanted);
/// Every node of mesh.toml; what cannot be audited is told on stderr.
Result<RemoteReports> audit_all(const Globals& globals, const audit::Wanted& wanted);

}  // namespace meshops::cli
