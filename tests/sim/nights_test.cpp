// Random nights of one gateway: crashes, hangs, slow starts, drains and people, against the promises of
// docs/healing.md.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <csignal>
#include <random>

#include "heal/supervision.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using Act = Decision::Act;

/// A gateway with a will of its own; the world advances a second at a time.
class Night {
 public:
  explicit Night(unsigned seed) : random_(seed), s_({.limits = {}}) {}

  void live(Duration length) {
    for (; now_.since_boot < length; now_ = now_ + 1s) {
      fate();
      take(s_.tick(now_));
      if (now_ >= next_look_) {
        take(s_.looked(now_, look()));
        next_look_ = now_ + s_.look_interval();
      }
    }
  }
  /// After this nothing more goes wrong.
  void calm() { calm_ = true; }
  Phase phase() const { return s_.phase(); }
  bool wanted() const { return s_.memory().wanted; }

  std::vector<std::string> broken;  // promises broken
  std::vector<Instant> kills;
  unsigned starts = 0;

 private:
  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }

  void fate() {
    if (running_ && stopping_at_ && now_ >= *stopping_at_) end({.code = 0, .signal = {}}, false);
    if (calm_) {
      if (frozen_ || mute_) frozen_ = mute_ = false;
      return;
    }
    if (running_ && chance(0.0004)) end({.code = {}, .signal = SIGSEGV}, false);
    if (running_ && chance(0.0002)) end({.code = 78, .signal = {}}, true);
    if (running_ && chance(0.0003)) frozen_ = true;
    if (running_ && chance(0.0003)) mute_ = true;
    if (running_ && chance(0.0003) && !draining_) {
      draining_ = true;
      stopping_at_ = now_ + std::chrono::seconds(std::uniform_int_distribution<>(1, 300)(random_));
    }
    // SIGUSR2: starts again inside the same process.
    if (running_ && s_.phase() == Phase::ready && chance(0.0002)) began_ = now_;
    if (chance(0.0001)) take(s_.person_stops(now_));
    if (chance(0.0003)) take(s_.person_starts(now_));
    if (chance(0.0001)) take(s_.person_restarts(now_));
  }

  bool up() const { return now_ - began_ >= start_time_; }

  Look look() const {
    Look l{.running = running_, .frozen = frozen_};
    if (!running_) return l;
    l.health.draining = draining_;
    auto set = [&](Layer layer, bool good) {
      l.health[layer].state = good ? LayerState::ok : LayerState::failing;
      if (!good) l.health[layer].reason = "no";
      return good;
    };
    bool going = set(Layer::process, !frozen_);
    if (going) going = set(Layer::port, up());
    if (going) going = set(Layer::live, !mute_);
    if (going) going = set(Layer::loop, !mute_);
    if (going) going = set(Layer::started, !draining_);
    if (going) set(Layer::ready, !draining_);
    if (!up() && busy_start_) l.cpu = (now_ - began_) / 2;
    return l;
  }

  void end(Exit exit, bool puzzling) {
    running_ = frozen_ = mute_ = draining_ = false;
    stopping_at_.reset();
    take(s_.process_ended(now_, exit, puzzling, ""));
  }

  void take(Decision d) {
    bool warming = running_ && !up() && now_ - began_ < (busy_start_ ? 20min : 180s) && !frozen_;
    switch (d.act) {
      case Act::none:
        return;
      case Act::start:
        if (running_) broken.push_back("started what runs");
        if (!s_.memory().wanted) broken.push_back("started what a person stopped");
        running_ = true;
        ++starts;
        began_ = now_;
        busy_start_ = chance(0.5);
        start_time_ = std::chrono::seconds(
            std::uniform_int_distribution<>(5, busy_start_ && !calm_ ? 900 : 170)(random_));
        take(s_.process_started(now_));
        return;
      case Act::stop:
        if (!stopping_at_) stopping_at_ = now_ + 3s;
        return;
      case Act::end_hung:
        if (warming) broken.push_back("ended a gateway that warms up");
        if (draining_ && !frozen_ && !mute_) broken.push_back("ended a gateway that drains");
        frozen_ = false;
        if (!mute_ || chance(0.3)) stopping_at_ = now_ + 2s;
        return;
      case Act::kill:
        kills.push_back(now_);
        if (running_) end({.code = {}, .signal = SIGKILL}, false);
        return;
    }
  }

  std::mt19937 random_;
  Supervision s_;
  Instant now_{};
  Instant next_look_{};
  Instant began_{};
  Duration start_time_ = 20s;
  std::optional<Instant> stopping_at_;
  bool running_ = false, frozen_ = false, mute_ = false, draining_ = false, busy_start_ = false,
       calm_ = false;
};

TEST(Nights, PromisesHoldWhateverGoesWrong) {
  constexpr unsigned kNights = 500;
  unsigned long starts = 0, kills = 0;
  for (unsigned seed = 0; seed < kNights; ++seed) {
    Night night(seed);
    night.live(8h);
    ASSERT_TRUE(night.broken.empty()) << "seed " << seed << ": " << night.broken.front();
    for (std::size_t i = 2; i < night.kills.size(); ++i)
      ASSERT_GE(night.kills[i] - night.kills[i - 2], 5min)
          << "seed " << seed << ": a third kill within five minutes";
    starts += night.starts;
    kills += night.kills.size();

    night.calm();
    night.live(10h);
    bool settled = night.phase() == Phase::ready || night.phase() == Phase::parked ||
                   (night.phase() == Phase::stopped && !night.wanted());
    ASSERT_TRUE(settled) << "seed " << seed << " ends " << text(night.phase());
  }
  // The nights must have been eventful, or the promises were never tested.
  EXPECT_GT(starts, kNights);
  EXPECT_GT(kills, kNights / 10);
}

}  // namespace
}  // namespace meshops
