// The Keeper as its Healer's bedside, and a person's pause.
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "agent/closeup.h"
#include "agent/keeper.h"
#include "base/log.h"
#include "base/text.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using heal::Sight;
using heal::Trouble;

namespace {
/// Not ready for so long is no hiccup.
constexpr auto kNotReady = 30s;
/// Exits in a row that a start did not mend.
constexpr unsigned kCrashing = 2;
/// No sign of a turn for so long: a moment for a restart.
constexpr auto kQuiet = 60s;
}  // namespace

Sight Keeper::sight() const {
  Sight s{.trouble = Trouble::none, .wanted = supervision_.memory().wanted, .starting = true};
  if (!trouble_.sentence().empty()) return s;  // it cannot be watched: nothing is known
  switch (supervision_.phase()) {
    case Phase::unseen:
    case Phase::starting:
    case Phase::draining:
    case Phase::suspect:
    case Phase::ending:
    case Phase::stopping:
    case Phase::down:
      return s;
    case Phase::stopped:
    case Phase::standing_by:
      s.wanted = false;
      return s;
    case Phase::backing_off:
    case Phase::parked:
      if (start_failed_)
        s.trouble = Trouble::cannot_start;
      else if (puzzled_)
        s.trouble = Trouble::refused;
      else if (supervision_.memory().failures >= kCrashing)
        s.trouble = Trouble::crashing;
      s.starting = s.trouble == Trouble::none;
      return s;
    case Phase::degraded:
      s.starting = now() - supervision_.phase_since() < kNotReady;
      if (!s.starting) s.trouble = Trouble::not_ready;
      return s;
    case Phase::ready:
      s.starting = false;
      if (health_[Layer::works].state == LayerState::failing)
        s.trouble = Trouble::turns_fail;
      else if (healer_.notice())
        s.trouble = Trouble::noticed;
      else if (complaints_.serious(machine_.clock().wall()))
        s.trouble = Trouble::complains;
      return s;
  }
  return s;
}

bool Keeper::quiet() const { return machine_.clock().wall() - turns_.last() >= kQuiet; }

void Keeper::release(bool start, std::string why) {
  carry_out(supervision_.release(now(), start, std::move(why)));
  timer_.cancel();
}

asio::awaitable<Status> Keeper::stop(std::string why) {
  std::weak_ptr<int> alive = alive_;
  auto decision = supervision_.stop_for_remedy(now(), std::move(why));
  if (decision.act == Decision::Act::none)
    co_return fail(heal::HealCode::busy, "{} is {} and cannot be stopped now", spec_.name,
                   text(supervision_.phase()));
  carry_out(std::move(decision));
  // The kill after the drain time is supervision's.
  auto deadline = now() + adapter_->drain_time() + 60s;
  asio::steady_timer timer(machine_.executor());
  while (supervision_.phase() == Phase::stopping && now() < deadline) {
    timer.expires_after(50ms);
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (alive.expired()) co_return fail(heal::HealCode::busy, "the agent ends");
  }
  if (view_.running) co_return fail(heal::HealCode::cannot_do, "{} does not stop", spec_.name);
  co_return ok();
}

Status Keeper::restart(std::string why) {
  auto decision = supervision_.stop_for_remedy(now(), std::move(why));
  if (decision.act == Decision::Act::none)
    return fail(heal::HealCode::busy, "{} is {} and cannot be restarted now", spec_.name,
                text(supervision_.phase()));
  carry_out(std::move(decision));
  return ok();
}

asio::awaitable<Result<Json>> Keeper::closeup() {
  if (!runtime_) co_return fail(trouble_);
  CloseupOf what{.spec = spec_,
                 .health = health_,
                 .last_exit = last_exit_,
                 .last_exit_at = last_exit_at_,
                 .state = trouble_.sentence().empty() ? std::string(text(supervision_.phase())) : "unwatched",
                 .summary = summary()};
  co_return co_await look_closely(std::move(what), *runtime_, machine_);
}

Status Keeper::person_pauses(std::string why, std::optional<Duration> length) {
  pause_why_ = why.empty() ? "a person asked for it" : std::move(why);
  pause_until_ = length ? std::optional(machine_.clock().wall() +
                                        std::chrono::duration_cast<std::chrono::milliseconds>(*length))
                        : std::nullopt;
  carry_out(supervision_.hands_off(now(), pause_why_));
  healer_.pause(true);
  remember();
  return ok();
}

Status Keeper::person_resumes() {
  if (pause_why_.empty()) return fail(GatewayCode::not_supported, "{} is not paused", spec_.name);
  pause_why_.clear();
  pause_until_.reset();
  healer_.pause(false);
  carry_out(supervision_.hands_off(now(), ""));
  remember();
  timer_.cancel();
  return ok();
}

void Keeper::obey_pause() {
  if (pause_why_.empty() || !pause_until_ || machine_.clock().wall() < *pause_until_) return;
  log::info("gateway.resumed", fmt::format("the pause of {} is over", spec_.name), {{"gateway", spec_.name}});
  (void)person_resumes();
}

/// The configuration it is ready with, kept for the night in which somebody breaks it.
void Keeper::keep_good_config() {
  if (supervision_.phase() != Phase::ready || !view_.info) return;
  auto wall = machine_.clock().wall();
  auto age = now().since_boot - view_.info->started;
  auto kept = good_config_.look(machine_.host(),
                                {.config = identity_.config,
                                 .now = wall,
                                 .for_how_long = now() - supervision_.phase_since(),
                                 .began = wall - std::chrono::duration_cast<std::chrono::milliseconds>(age),
                                 .uid = view_.info->uid});
  if (!kept) log::warn("gateway.good_config", kept.error().text(), {{"gateway", spec_.name}});
}

}  // namespace meshops
