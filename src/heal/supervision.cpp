#include "heal/supervision.h"

#include <fmt/format.h>

#include <algorithm>

namespace meshops {

using namespace std::chrono_literals;

namespace {
// OpenClaw starts without its channels after three unclean boots within five minutes (its restart-loop
// breaker).
constexpr auto kKillWindow = 5min;
constexpr std::size_t kKillsInWindow = 2;
/// systemd's own codes for a command that it could not execute (systemd.exec(5)): no gateway ran.
bool never_executed(const Exit& exit) { return exit.code && *exit.code >= 200 && *exit.code <= 243; }

// Over this share of one core it works on something: GC, a migration, loading.
constexpr double kBusyShare = 0.2;
constexpr auto kBusyWindow = 30s;
// A frozen process (state T) is no matter of opinion: two silent probes are enough.
constexpr unsigned kFrozenMisses = 2;
// A busy loop that does not answer may be a long collection; only much longer silence is a hang.
constexpr unsigned kBusyFactor = 4;
constexpr auto kSoon = 1s;
/// After a look that changed nothing: the same start again at once would get the same answer.
constexpr auto kAfterHold = 5s;
}  // namespace

std::string_view text(Phase phase) {
  switch (phase) {
    case Phase::unseen:
      return "unseen";
    case Phase::starting:
      return "starting";
    case Phase::ready:
      return "ready";
    case Phase::degraded:
      return "degraded";
    case Phase::draining:
      return "draining";
    case Phase::suspect:
      return "suspect";
    case Phase::ending:
      return "hung";
    case Phase::stopping:
      return "stopping";
    case Phase::down:
      return "down";
    case Phase::backing_off:
      return "backing_off";
    case Phase::parked:
      return "parked";
    case Phase::stopped:
      return "stopped";
    case Phase::standing_by:
      return "standing_by";
  }
  return "unseen";
}

bool has_process(Phase phase) {
  switch (phase) {
    case Phase::starting:
    case Phase::ready:
    case Phase::degraded:
    case Phase::draining:
    case Phase::suspect:
    case Phase::ending:
    case Phase::stopping:
    case Phase::down:
      return true;
    case Phase::unseen:
    case Phase::backing_off:
    case Phase::parked:
    case Phase::stopped:
    case Phase::standing_by:
      break;
  }
  return false;
}

Supervision::Supervision(Rules rules, Memory memory) : rules_(std::move(rules)), memory_(std::move(memory)) {}

void Supervision::enter(Phase phase, Instant now) {
  if (phase == phase_) return;
  phase_ = phase;
  phase_since_ = now;
  if (phase != Phase::backing_off) next_start_.reset();
  if (phase != Phase::ending && phase != Phase::stopping) deadline_.reset();
  if (phase != Phase::stopping) yields_ = false;
  if (phase == Phase::ready) misses_ = 0;
}

Duration Supervision::backoff(const Limits& limits, unsigned failures) {
  if (failures == 0) return limits.backoff_first;
  auto pause = limits.backoff_base;
  for (unsigned i = 1; i < failures && pause < limits.backoff_max; ++i) pause *= 2;
  return std::clamp(pause, limits.backoff_first, std::max(limits.backoff_first, limits.backoff_max));
}

Duration Supervision::start_budget() const {
  // Three times what it usually needs: a cold disk or a migration easily doubles a start.
  return std::max(rules_.limits.start_floor, 3 * memory_.learned_start.value_or(Duration::zero()));
}

std::string Supervision::forbidden() const {
  if (rules_.limits.profile == Profile::observe_only) return "observe-only";
  return hands_off_.empty() ? std::string() : fmt::format("paused ({})", hands_off_);
}

Decision Supervision::order_start(Instant now, std::string why, By by) {
  if (!stands_by_.empty()) {
    enter(Phase::standing_by, now);
    reason_ = stands_by_;
    return {};
  }
  if (by == By::us && held_) {
    reason_ = std::move(why);
    enter(Phase::backing_off, now);
    next_start_.reset();
    return {};
  }
  if (auto no = forbidden(); by == By::us && !no.empty()) {
    enter(Phase::parked, now);
    reason_ = fmt::format("{}: would start it now, because {}", no, why);
    return {};
  }
  reason_ = why;
  enter(Phase::down, now);
  return {Decision::Act::start, std::move(why)};
}

Decision Supervision::process_started(Instant now, Duration age) {
  ordered_end_ = false;
  start_after_stop_ = false;
  misses_ = 0;
  cpu_.clear();
  ready_since_.reset();
  start_began_ = now - age;
  learn_this_start_ = age < 1s;
  if (!memory_.wanted && phase_ == Phase::stopped)
    memory_.wanted = true;  // somebody started it by hand: so be it
  reason_.clear();
  enter(Phase::starting, now);
  phase_since_ = start_began_;
  return {};
}

Decision Supervision::process_ended(Instant now, const Exit& exit, bool puzzling, std::string_view detail) {
  auto why = exit.text();
  if (!detail.empty()) why += fmt::format(" ({})", detail);
  if (phase_ == Phase::stopping && yields_ && memory_.wanted) {
    ordered_end_ = false;
    return order_start(now, "it had given its bot up");
  }
  if (phase_ == Phase::stopping && !start_after_stop_) {
    enter(Phase::stopped, now);
    reason_ = "stopped by a person";
    return {};
  }
  // In the middle of a person's restart the unit looks stopped for a moment. One that could not even be
  // executed was asked to start since.
  if (phase_ == Phase::stopped && never_executed(exit)) memory_.wanted = true;
  if (!memory_.wanted) {
    enter(Phase::stopped, now);
    return {};
  }
  if (phase_ == Phase::stopping || ordered_end_) {
    bool restart = phase_ == Phase::stopping;
    ordered_end_ = false;
    if (restart) {
      auto asked = reason_;
      return order_start(now, asked, held_ ? By::us : By::person);
    }
    ++memory_.restarts;
    ++memory_.failures;
    return order_start(now, fmt::format("it hung and was ended ({})", why));
  }
  if (ready_since_ && now - *ready_since_ >= rules_.limits.backoff_reset) memory_.failures = 0;
  return after_end(now, why, puzzling);
}

Decision Supervision::after_end(Instant now, std::string why, bool puzzling) {
  auto failures = memory_.failures++;
  ready_since_.reset();
  if (held_) return order_start(now, std::move(why));  // it waits for the ladder
  if (puzzling && failures + 1 > rules_.puzzling_tries) {
    enter(Phase::parked, now);
    reason_ = fmt::format("{}, {} times in a row: a restart cannot mend this", why, failures + 1);
    return {};
  }
  auto pause = backoff(rules_.limits, failures);
  // Exit 78 and its like are questions: asking again at once gets the same answer.
  if (puzzling) pause = std::max<Duration>(pause, 5s * (1U << std::min(failures, 6U)));
  ++memory_.restarts;
  if (pause <= Duration::zero()) return order_start(now, std::move(why));
  reason_ = std::move(why);
  enter(Phase::backing_off, now);
  phase_since_ = now;
  next_start_ = now + pause;
  return {};
}

Decision Supervision::stopped_by_person(Instant now) {
  // Within our own restart the manager reports the stop half of it, too.
  if (phase_ == Phase::stopping && (start_after_stop_ || yields_))
    return process_ended(now, Exit{.code = 0, .signal = {}}, false, "");
  if (ordered_end_) return process_ended(now, Exit{.code = 0, .signal = {}}, false, "");
  memory_.wanted = false;
  enter(Phase::stopped, now);
  reason_ = "stopped by a person";
  return {};
}

Decision Supervision::start_failed(Instant now, std::string_view why) {
  if (phase_ != Phase::down) return {};
  auto failures = memory_.failures++;
  reason_ = fmt::format("the start failed: {}", why);
  enter(Phase::backing_off, now);
  next_start_ = now + std::max<Duration>(backoff(rules_.limits, failures), kSoon);
  return {};
}

void Supervision::note_cpu(Instant now, Duration cpu) {
  cpu_.push_back({now, cpu});
  while (cpu_.size() > 2 && now - cpu_[1].at >= kBusyWindow) cpu_.pop_front();
  while (cpu_.size() > 64) cpu_.pop_front();
}

bool Supervision::busy(Instant now) const {
  if (cpu_.size() < 2) return false;
  auto span = now - cpu_.front().at;
  if (span <= Duration::zero()) return false;
  return seconds(cpu_.back().cpu - cpu_.front().cpu) / seconds(span) >= kBusyShare;
}

Decision Supervision::looked(Instant now, const Look& look) {
  note_cpu(now, look.cpu);
  switch (phase_) {
    case Phase::unseen:
      if (look.running) {
        process_started(now, 24h);  // adopted: how old it is nobody told
        return judge_running(now, look);
      }
      if (!memory_.wanted) {
        enter(Phase::stopped, now);
        return {};
      }
      return order_start(now, "it does not run");
    case Phase::starting:
      return judge_starting(now, look);
    case Phase::ready:
    case Phase::degraded:
    case Phase::draining:
    case Phase::suspect:
      return judge_running(now, look);
    case Phase::ending:
      // It woke up and drains properly: then it gets the time a drain may take.
      if (look.health.draining && deadline_) deadline_ = std::max(*deadline_, phase_since_ + rules_.drain);
      return tick(now);
    case Phase::stopping:
    case Phase::down:
    case Phase::backing_off:
    case Phase::parked:
    case Phase::stopped:
    case Phase::standing_by:
      return tick(now);
  }
  return {};
}

Decision Supervision::judge_starting(Instant now, const Look& look) {
  if (!look.running) return {};  // the runtime will tell how it ended
  const auto& h = look.health;
  bool ready_counts = h[Layer::ready].state != LayerState::not_applicable;
  if (ready_counts ? h.ok(Layer::ready) : h.ok(Layer::live)) {
    if (learn_this_start_) {
      auto took = now - start_began_;
      auto known = memory_.learned_start.value_or(took);
      // Slow starts are believed at once, quick ones only little by little.
      memory_.learned_start = took > known ? took : (known * 7 + took * 3) / 10;
      learn_this_start_ = false;
    }
    ready_since_ = now;
    reason_.clear();
    enter(Phase::ready, now);
    return {};
  }
  if (h.draining) {
    enter(Phase::draining, now);
    return {};
  }
  auto elapsed = now - start_began_;
  if (elapsed < start_budget()) return {};
  if (elapsed < rules_.limits.start_cap && busy(now)) return {};
  auto layer = h.failing();
  auto where = layer ? fmt::format("{}: {}", text(*layer), h[*layer].reason) : std::string("not ready");
  // Loop and live are good, only readiness is missing: something outside the process (a channel, a database).
  if (h.ok(Layer::loop) || (h[Layer::loop].state == LayerState::not_applicable && h.ok(Layer::live))) {
    reason_ = fmt::format("answers, but is not ready after {}: {}", about(elapsed), where);
    enter(Phase::degraded, now);
    return {};
  }
  return declare_hung(now, fmt::format("not up after {} and not working on it ({})", about(elapsed), where));
}

Decision Supervision::judge_running(Instant now, const Look& look) {
  if (!look.running) return {};
  const auto& h = look.health;
  bool loop_good = h.ok(Layer::loop) || h[Layer::loop].state == LayerState::not_applicable;
  if (!look.frozen && h.ok(Layer::live) && loop_good) {
    misses_ = 0;
    bool ready = h.ok(Layer::ready) || h[Layer::ready].state == LayerState::not_applicable;
    if (ready) {
      if (!ready_since_) ready_since_ = now;
      if (memory_.failures > 0 && now - *ready_since_ >= rules_.limits.backoff_reset) memory_.failures = 0;
      reason_.clear();
      enter(Phase::ready, now);
      return {};
    }
    auto layer = h.failing();
    reason_ = layer ? fmt::format("{}: {}", text(*layer), h[*layer].reason) : "not ready";
    if (h.draining)
      enter(Phase::draining, now);
    else if (h[Layer::started].state == LayerState::failing && phase_ != Phase::degraded) {
      // Started anew inside the same process (SIGUSR2): a start like any other.
      start_began_ = now;
      learn_this_start_ = false;
      enter(Phase::starting, now);
    } else {
      enter(Phase::degraded, now);
    }
    return {};
  }
  // The listener is gone but the process lives: a restart inside the process closes the port for many
  // seconds.
  if (!look.frozen && h[Layer::port].state == LayerState::failing) {
    if (phase_ == Phase::draining && now - phase_since_ < rules_.drain) return {};
    start_began_ = now;
    learn_this_start_ = false;
    reason_ = h[Layer::port].reason;
    enter(Phase::starting, now);
    return {};
  }
  if (phase_ == Phase::draining && !look.frozen && now - phase_since_ < rules_.drain) return {};

  if (misses_++ == 0) first_miss_ = now;
  auto layer = h.failing();
  reason_ = look.frozen ? "frozen: its process is stopped by a signal (state T)"
            : layer     ? fmt::format("{}: {}", text(*layer), h[*layer].reason)
                        : "no answer";
  enter(Phase::suspect, now);
  auto enough = look.frozen ? std::min(kFrozenMisses, rules_.limits.hang_misses)
                : busy(now) ? rules_.limits.hang_misses * kBusyFactor
                            : rules_.limits.hang_misses;
  if (misses_ < enough) return {};
  // Quick refusals come faster than time-outs: the silence must also have lasted.
  if (!look.frozen && now - first_miss_ < (rules_.limits.hang_misses - 1) * rules_.limits.probe_interval)
    return {};
  return declare_hung(now, fmt::format("hung: {} probes in a row failed ({})", misses_, reason_));
}

Decision Supervision::declare_hung(Instant now, std::string why) {
  reason_ = why;
  if (!forbidden().empty()) return {};
  enter(Phase::ending, now);
  phase_since_ = now;
  deadline_ = now + rules_.hung_grace;
  ordered_end_ = true;
  return {Decision::Act::end_hung, std::move(why)};
}

bool Supervision::may_kill(Instant now) {
  while (!kills_.empty() && now - kills_.front() >= kKillWindow) kills_.pop_front();
  return kills_.size() < kKillsInWindow;
}

Decision Supervision::tick(Instant now) {
  if (phase_ == Phase::backing_off && next_start_ && now >= *next_start_) return order_start(now, reason_);
  if (phase_ == Phase::ending && !hands_off_.empty()) return {};
  if ((phase_ == Phase::ending || phase_ == Phase::stopping) && deadline_ && now >= *deadline_) {
    if (!may_kill(now)) {
      deadline_ = kills_.front() + kKillWindow;
      reason_ += "; not killed yet: a third unclean end within 5 min would silence its channels";
      return {};
    }
    kills_.push_back(now);
    deadline_ = now + 10s;
    return {Decision::Act::kill, fmt::format("it did not end within {}", about(now - phase_since_))};
  }
  return {};
}

Decision Supervision::person_starts(Instant now) {
  memory_.wanted = true;
  memory_.failures = 0;
  if (has_process(phase_)) return {};
  return order_start(now, "a person asked for it", By::person);
}

Decision Supervision::person_stops(Instant now, std::string why) {
  memory_.wanted = false;
  if (!has_process(phase_)) {
    enter(Phase::stopped, now);
    reason_ = "stopped by a person";
    return {};
  }
  enter(Phase::stopping, now);
  start_after_stop_ = false;
  deadline_ = now + rules_.drain;
  reason_ = std::move(why);
  return {Decision::Act::stop, reason_};
}

Decision Supervision::person_restarts(Instant now) {
  memory_.wanted = true;
  memory_.failures = 0;
  if (!has_process(phase_)) return person_starts(now);
  if (phase_ == Phase::down) return {};  // its start was ordered just now
  start_after_stop_ = true;
  if (phase_ == Phase::stopping) return {};
  enter(Phase::stopping, now);
  deadline_ = now + rules_.drain;
  reason_ = "a person asked for a restart";
  return {Decision::Act::stop, reason_};
}

void Supervision::hold() {
  held_ = true;
  if (phase_ == Phase::backing_off) next_start_.reset();
}

Decision Supervision::release(Instant now, bool start, std::string why) {
  if (!std::exchange(held_, false)) return {};
  if (!memory_.wanted || (phase_ != Phase::backing_off && phase_ != Phase::parked)) return {};
  if (start) {
    memory_.failures = 0;
    ++memory_.restarts;
    return order_start(now, std::move(why));
  }
  if (phase_ == Phase::backing_off && !next_start_)
    next_start_ = now + std::max<Duration>(backoff(rules_.limits, memory_.failures), kAfterHold);
  return {};
}

Decision Supervision::stop_for_remedy(Instant now, std::string why) {
  switch (phase_) {
    case Phase::ready:
    case Phase::degraded:
    case Phase::suspect:
      if (!forbidden().empty()) return {};
      enter(Phase::stopping, now);
      start_after_stop_ = true;
      deadline_ = now + rules_.drain;
      reason_ = std::move(why);
      return {Decision::Act::stop, reason_};
    default:
      return {};
  }
}

Decision Supervision::hands_off(Instant now, std::string why) {
  bool ends = !hands_off_.empty() && why.empty();
  hands_off_ = std::move(why);
  if (ends && phase_ == Phase::parked && memory_.wanted) return order_start(now, "the pause is over");
  return {};
}

Decision Supervision::stand_by(Instant now, std::string why, bool stop) {
  stands_by_ = std::move(why);
  switch (phase_) {
    case Phase::standing_by:
      reason_ = stands_by_;
      return {};
    case Phase::starting:
    case Phase::ready:
    case Phase::degraded:
    case Phase::suspect:
      if (!stop || !forbidden().empty()) return {};
      enter(Phase::stopping, now);
      yields_ = true;
      start_after_stop_ = false;
      deadline_ = now + rules_.drain;
      reason_ = stands_by_;
      return {Decision::Act::stop, stands_by_};
    case Phase::stopping:
      // A restart would start it again.
      if (stop && start_after_stop_) start_after_stop_ = false, yields_ = true;
      return {};
    default:
      return {};  // it ends by itself, or does not run: no start follows
  }
}

Decision Supervision::free_to_run(Instant now, std::string why) {
  stands_by_.clear();
  if (phase_ != Phase::standing_by || !memory_.wanted) return {};
  return order_start(now, std::move(why));
}

std::optional<Instant> Supervision::next_wake() const {
  if (next_start_) return next_start_;
  return deadline_;
}

Duration Supervision::look_interval() const {
  switch (phase_) {
    case Phase::starting:
    case Phase::suspect:
    case Phase::ending:
    case Phase::stopping:
    case Phase::draining:
    case Phase::unseen:
      return std::min<Duration>(kSoon, rules_.limits.probe_interval);
    default:
      return rules_.limits.probe_interval;
  }
}

std::string Supervision::summary(Instant now) const {
  auto since = about(now - phase_since_);
  auto with_reason = [&](std::string head) {
    return reason_.empty() ? head : fmt::format("{}: {}", head, reason_);
  };
  switch (phase_) {
    case Phase::unseen:
      return "not looked at yet";
    case Phase::starting:
      return memory_.learned_start ? fmt::format("starting for {} (usually takes {})",
                                                 about(now - start_began_), about(*memory_.learned_start))
                                   : fmt::format("starting for {}", about(now - start_began_));
    case Phase::ready:
      return now - phase_since_ < 1s ? std::string("ready") : fmt::format("ready for {}", since);
    case Phase::degraded:
      return with_reason(fmt::format("up but not ready for {}", since));
    case Phase::draining:
      return fmt::format("draining for {}", since);
    case Phase::suspect:
      return with_reason(fmt::format("does not answer since {}", since));
    case Phase::ending:
      return with_reason(fmt::format("being ended for {}", since));
    case Phase::stopping:
      return with_reason(fmt::format("stopping for {}", since));
    case Phase::down:
      return with_reason("start ordered");
    case Phase::backing_off:
      return with_reason(fmt::format(
          "next start in {}",
          about(next_start_ ? std::max(*next_start_ - now, Duration::zero()) : Duration::zero())));
    case Phase::parked:
      return with_reason("given up");
    case Phase::stopped:
      return with_reason("stopped");
    case Phase::standing_by:
      return with_reason("stands by");
  }
  return {};
}

}  // namespace meshops
