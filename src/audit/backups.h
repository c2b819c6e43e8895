// Backups: what mesh.toml declares, what jobs, units and scripts seem to do, and what is on record of the
// last runs. Rules of the domain backup ask for them. Makes no backup, opens no repository.
//
// The record of a declared backup is STATE_DIR/backup/NAME.json, written by whoever runs it:
//   {"last_good": "2026-11-25T03:00:12Z",      the newest one that ended well
//    "last_verified": "2026-11-20T04:00:00Z",  the newest restore as a test that did
//    "bytes": 734003200,                       the size of the newest one
//    "target_free": 21474836480,               bytes free where they go
//    "growth_per_day": 104857600}              bytes a day, over the last ones
// Every key may be missing.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/mesh_files.h"
#include "audit/runs.h"

namespace meshops::audit {

/// A command that copies data away.
struct BackupJob {
  const Run* run = nullptr;
  const shell::Command* command = nullptr;
  std::string tool;                  // "restic", "rsync", …
  std::vector<std::string> sources;  // as written, variables of the script filled in
  std::string target;                // empty: not said here
  bool offsite = false;              // another machine or an object store
  bool object_store = false;
  /// It belongs to a schedule, or its script says by its name that it makes backups.
  bool regular = false;
};

struct BackupRecord {
  std::optional<WallTime> last_good, last_verified;
  std::optional<std::uint64_t> target_free, growth_per_day;
};

class Backups {
 public:
  static Backups gather(const Site& site);
  const std::vector<BackupJob>& jobs() const { return jobs_; }

 private:
  std::vector<BackupJob> jobs_;
};

/// Nothing on record: an empty one. An Error: there is one, and it cannot be read.
Result<BackupRecord> record_of(const Site& site, const BackupSpec& backup);

/// Variables that a script gives one value and no other ("$(mktemp -d)" stands for itself).
std::map<std::string, std::string> variables_of(const shell::Script& script);
/// `text` with "$NAME" and "${NAME}" replaced where they are known; "~" and "$HOME" stay.
std::string filled(std::string_view text, const std::map<std::string, std::string>& variables);

/// "/mnt/x", "~/x", "$HOME/x": on this machine. Not "host:path", not "s3:…".
bool is_local(std::string_view target);
/// Whether a started job, a unit with a timer, or a script called like that runs it.
bool runs_regularly(const Run& run);
/// "backup", "bak", "snapshot", "dump", "mirror", "archive": in a path or a name.
bool says_backup(std::string_view text);

}  // namespace meshops::audit
