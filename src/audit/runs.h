// Everything a site starts that can be read as shell text: jobs of crontabs, commands of units, and the
// scripts behind both. Rules that ask "does anything here …" walk over it. Runs nothing.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/crontabs.h"
#include "audit/site.h"
#include "audit/units.h"
#include "formats/shell.h"

namespace meshops::audit {

struct Run {
  enum class Kind { job, unit, script };
  Kind kind = Kind::script;
  std::filesystem::path path;
  std::string text;
  shell::Script script;

  const CronFile* cron = nullptr;     // of a job
  const crontab::Job* job = nullptr;  //
  const Unit* unit = nullptr;         // of a unit's command
  std::string key;                    // "ExecStart", …
  /// Jobs and units that start this script, also by way of another script.
  std::vector<const Run*> started_by;

  /// Where that command stands.
  Where at(const Site& site, const shell::Command& command) const;
  Where at(const Site& site, std::size_t offset, std::size_t line, std::size_t column) const;
  /// "the job of line 3 in /etc/cron.d/x", "poll.sh", "unit x.service"
  std::string called(const Site& site) const;

  systemd::Place unit_at;  // of a unit's command: its first byte
};

class Runs {
 public:
  static Runs gather(const Site& site);
  const std::vector<std::unique_ptr<Run>>& all() const { return runs_; }
  std::vector<const Run*> of(Run::Kind kind) const;
  /// Scripts that this job or unit starts.
  std::vector<const Run*> scripts_of(const Run& starter) const;

 private:
  friend class RunGatherer;
  std::vector<std::unique_ptr<Run>> runs_;
};

/// `argv` of a command as plain texts, from the program that is run in the end.
std::vector<std::string> argv_of(const shell::Command& command);
/// The last part of a path.
std::string base_name(std::string_view path);

}  // namespace meshops::audit
