// The ledger: every treatment of a gateway and every step of it, durable before it happens. Written by the
// agent, read by `meshops ledger`. Holds no bytes of files (they may be secret), only the names they are kept
// under.
//
// When it cannot be written (`full`, `io`): a small spare file is given back first, so that even on a full
// disk some ten treatments are still recorded. After that the healer may still do what needs no undo (start a
// gateway, remove caches, trim a log) and record it later, with the times at which it happened. It must not
// do what it could not take back after a crash: write, move or re-own a file, disable a unit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/errors.h"

namespace meshops::store {

/// Of one step.
enum class Deed {
  intended,  // about to happen, or happened and nobody could write that down
  done,
  failed,
  undone,
};
/// Of a treatment.
enum class Verdict {
  open,         // under way
  helped,       // the gateway got well
  no_help,      // it did not; what could be undone was
  failed,       // a step failed; the ones before were undone
  interrupted,  // the agent ended in the middle of it; undone at the next start
  undone,       // it had helped, and a person took it back
};
std::string_view text(Deed deed);
std::string_view text(Verdict verdict);

struct Step {
  std::int64_t id = 0;
  unsigned number = 0;  // within the treatment, from 1
  std::string action;   // meshops.action/1
  std::string words;    // the same for people
  Deed deed = Deed::intended;
  WallTime at{};
  Duration took{};
  std::string error;
};
struct Entry {
  std::int64_t id = 0;
  std::string gateway;
  std::string cause;
  double score = 0;  // of the hypothesis
  std::string remedy;
  std::string sentence;  // what is done and why
  std::string evidence;  // JSON array of texts
  std::string incident;  // id, or empty
  std::string by;        // "meshops", "user 1000"
  WallTime began{};
  std::optional<WallTime> ended;
  Verdict verdict = Verdict::open;
  std::string note;  // how it ended
  std::vector<Step> steps;
};

class Ledger {
 public:
  /// For the agent. Makes the file (0600) if there is none. One that is damaged is set aside as
  /// FILE.damaged-TIME and a new one begun; `note()` says so. `newer` if a newer meshops wrote it: untouched.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& file);
  /// For whoever only looks, also while the agent writes: changes nothing. `not_found` if there is none yet.
  static Result<std::unique_ptr<const Ledger>> read(const std::filesystem::path& file);
  virtual ~Ledger() = default;
  virtual const std::string& note() const = 0;

  // Each is on the disk when it returns, or has not happened at all. `id`, `steps`, `ended` and `verdict` of
  // a new entry mean nothing yet.
  virtual Result<std::int64_t> begin(const Entry& entry) = 0;
  virtual Result<std::int64_t> intend(std::int64_t entry, const Step& step) = 0;
  /// `action` replaces the recorded one if it is not empty (a tool's changes are known only now). `not_found`
  /// for a step, or below an entry, that there is not.
  virtual Status settle(std::int64_t step, Deed deed, Duration took, std::string_view error,
                        std::string_view action) = 0;
  /// A later end (a person's undo) changes verdict and note; the first one's time stays.
  virtual Status end(std::int64_t entry, Verdict verdict, WallTime at, std::string_view note) = 0;

  struct Query {
    std::string gateway;  // empty: all
    std::optional<WallTime> since;
    bool only_open = false;
    std::size_t at_most = 100;
  };
  /// Newest first, with their steps.
  virtual Result<std::vector<Entry>> list(const Query& query) const = 0;
  virtual Result<Entry> get(std::int64_t entry) const = 0;
  /// Forgets entries older than that which are not open; gives how many.
  virtual Result<std::size_t> forget_before(WallTime time) = 0;
};

/// meshops.ledger/1: {"schema", "entries": […]}, in the order given.
std::string to_json(const std::vector<Entry>& entries);
/// For a terminal: three to five lines each, times relative to `now`, every text made printable().
std::string for_people(const std::vector<Entry>& entries, WallTime now);

}  // namespace meshops::store
