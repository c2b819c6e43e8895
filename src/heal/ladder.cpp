#include "heal/ladder.h"

#include <fmt/format.h>

#include <algorithm>

namespace meshops::heal {

using namespace std::chrono_literals;

namespace {
/// Somebody's hands were in it: look again when they may be out.
constexpr auto kAfterClash = 15s;
/// A look that failed, or a gateway that warms up: no remedy was spent.
constexpr auto kLookSoon = 30s;
constexpr auto kOtherTrouble = 2min;
/// A cause that is less than so much as likely as the best one is not acted on: a person who must mend the
/// best one would find something else changed, too.
constexpr double kFarBehind = 0.5;
constexpr std::string_view kWouldRestart = "it would restart a gateway that works";

double best_score(const std::vector<Option>& options) {
  double best = 0;
  for (const auto& option : options) best = std::max(best, option.score);
  return best;
}
}  // namespace

std::string_view text(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::refused:
      return "refuses to start";
    case Trouble::crashing:
      return "ends again and again";
    case Trouble::cannot_start:
      return "cannot be started";
    case Trouble::not_ready:
      return "is up but not ready";
    case Trouble::turns_fail:
      return "is up, but its turns fail";
    case Trouble::noticed:
      return "runs, but will not for long";
    case Trouble::complains:
      return "runs, but a part of it fails";
  }
  return "none";
}

std::string_view text(Ladder::State state) {
  switch (state) {
    case Ladder::State::well:
      return "well";
    case Ladder::State::looking:
    case Ladder::State::reviewing:
      return "looking";
    case Ladder::State::treating:
      return "treating";
    case Ladder::State::proving:
      return "watching";
    case Ladder::State::undoing:
      return "undoing";
    case Ladder::State::pausing:
      return "pausing";
    case Ladder::State::told:
      return "told";
  }
  return "well";
}

Step Ladder::see(Instant now, const Sight& sight) {
  // What runs on its own and answers by itself is not interrupted.
  if (state_ == State::looking || state_ == State::treating || state_ == State::reviewing ||
      state_ == State::undoing)
    return {};
  if (!sight.wanted) return stand_down();
  // A start that goes on is neither good nor bad.
  if (sight.starting && (state_ != State::proving || (until_ && now < *until_))) {
    well_since_.reset();
    return {};
  }
  if (sight.trouble == Trouble::none && !sight.starting) return all_is_well(now);
  well_since_.reset();
  // Nobody waits with a gateway that is down for what was no more than a complaint.
  bool graver = trouble_ == Trouble::complains && sight.trouble != Trouble::complains;

  switch (state_) {
    case State::well:
      if (paused_) return {};
      return begin_look(State::looking, std::string(text(sight.trouble)));
    case State::proving: {
      // One that is to get well by itself has its time; one that was started and ended again has had it.
      bool has_time = until_ && now < *until_;
      bool waits = open_ && open_->proves_within > Duration::zero();
      if (has_time && waits) return {};
      if (!open_) return rest(now, Duration::zero());
      return begin_look(State::reviewing, fmt::format("{} did not help at once", open_->remedy));
    }
    case State::pausing:
      if (paused_ || (!graver && until_ && now < *until_)) return {};
      return begin_look(State::looking, std::string(text(sight.trouble)));
    case State::told: {
      // Another kind of trouble is worth another look, but not each time that two alternate.
      bool other = graver || (sight.trouble != trouble_ && now - told_at_ >= kOtherTrouble);
      if (paused_ || (!other && until_ && now < *until_)) return {};
      return begin_look(State::looking, std::string(text(sight.trouble)));
    }
    default:
      return {};
  }
}

/// A person stopped the gateway: what was done stays, what was told is no news any more.
Step Ladder::stand_down() {
  state_ = State::well;
  told_ = 0;
  until_.reset();
  well_since_.reset();
  auto open = std::exchange(open_, std::nullopt);
  if (open && open->acts)
    return {Step::Act::close, 0, "a person stopped the gateway before it could prove itself"};
  return {};
}

Step Ladder::all_is_well(Instant now) {
  if (!well_since_) well_since_ = now;
  auto well = now - *well_since_;
  if (well >= rules_.forget_after) {
    tried_.clear();
    in_vain_ = 0;
  }
  switch (state_) {
    case State::proving:
      if (well < rules_.well_for) return {};
      state_ = State::well;
      until_.reset();
      in_vain_ = 0;
      if (auto open = std::exchange(open_, std::nullopt); open && open->acts)
        return {Step::Act::keep, 0, fmt::format("{} helped", open->remedy)};
      return {};
    case State::told:
      if (well < rules_.well_for) return {};
      state_ = State::well;
      until_.reset();
      told_ = 0;
      return {Step::Act::recover, 0, "it is well again"};
    case State::pausing:
      if (well < rules_.well_for) return {};
      state_ = State::well;
      until_.reset();
      return {};
    default:
      return {};
  }
}

Step Ladder::begin_look(State as, std::string why) {
  state_ = as;
  until_.reset();
  why_ = why;
  return {Step::Act::look, 0, std::move(why)};
}

Step Ladder::rest(Instant now, Duration pause) {
  state_ = State::pausing;
  until_ = now + pause;
  return {};
}

Step Ladder::tell(Instant now, std::string why) {
  // Each further end of one that is down may show what the first ones did not.
  auto pause = is_down(trouble_) ? rules_.look_sooner : rules_.look_again;
  for (unsigned i = 0; i < told_ && pause < rules_.look_again; ++i) pause *= 2;
  state_ = State::told;
  until_ = now + std::min(pause, rules_.look_again);
  told_at_ = now;
  why_ = why;
  bool news = told_++ == 0 || why != told_why_;
  told_why_ = why;
  if (!news) return {};
  return {Step::Act::tell, 0, std::move(why)};
}

Duration Ladder::pause_after_failure() const {
  auto pause = rules_.first_pause;
  for (unsigned i = 1; i < in_vain_ && pause < rules_.longest_pause; ++i) pause *= 2;
  return std::min(pause, rules_.longest_pause);
}

bool Ladder::budget_left(Instant now) const {
  auto lately = std::ranges::count_if(acted_, [now](Instant at) { return now - at < 1h; });
  return static_cast<std::size_t>(lately) < rules_.per_hour;
}

Step Ladder::diagnosed(Instant now, const Sight& sight, const std::vector<Option>& options,
                       const std::vector<std::string>& causes) {
  if (state_ != State::looking && state_ != State::reviewing) return {};
  if (!sight.wanted) return stand_down();
  if (state_ == State::reviewing && open_) {
    // Two faults at once: what was mended is gone from the picture, and something else is in it.
    bool still = std::ranges::find(causes, open_->cause) != causes.end();
    auto open = *open_;
    if (!still && sight.trouble != Trouble::none && !causes.empty()) {
      open_.reset();
      in_vain_ = 0;
      rest(now, Duration::zero());
      if (open.acts)
        return {Step::Act::keep, 0, fmt::format("{} is gone; now it is {}", open.cause, causes.front())};
      return {};
    }
    if (sight.trouble == Trouble::none) {
      // It got well while we looked: the usual proof goes on.
      state_ = State::proving;
      until_ = now + rules_.prove_cap;
      return {};
    }
    ++in_vain_;
    if (open.acts) {
      state_ = State::undoing;
      return {Step::Act::undo, 0, fmt::format("{} did not help", open.remedy)};
    }
    open_.reset();
    return choose(now, sight, options);
  }
  if (sight.trouble == Trouble::none) return rest(now, kLookSoon);
  trouble_ = sight.trouble;
  return choose(now, sight, options);
}

Ladder::Against Ladder::against(Instant now, const Sight& sight, const std::vector<Option>& options,
                                const Option& option) const {
  using Then = Against::Then;
  double best = best_score(options);
  if (option.score < rules_.least_score)
    return {Then::try_next,
            fmt::format("a cause of {:.0f} % is not sure enough to act on", option.score * 100)};
  if (option.score < best * kFarBehind)
    return {Then::try_next, "its cause is far less likely than the best one"};
  if (!option.obstacle.empty()) return {Then::try_next, option.obstacle};
  // What works is not restarted for a part of it.
  if (option.disturbs && sight.trouble == Trouble::complains)
    return {Then::try_next, std::string(kWouldRestart)};
  if (has_tried(option)) return {Then::try_next, "it was tried already"};
  // Nobody waits for a lesser cause to pass while the likeliest one needs a person.
  if (!option.acts && option.cause != options.front().cause)
    return {Then::try_next, "waiting helps a lesser cause only"};
  if (rules_.profile == Profile::observe_only && option.acts)
    return {Then::tell, fmt::format("observe-only: would try {} against {}", option.remedy, option.cause)};
  // Whoever warms up is left alone, however good the plan.
  if (option.disturbs && sight.starting) return {Then::wait, "it would disturb a gateway that starts"};
  if (option.acts && !budget_left(now))
    return {Then::tell,
            fmt::format("{} remedies within the hour are all that is allowed; {} would be next against {}",
                        rules_.per_hour, option.remedy, option.cause)};
  return {};
}

Step Ladder::choose(Instant now, const Sight& sight, const std::vector<Option>& options) {
  if (paused_) return rest(now, kLookSoon);
  for (std::size_t i = 0; i < options.size(); ++i) {
    const auto& option = options[i];
    auto found = against(now, sight, options, option);
    switch (found.then) {
      case Against::Then::try_next:
        continue;
      case Against::Then::wait:
        return rest(now, kLookSoon);
      case Against::Then::tell:
        return tell(now, std::move(found.why));
      case Against::Then::treat:
        break;
    }
    tried_.emplace(option.cause, option.remedy);
    while (!acted_.empty() && now - acted_.front() >= 1h) acted_.pop_front();
    if (option.acts) acted_.push_back(now);
    open_ = option;
    state_ = State::treating;
    why_ = fmt::format("tries {} against {}", option.remedy, option.cause);
    return {Step::Act::treat, i, why_};
  }
  // A line of a log that nothing else bears out is no reason to wake anybody.
  if (options.empty() && sight.trouble == Trouble::complains) return rest(now, rules_.look_again);
  return tell(now, most_telling(sight, options));
}

std::vector<std::string> Ladder::why_not(Instant now, const Sight& sight,
                                         const std::vector<Option>& options) const {
  std::vector<std::string> out;
  // What decides before an option's turn comes: a pause, the chosen one, or a guard.
  std::string before = paused_ ? "a person paused it" : "";
  for (const auto& option : options) {
    auto found = against(now, sight, options, option);
    if (found.then == Against::Then::try_next || before.empty())
      out.push_back(found.why);
    else
      out.push_back(before);
    if (found.then == Against::Then::try_next || !before.empty()) continue;
    before = found.then == Against::Then::treat ? fmt::format("{} comes first", option.remedy) : found.why;
  }
  return out;
}

/// What people can do most with, when nothing is left to do: of the likeliest cause, what only lacks their
/// consent, else what stood in the way of the boldest remedy; and what was tried before.
std::string Ladder::most_telling(const Sight& sight, const std::vector<Option>& options) const {
  if (options.empty()) return "no cause is sure enough to act on";
  const auto& front = options.front();
  if (best_score(options) < rules_.least_score)
    return fmt::format("no cause is sure enough to act on; the likeliest is {} ({:.0f} %)", front.cause,
                       front.score * 100);
  const Option *telling = nullptr, *by_hand = nullptr;
  std::string tried;
  auto outweighs = [](const Option& a, const Option& b) {
    bool a_asks = a.lacks == Option::Lacks::consent, b_asks = b.lacks == Option::Lacks::consent;
    return a_asks != b_asks ? a_asks : a.rung > b.rung;
  };
  for (const auto& option : options) {
    if (has_tried(option) && option.acts)
      tried += fmt::format("{}{}", tried.empty() ? "" : ", ", option.remedy);
    bool held = !option.obstacle.empty() || (option.disturbs && sight.trouble == Trouble::complains);
    if (option.cause != front.cause || !held) continue;
    if (option.lacks == Option::Lacks::hands) {
      if (by_hand == nullptr) by_hand = &option;
    } else if (telling == nullptr || outweighs(option, *telling)) {
      telling = &option;
    }
  }
  std::string out;
  auto add = [&out](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
  if (!tried.empty()) add(fmt::format("{} was tried already", tried));
  if (telling != nullptr)
    add(fmt::format("{} cannot be applied: {}", telling->remedy,
                    telling->obstacle.empty() ? kWouldRestart : std::string_view(telling->obstacle)));
  if (by_hand != nullptr) add(fmt::format("{}: {}", by_hand->remedy, by_hand->obstacle));
  return out.empty() ? "every remedy that fits was tried" : out;
}

Step Ladder::look_failed(Instant now, std::string_view why) {
  if (state_ == State::reviewing && open_ && open_->acts) {
    state_ = State::undoing;
    ++in_vain_;
    return {Step::Act::undo, 0,
            fmt::format("{} did not help, and no look could be had: {}", open_->remedy, why)};
  }
  if (state_ != State::looking && state_ != State::reviewing) return {};
  open_.reset();
  why_ = why;
  return rest(now, kLookSoon);
}

Step Ladder::treated(Instant now, Done done) {
  if (state_ != State::treating || !open_) return {};
  if (done == Done::well) {
    state_ = State::proving;
    well_since_.reset();
    until_ = now + (open_->proves_within > Duration::zero() ? open_->proves_within : rules_.prove_cap);
    return {};
  }
  auto open = *std::exchange(open_, std::nullopt);
  if (done == Done::clashed) {
    // Nothing was done, so nothing is spent.
    tried_.erase({open.cause, open.remedy});
    if (open.acts && !acted_.empty()) acted_.pop_back();
    return rest(now, kAfterClash);
  }
  ++in_vain_;
  return rest(now, pause_after_failure());
}

Step Ladder::undone(Instant now) {
  if (state_ != State::undoing) return {};
  open_.reset();
  return rest(now, pause_after_failure());
}

Step Ladder::person_asks(const Sight& sight) {
  if (state_ == State::looking || state_ == State::treating || state_ == State::reviewing ||
      state_ == State::undoing || state_ == State::proving)
    return {};
  tried_.clear();
  in_vain_ = 0;
  told_ = 0;
  if (sight.trouble == Trouble::none || !sight.wanted || sight.starting) return {};
  return begin_look(State::looking, "a person asks for it");
}

void Ladder::remember_treatment(Instant at, const std::string& cause, const std::string& remedy) {
  acted_.push_back(at);
  std::ranges::sort(acted_);
  tried_.emplace(cause, remedy);
}

void Ladder::resume_proving(Instant now, const Option& option) {
  open_ = option;
  state_ = State::proving;
  until_ = now + (option.proves_within > Duration::zero() ? option.proves_within : rules_.prove_cap);
  well_since_.reset();
}

std::string Ladder::summary(Instant now) const {
  auto left = until_ ? about(std::max(*until_ - now, Duration::zero())) : std::string();
  switch (state_) {
    case State::well:
      return {};
    case State::looking:
      return "looks for the cause: " + why_;
    case State::reviewing:
      return "looks whether it helped: " + why_;
    case State::treating:
      return why_;
    case State::proving:
      return open_ ? fmt::format("{} against {}: watches whether it helps", open_->remedy, open_->cause)
                   : "watches whether it helps";
    case State::undoing:
      return open_ ? fmt::format("takes {} back", open_->remedy) : "takes a treatment back";
    case State::pausing:
      return fmt::format("looks again in {}", left);
    case State::told:
      return "needs a person: " + why_;
  }
  return {};
}

}  // namespace meshops::heal
