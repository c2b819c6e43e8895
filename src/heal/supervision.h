// When to start, stop or leave alone one gateway. Pure: events and the time go in, one decision comes out;
// the agent's keeper carries it out. Never looks at a clock, a process or a file, so the simulator can run it
// for a million nights.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/process.h"
#include "base/time.h"
#include "config/mesh.h"
#include "gateway/health.h"

namespace meshops {

/// Where a gateway stands. docs/healing.md has the same table for people.
enum class Phase {
  unseen,       // nothing known yet
  starting,     // a process runs and has not been ready since it started: never touched (within limits)
  ready,        // all layers up to `ready` are good
  degraded,     // the loop runs but `ready` fails: named, not restarted
  draining,     // finishing its turns before it stops or restarts: left alone
  suspect,      // was good, missed a probe: asked again soon
  ending,       // hung and told to end; next it is killed
  stopping,     // a person asked for a stop or restart: draining under our eyes
  down,         // no process, a start was ordered
  backing_off,  // no process, waiting before the next start
  parked,       // given up: a restart cannot mend this, a person must look
  stopped,      // a person wants it stopped
  standing_by,  // no process: a gateway on another node has its bot, or may have
};
std::string_view text(Phase phase);
/// It has a process, or a start was ordered; `unseen` counts as none.
bool has_process(Phase phase);

/// One look at the gateway, from the adapter and the runtime.
struct Look {
  Health health;
  bool running = false;
  bool frozen = false;  // process state T: stopped by a signal
  Duration cpu{};       // used so far by the process and its children
};

struct Decision {
  enum class Act {
    none,
    start,     // issue a start
    stop,      // polite stop, drain time allowed
    end_hung,  // SIGCONT and SIGTERM: a hung process that wakes up may still end well
    kill,      // SIGKILL
  };
  Act act = Act::none;
  std::string why;  // one sentence for log, ledger and people
};

/// What a guard counts beyond one process's life; survives a restart of the agent.
struct Memory {
  bool wanted = true;  // false after a person's `stop`
  std::optional<Duration> learned_start;
  unsigned failures = 0;  // exits and failed starts in a row, without a good stretch between
  unsigned restarts = 0;  // starts we ordered after something ended
};

class Supervision {
 public:
  struct Rules {
    Limits limits;
    Duration drain = std::chrono::seconds(330);      // from the adapter
    Duration hung_grace = std::chrono::seconds(20);  // for a hung process to end after SIGTERM
    unsigned puzzling_tries = 3;                     // starts after exits that need diagnosis, then parked
  };
  explicit Supervision(Rules rules, Memory memory = {});

  // Events. Each returns what to do now.
  /// A main process runs. `age`: how long already (adopted ones are older than we know them).
  Decision process_started(Instant now, Duration age = {});
  /// `puzzling`: the adapter says that a plain restart cannot mend this exit.
  Decision process_ended(Instant now, const Exit& exit, bool puzzling, std::string_view detail);
  Decision stopped_by_person(Instant now);
  Decision start_failed(Instant now, std::string_view why);
  Decision looked(Instant now, const Look& look);
  Decision person_starts(Instant now);
  Decision person_stops(Instant now, std::string why = "a person asked for a stop");
  Decision person_restarts(Instant now);

  // What the ladder asks.
  /// Until release() nothing is started but by a person: what it starts from is being looked at or changed.
  void hold();
  /// `start`: now, whatever the back-off says; else its own pauses go on.
  Decision release(Instant now, bool start, std::string why);
  /// A polite stop, as a person's restart; what follows is the ladder's if it holds, else a start. Nothing
  /// while it warms up, stops or is down.
  Decision stop_for_remedy(Instant now, std::string why);
  /// A person's pause: nothing is started or ended by us. An empty `why` ends it.
  Decision hands_off(Instant now, std::string why);

  // What the lease on its bot asks (mesh/bot_lease.h).
  /// Until free_to_run() nothing starts it, a person neither; `why` is for people. `stop`: if it runs, it
  /// ends, politely, unless a person has paused it.
  Decision stand_by(Instant now, std::string why, bool stop);
  Decision free_to_run(Instant now, std::string why);

  /// Time has passed: call at next_wake().
  Decision tick(Instant now);

  Phase phase() const { return phase_; }
  Instant phase_since() const { return phase_since_; }
  /// One sentence: "starting for 12 s (usually 17 s)".
  std::string summary(Instant now) const;
  /// When tick() wants to be called, if ever; e.g. the end of a back-off.
  std::optional<Instant> next_wake() const;
  /// How soon to look again.
  Duration look_interval() const;
  const Memory& memory() const { return memory_; }
  /// Counts as warming up: the agent shows missing layers as pending, not failing.
  bool warming_up() const { return phase_ == Phase::starting || phase_ == Phase::down; }

  /// Pause before the start that follows `failures` failures in a row: first, base, 2·base, 4·base … max.
  static Duration backoff(const Limits& limits, unsigned failures);

 private:
  void enter(Phase phase, Instant now);
  enum class By { us, person };
  Decision order_start(Instant now, std::string why, By by = By::us);
  /// Why we may not act by ourselves; empty: we may.
  std::string forbidden() const;
  Decision after_end(Instant now, std::string why, bool puzzling);
  Decision judge_starting(Instant now, const Look& look);
  Decision judge_running(Instant now, const Look& look);
  Decision declare_hung(Instant now, std::string why);
  bool may_kill(Instant now);
  Duration start_budget() const;
  void note_cpu(Instant now, Duration cpu);
  bool busy(Instant now) const;

  Rules rules_;
  Memory memory_;
  Phase phase_ = Phase::unseen;
  Instant phase_since_{};
  Instant start_began_{};
  std::optional<Instant> ready_since_;
  std::optional<Instant> next_start_;
  std::optional<Instant> deadline_;  // of ending and stopping
  bool start_after_stop_ = false;    // the stop belongs to a restart
  bool held_ = false;                // by the ladder
  std::string hands_off_;            // a person's pause, and why; empty: none
  bool ordered_end_ = false;         // we told it to end: its exit is ours, not a crash
  std::string stands_by_;            // why it must not be started now; empty: it may
  bool yields_ = false;              // it is stopping because it must not run, not because a person asked
  bool learn_this_start_ = false;    // an adopted process teaches nothing about starts
  unsigned misses_ = 0;
  Instant first_miss_{};
  std::string reason_;
  std::deque<Instant> kills_;  // SIGKILLs of ours in the last five minutes
  struct CpuPoint {
    Instant at;
    Duration cpu;
  };
  std::deque<CpuPoint> cpu_;  // of the last minute or so
};

}  // namespace meshops
