// Whether what a unit names can be executed, followed as the kernel and systemd would: links, permissions,
// "#!" lines, the script behind an interpreter. Called by SYS-016. Reads through Host; runs nothing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audit/units.h"

namespace meshops::audit {

struct CannotRun {
  std::string program;                          // the one at fault: the program, its interpreter, its script
  std::string why;                              // "does not exist", "is not executable (mode 0644)"
  std::optional<std::filesystem::path> now_at;  // where a program of that name is
};
struct ProgramVerdict {
  std::optional<CannotRun> fault;
  std::string unseen;  // what could not be looked at, and why; empty: everything was seen
};
ProgramVerdict judge_program(const Site& site, const Unit& unit, const systemd::Command& command);

/// Whether the unit's conditions on paths hold here. Nothing: there are others, which cannot be told.
std::optional<bool> conditions_hold(const Site& site, const Unit& unit);

}  // namespace meshops::audit
