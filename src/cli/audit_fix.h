// What `meshops audit --fix`, `confirm` and `undo` do to files: planned mends applied step by step, each in a
// ledger before it happens, checked afterwards and taken back when they did not help. Decides nothing about
// rules.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "audit/mend.h"
#include "cli/command.h"
#include "heal/action.h"

namespace meshops::cli {

struct FixOptions {
  bool yes = false;            // do not ask
  std::filesystem::path root;  // the site's "/" as a path of this machine
  bool live = false;           // orders may run
};

/// Shows the plan, asks, applies, verifies. Gives an exit code.
int fix(const Globals& globals, const Mesh& mesh, const audit::FixPlan& plan, const audit::Site& site,
        const audit::SiteOver& site_over, const FixOptions& options);

/// One file written outside of an audit, in the same ledger: gives the entry ("a12") that takes it back.
Result<std::string> write_kept(const Mesh& mesh, const std::string& remedy, const std::string& sentence,
                               const heal::WriteFile& change);

/// Takes back an entry ("a12") or, with "all", every one that still stands, newest first.
int undo_fix(const Globals& globals, const std::string& entry);
/// Whether it names one of the audit's entries.
bool is_fix(const std::string& entry);

/// The changes of that entry stay: only from another session than the one that made them.
int confirm_fix(const Globals& globals, const std::string& entry);
/// For the guard that waits: takes the entry back unless it was confirmed within the time.
int guard_fix(const Globals& globals, const std::string& entry, Duration after);

}  // namespace meshops::cli
