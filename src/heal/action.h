// What a treatment may do to a node: a closed set of steps, each with what was there before, so that it can
// be shown, recorded and undone. Values only: planned by the remedies, carried out by the Surgeon, kept in
// the ledger.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops::heal {

MESHOPS_ERROR_CODES(HealCode, "heal", not_applicable, not_allowed, changed_meanwhile, cannot_do, cannot_undo,
                    not_found, unreadable, busy);

struct Access {
  mode_t mode = 0600;
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const Access&) const = default;
};
struct FileState {
  std::string bytes;
  Access access;
  bool operator==(const FileState&) const = default;
};

/// Gives the file these bytes, whole or not at all. No `before`: it is new; no `after`: it goes. Refused when
/// the file is not as `before` says any more.
struct WriteFile {
  std::filesystem::path path;
  std::optional<FileState> before;
  std::optional<FileState> after;
  bool operator==(const WriteFile&) const = default;
};
/// Renames within one file system; refused when `to` exists.
struct MoveFile {
  std::filesystem::path from;
  std::filesystem::path to;
  bool operator==(const MoveFile&) const = default;
};
struct SetAccess {
  std::filesystem::path path;
  Access before;
  Access after;
  bool operator==(const SetAccess&) const = default;
};
/// Logs, caches, temporary files: never what a user made. Cannot be undone; every byte is counted.
struct RemoveFiles {
  struct Item {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> files;
  std::string what;  // "logs older than 7 days"
  bool operator==(const RemoveFiles&) const = default;
};
/// Cuts a log that grows without end down to its newest bytes, in place: who writes it keeps it open. Cannot
/// be undone.
struct TrimFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::uint64_t keep = 0;
  bool operator==(const TrimFile&) const = default;
};
/// A process, named for ever by pid and start time: SIGCONT and SIGTERM, after `grace` SIGKILL. Cannot be
/// undone.
struct EndProcess {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::string name;
  Duration grace = std::chrono::seconds(20);
  bool operator==(const EndProcess&) const = default;
};
struct UnitOrder {
  enum class Verb { reset_failed, start, stop, enable, disable, reload_manager };
  Verb verb = Verb::stop;
  std::string unit;
  std::string user;  // empty: the system's manager
  bool operator==(const UnitOrder&) const = default;
};
/// A program with a time limit: the gateway's own tools, or the system's. What it may change of `protects` is
/// kept before and recorded after.
struct RunTool {
  std::vector<std::string> argv;
  Environment environment;  // added to a plain one (PATH, HOME, LANG)
  std::string user;         // empty: as the agent
  std::filesystem::path working_dir;
  Duration limit = std::chrono::seconds(30);
  std::vector<std::filesystem::path> protects;
  std::vector<int> good = {0};     // exit codes that mean success
  std::vector<std::string> undo;   // argv that takes it back, where there is one
  std::vector<WriteFile> changed;  // filled in when it has run
  bool operator==(const RunTool&) const = default;
};
using Action =
    std::variant<WriteFile, MoveFile, SetAccess, RemoveFiles, TrimFile, EndProcess, UnitOrder, RunTool>;

/// "write openclaw.json (1.2 KiB → 1.1 KiB)", "move … aside": one line for people, never with contents.
std::string describe(const Action& action);
/// What takes it back, in order; `cannot_undo` if nothing does.
Result<std::vector<Action>> inverse(const Action& action);

/// Bytes are not written into the ledger, only their name: configurations hold secrets.
using Keep = std::function<Result<std::string>(const std::string& bytes)>;  // bytes → name
using Fetch = std::function<Result<std::string>(const std::string& name)>;  // name → bytes
/// One JSON object ("meshops.action/1"); fails only if `keep` does.
Result<std::string> to_json(const Action& action, const Keep& keep);
/// The inverse: `unreadable` if it is none or its bytes are gone.
Result<Action> parse_action(std::string_view json, const Fetch& fetch);

}  // namespace meshops::heal
