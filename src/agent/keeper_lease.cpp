// The Keeper's part in the lease on its gateway's bot: how the gateway stands, and obeying what was decided.
#include "agent/keeper.h"

namespace meshops {

using mesh::BotLease;
using mesh::Polls;
using Act = BotLease::Verdict::Act;
using Because = BotLease::Verdict::Because;

std::optional<Polls> Keeper::polls() const {
  auto phase = supervision_.phase();
  if (phase == Phase::unseen) return std::nullopt;
  if (has_process(phase)) return Polls::runs;
  if (phase == Phase::stopped || paused()) return Polls::kept_down;
  bool ended = phase == Phase::parked && healer_.state() == heal::Ladder::State::told;
  return ended ? Polls::idle : Polls::wants;
}

Duration Keeper::ends_within() const {
  // A person's pause and observe-only bind the hand that would stop it.
  if (paused() || limits_.profile == Profile::observe_only) return Duration::zero();
  constexpr Duration kKill = std::chrono::seconds(15);
  return adapter_->drain_time() + kKill;
}

void Keeper::obey(const BotLease::Verdict& verdict) {
  lease_ = verdict;
  if (verdict.act == Act::poll) {
    asked_ = false;
    auto why = verdict.took_over ? "takes over from " + spec_.stands_by_for : std::string("its bot is free");
    auto decision = supervision_.free_to_run(now(), std::move(why));
    takes_over_ = verdict.took_over && decision.act == Decision::Act::start;
    return carry_out(std::move(decision));
  }
  auto decision = supervision_.stand_by(now(), sentence(verdict), verdict.act == Act::yield);
  if (decision.act == Decision::Act::stop) healer_.yielded(decision.why);
  carry_out(std::move(decision));
}

/// A stand-by is started by its lease alone; a person may say that it shall be, where only a person's stop of
/// the primary keeps it down.
Status Keeper::ask_lease() {
  if (spec_.stands_by_for.empty() || !lease_ || lease_->act == Act::poll) return ok();
  if (lease_->because != Because::kept_down && lease_->because != Because::announces &&
      lease_->because != Because::nothing)
    return fail(
        error(GatewayCode::not_supported, "{} stands by: {}", spec_.name, sentence(*lease_))
            .hint("stop {} on its own node first (meshops stop), then start this one", spec_.stands_by_for));
  asked_ = true;
  return ok();
}

}  // namespace meshops
