// The ladder of one gateway: when to look for a cause, which remedy comes next, when one has proved itself,
// when it is taken back, and when people are told. Pure: sights, diagnoses and the time go in, one step comes
// out; the agent's Healer carries it out. Never starts or ends a process by itself: that is Supervision's.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "config/mesh.h"

namespace meshops::heal {

/// What is wrong, as supervision and the standing checks see it. Not why.
enum class Trouble {
  none,
  refused,       // it ended with an exit that a start cannot mend
  crashing,      // it ends again and again
  cannot_start,  // its start fails before there is a process
  not_ready,     // its loop turns, but it is not ready
  turns_fail,    // all its layers are good, but its turns fail
  noticed,       // it runs; a standing check found what will bring it down
  complains,     // it works; its log says again and again that a part of it does not
};
std::string_view text(Trouble trouble);
/// It does not run, and a plain start does not help.
constexpr bool is_down(Trouble trouble) {
  return trouble == Trouble::refused || trouble == Trouble::crashing || trouble == Trouble::cannot_start;
}

/// One look, as far as the ladder cares.
struct Sight {
  Trouble trouble = Trouble::none;
  bool wanted = true;     // false: a person stopped it
  bool starting = false;  // starts, drains or stops within its limits: nobody disturbs it
};

/// One remedy of one hypothesis, planned. In the order of the diagnosis: best cause first, gentlest remedy
/// first.
struct Option {
  std::string cause;
  double score = 0;
  std::string remedy;
  unsigned rung = 0;      // how bold it is
  bool acts = true;       // false: it only waits
  bool disturbs = false;  // it restarts or stops a gateway that runs
  Duration proves_within{};
  std::string obstacle;  // why it cannot be done here; empty: it can
  /// What would take the obstacle away.
  enum class Lacks {
    fit,      // nothing: it does not fit here
    consent,  // the owner's word in mesh.toml
    hands,    // it is a person's work
  };
  Lacks lacks = Lacks::fit;
};

struct Step {
  enum class Act {
    none,
    look,     // capture and diagnose; answer with diagnosed()
    treat,    // carry out `option`; answer with treated()
    undo,     // take the open treatment back; answer with undone()
    keep,     // the open treatment has proved itself
    close,    // it stays without a verdict: a person stopped the gateway
    tell,     // the ladder ends here: people must know
    recover,  // what people were told of is over
  };
  Act act = Act::none;
  std::size_t option = 0;  // of `treat`: index into what diagnosed() was given
  std::string why;         // one sentence
};

class Ladder {
 public:
  struct Rules {
    Profile profile = Profile::normal;
    unsigned per_hour = 3;                            // treatments that act
    Duration first_pause = std::chrono::seconds(30);  // after one that did not help; doubles
    Duration longest_pause = std::chrono::minutes(30);
    Duration well_for = std::chrono::seconds(30);      // this long well: the treatment helped
    Duration prove_cap = std::chrono::minutes(25);     // a start is waited for no longer than this
    Duration forget_after = std::chrono::minutes(10);  // well for this long: every remedy may be tried again
    Duration look_again = std::chrono::hours(1);       // after people were told
    Duration look_sooner = std::chrono::minutes(2);    // of a gateway that is down; doubles up to look_again
    double least_score = 0.28;
  };
  explicit Ladder(Rules rules) : rules_(rules) {}

  enum class State {
    well,
    looking,    // a look was ordered
    treating,   // a remedy is carried out
    proving,    // done: does it help?
    reviewing,  // it did not seem to: looked at again before it is taken back
    undoing,
    pausing,
    told,
  };

  /// After every look at the gateway, and when time passes.
  Step see(Instant now, const Sight& sight);
  /// The answer to `look`. `causes`: every cause that the diagnosis holds possible, best first.
  Step diagnosed(Instant now, const Sight& sight, const std::vector<Option>& options,
                 const std::vector<std::string>& causes);
  /// The look could not be had.
  Step look_failed(Instant now, std::string_view why);
  /// How carrying it out ended. `clashed`: somebody changed what was to be changed, and nothing was done.
  enum class Done { well, failed, clashed };
  Step treated(Instant now, Done done);
  Step undone(Instant now);

  /// A person asks for healing now: pauses and what was told are forgotten, guards are not.
  Step person_asks(const Sight& sight);
  /// A person's pause, or its end. What is under way is finished first.
  void pause(bool on) { paused_ = on; }
  /// From the ledger, at the agent's start: what was done within the last hour.
  void remember_treatment(Instant at, const std::string& cause, const std::string& remedy);
  /// From the ledger: a treatment whose verdict is still open; its steps are done.
  void resume_proving(Instant now, const Option& option);

  State state() const { return state_; }
  /// It is at nothing: nothing is looked at, changed, or waited for to help.
  bool idle() const { return state_ == State::well || state_ == State::pausing || state_ == State::told; }
  /// The gateway must not be started meanwhile: what it starts from is being looked at or changed.
  bool holds_starts() const {
    return state_ == State::looking || state_ == State::treating || state_ == State::reviewing ||
           state_ == State::undoing;
  }
  std::optional<Instant> next_wake() const { return until_; }
  /// "tries remove_unknown_keys against config_schema_invalid"; empty when all is well.
  std::string summary(Instant now) const;
  /// Of each option, why it would not be the one that is done now; empty for the one that would.
  std::vector<std::string> why_not(Instant now, const Sight& sight, const std::vector<Option>& options) const;
  /// Since the gateway was last well for long.
  bool has_tried(const Option& option) const { return tried_.contains({option.cause, option.remedy}); }

 private:
  Step begin_look(State as, std::string why);
  /// What speaks against an option, and what follows from it.
  struct Against {
    enum class Then {
      treat,     // nothing does
      try_next,  // another one may do
      wait,      // it is too early for this one, and a later one is bolder
      tell,      // a guard says no to all that act
    };
    Then then = Then::treat;
    std::string why;
  };
  Against against(Instant now, const Sight& sight, const std::vector<Option>& options,
                  const Option& option) const;
  Step choose(Instant now, const Sight& sight, const std::vector<Option>& options);
  std::string most_telling(const Sight& sight, const std::vector<Option>& options) const;
  Step tell(Instant now, std::string why);
  Step rest(Instant now, Duration pause);
  Duration pause_after_failure() const;
  bool budget_left(Instant now) const;
  Step all_is_well(Instant now);
  Step stand_down();

  Rules rules_;
  State state_ = State::well;
  bool paused_ = false;
  Trouble trouble_ = Trouble::none;  // the one that the state is about
  std::optional<Instant> until_;     // of proving, pausing and told
  std::optional<Instant> well_since_;
  Instant told_at_{};
  std::optional<Option> open_;  // the treatment that is under way or proves itself
  std::set<std::pair<std::string, std::string>> tried_;
  std::deque<Instant> acted_;  // treatments of the last hour
  unsigned in_vain_ = 0;       // treatments in a row that did not help
  unsigned told_ = 0;          // looks in a row that ended with telling people
  std::string told_why_;       // the last time
  std::string why_;
};
std::string_view text(Ladder::State state);

}  // namespace meshops::heal
