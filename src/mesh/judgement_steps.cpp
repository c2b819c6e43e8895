// What is done next: ask and probe, claim, read the others' claims, lease, treat; and the weather of the
// whole mesh.
#include <algorithm>
#include <utility>

#include "mesh/judgement.h"
#include "mesh/rendezvous.h"

namespace meshops::mesh {

using namespace std::chrono_literals;
using Act = Decision::Act;

Decisions Judgement::decide(Instant now) {
  if (now - last_tick_ > limits_.stall && on(Reason::woke_up)) wake(now);
  last_tick_ = now;
  forget(now);
  Decisions out = std::exchange(owed_, {});
  for (auto& p : peers_) look(now, p);
  weather(now, out);
  for (auto& p : peers_) step(now, p, out);
  return out;
}

/// We were stopped, or starved: others' silence meanwhile was ours.
void Judgement::wake(Instant now) {
  distrust_until_ = now + limits_.settle;
  for (auto& p : peers_) {
    p.view.since = now;
    p.since = now;  // it may have been well meanwhile: its own side gets its time anew
    p.refused_since.reset();
    p.view.probed.reset();
    p.view.knocked.reset();
    for (auto& said : p.said) said.reset();
  }
}

void Judgement::look(Instant now, Peer& p) {
  bool looks = looked_at(now, p);
  bool gone = p.view.gossip == Gossip::left && on(Reason::left);
  auto trouble = looks && !gone ? trouble_of(p.view, now, limits_) : Trouble::none;
  p.seen_now = trouble != Trouble::silent;
  if (trouble == Trouble::silent && p.trouble != Trouble::none) return;  // as it was, until the next look
  if (trouble == p.trouble) return;
  p.trouble = trouble;
  p.since = now;
  if (trouble == Trouble::none) {
    p.refused_since.reset();
    p.must_tell_since.reset();
    p.tellers.clear();
  }
  // Its service manager has had the time since its agent was gone: one heartbeat, at most, is between a
  // question and its answer.
  bool says_so = p.view.gone_since && p.view.heard->fresh(now, limits_.suspect_after);
  if (trouble == Trouble::agent_dead && says_so)
    p.since = std::min(now, *p.view.gone_since + limits_.heartbeat);
}

/// What our treatment did is seen afterwards, not told by its own end.
void Judgement::credit(Instant now, const Peer& p) {
  for (auto& t : kept_.treatments)
    if (t.what.patient == p.name && t.what.healer == self_ && t.what.over && now - t.at < limits_.first_pause)
      t.what.helped = true;
}

/// Whom to ask: the first in the order of its healers, and it itself.
void Judgement::seat(Peer& p) {
  if (!p.said.empty()) return;
  p.said.resize(peers_.size());
  p.panel.clear();
  auto ours = weight(p.name, self_);
  std::vector<std::pair<std::uint64_t, std::size_t>> weighed;
  for (const auto& other : peers_)
    if (&other != &p && other.view.gossip != Gossip::left)
      weighed.emplace_back(weight(p.name, other.name), index(other));
  std::ranges::sort(weighed, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (weighed.size() > limits_.panel) weighed.resize(limits_.panel);
  p.ahead = 0;
  for (const auto& [theirs, i] : weighed) {
    if (theirs > ours || (theirs == ours && peers_[i].name < self_)) ++p.ahead;
    p.panel.push_back(i);
  }
  p.panel.push_back(index(p));
}

void Judgement::step(Instant now, Peer& p, Decisions& out) {
  if (p.stage == Stage::treating) {
    if (now - p.treated_at <= limits_.heal_bound + limits_.lease_wait) return;
    end(now, p, Reason::lease_lost, pause_after(lately(now, p.name).size()));
  }
  if (p.trouble == Trouble::none) {
    if (sees(p.view, now, limits_) == Sees::well) credit(now, p);
    if (p.stage != Stage::idle) retreat(now, p, Reason::well, out);
    p.stage = Stage::idle;
    p.reason = objection(now, p);
    p.recorded.reset();
    if (told(p.name) && now - p.since >= limits_.settle && sees(p.view, now, limits_) == Sees::well) {
      drop_told(p.name);
      out.push_back({.act = Act::recovered, .peer = p.name});
    }
    if (p.curious_until && now <= *p.curious_until && !p.watched) probe(now, p, out);
    return;
  }
  probe(now, p, out);
  if (on(Reason::not_our_turn) && !may_ask(now, p)) return record(now, p, Reason::not_our_turn, out);
  seat(p);
  if (p.stage == Stage::idle) p.stage = Stage::asking;
  if (!p.last_asked || now - *p.last_asked >= limits_.ask_every) ask(now, p, out);

  auto why = objection(now, p);
  if (why != Reason::treats) {
    if (p.stage >= Stage::claiming) retreat(now, p, why, out);
    return record(now, p, why, out);
  }
  switch (p.stage) {
    case Stage::idle:
    case Stage::asking:
      return claim(now, p, out);
    case Stage::claiming:
      return read_claims(now, p, out);
    case Stage::leasing:
      if (p.fence) return treat(now, p, out);
      p.reason = Reason::asks_lease;
      if (now - p.lease_asked > limits_.lease_wait) {
        end(now, p, Reason::lease_refused, limits_.lease_wait);
        record(now, p, Reason::lease_refused, out);
      }
      return;
    case Stage::treating:
      return;
  }
}

/// Its first healers look at it over SSH. Who comes far behind them listens, and knocks if there is nothing
/// to hear: forty logins in two seconds would be the end of a machine in trouble.
Judgement::Look Judgement::look_due(Instant now, const Peer& p) const {
  bool in_trouble = p.trouble != Trouble::none;
  if (p.place < limits_.lookers || p.cared_for || p.stage != Stage::idle) return Look::over_ssh;
  if (in_trouble && may_ask(now, p)) return Look::over_ssh;
  bool heard = p.view.heard && p.view.heard->fresh(now, limits_.suspect_after);
  bool needed = p.needed_until && now <= *p.needed_until;
  if (heard && (!needed || well(p.view.heard->what, limits_))) return Look::none;
  // Is it only its agent that does not answer our questions?
  if (needed && (heard || answers_ssh(p.view, now, limits_).value_or(false))) return Look::over_ssh;
  return in_trouble ? Look::knock : Look::none;
}

void Judgement::probe(Instant now, Peer& p, Decisions& out) {
  // Who was starved itself looks at nobody: where many machines share one, looking is what starves them all.
  if (now < distrust_until_ && on(Reason::woke_up)) return;
  if (p.last_probed && now - *p.last_probed < limits_.ask_every) return;
  auto look = look_due(now, p);
  if (look == Look::none) return;
  p.last_probed = now;
  auto act = look == Look::knock ? Act::knock : Act::probe;
  out.push_back({.act = act, .peer = p.name, .reason = Reason::suspects, .trouble = p.trouble});
}

void Judgement::ask(Instant now, Peer& p, Decisions& out) {
  seat(p);
  // Before they could answer once, their silence says nothing of them.
  bool first = !p.last_asked || now - *p.last_asked > limits_.sight_fresh;
  p.last_asked = now;
  ++p.round;
  p.asked[p.round % p.asked.size()] = now;
  Decision question{.act = Act::ask, .peer = p.name, .reason = Reason::suspects, .trouble = p.trouble};
  bool reaches = p.view.probed && p.view.probed->fresh(now, limits_.sight_fresh) && p.view.probed->what.ssh;
  bool able = trusts_itself(now) && limits_.profile != Profile::observe_only &&
              (reaches || p.trouble == Trouble::unreachable);
  question.question = {.asker = self_,
                       .patient = p.name,
                       .round = p.round,
                       .claim = p.stage >= Stage::claiming,
                       .able = able,
                       .remembers = !memory_whole_at_};
  for (const auto& t : kept_.treatments)
    if (t.what.healer == self_ && t.what.patient == p.name) {
      question.question.treated = t.what;
      question.question.treated->age = now - t.at;
    }
  for (auto i : p.panel) {
    auto& witness = peers_[i];
    question.witnesses.push_back(witness.name);
    if (witness.watched || i == index(p) || fresh(now, p, i) != nullptr || first) continue;
    // Is it its agent, or the network between us? Then we must look ourselves.
    if (!looked_at(now, witness)) witness.view.since = now;
    witness.curious_until = witness.needed_until = now + 2 * limits_.sight_fresh;
  }
  out.push_back(std::move(question));
  for (auto i : p.panel)
    if (const auto* said = fresh(now, p, i); said != nullptr)
      for (const auto& t : said->treatments) note(t, now, t.healer == said->witness);
}

void Judgement::claim(Instant now, Peer& p, Decisions& out) {
  p.stage = Stage::claiming;
  p.reason = Reason::claims;
  p.claimed_at = now;
  p.read_from = 0;
  kept_.claims.push_back({p.name, self_, 0, now});
  ask(now, p, out);
  p.claim_round = p.round;
}

/// Most know of it: those who answered since that question, and those who cannot heal anybody.
bool Judgement::known_to_most(Instant now, const Peer& p, std::uint64_t since_round) const {
  std::size_t know = 1;
  for (auto i : p.panel) {
    const auto* said = fresh(now, p, i);
    const auto& probed = peers_[i].view.probed;
    bool no_healer = probed && probed->fresh(now, limits_.sight_fresh) && probed->what.ssh &&
                     (!probed->what.found || !probed->what.found->agent_runs);
    if ((said != nullptr && said->round >= since_round && said->remembers) || no_healer) ++know;
  }
  if (size_ == 2 && outside_misses_it(now, p)) ++know;
  return 2 * know > p.panel.size() + 1;
}

/// Two who claim at the same time may not have heard of each other yet. Each reads the claims only after its
/// own is known to most; so the later of the two sees the earlier one.
void Judgement::read_claims(Instant now, Peer& p, Decisions& out) {
  p.reason = Reason::claims;
  if (on(Reason::read_after_claim)) {
    if (p.read_from == 0 && known_to_most(now, p, p.claim_round)) {
      p.read_from = p.round + 1;
      ask(now, p, out);
    }
    bool read = p.read_from != 0 && known_to_most(now, p, p.read_from);
    auto claims = claims_known(now, p);
    bool alone = std::ranges::none_of(claims, [&](const auto& c) { return c.patient == p.name; });
    bool room = !on(Reason::brake) || other_patients(claims, p) < allowed_at_once();
    if (!read || (!alone && on(Reason::another_heals)) || !room) {
      // Of two patients that wait for each other, the first by name stays, the other is claimed again later.
      bool first = std::ranges::none_of(claims, [&](const auto& c) { return c.patient < p.name; });
      auto patience = read && !room && !first ? 0s : limits_.takeover;
      if (now - p.claimed_at < patience) return;
      retreat(now, p, Reason::brake, out);
      return record(now, p, Reason::brake, out);
    }
  }
  p.ticket = ++tickets_;
  p.fence.reset();
  p.stage = Stage::leasing;
  p.lease_asked = now;
  if ((p.trouble == Trouble::unreachable && !has_store_) || !on(Reason::lease_first)) {
    p.fence = 0;
    return treat(now, p, out);
  }
  out.push_back({.act = Act::ask_lease,
                 .peer = p.name,
                 .reason = Reason::asks_lease,
                 .trouble = p.trouble,
                 .order = order_for(now, p),
                 .ticket = p.ticket});
}

/// From gentle to drastic, over all healers: each treatment of the last hour moves one on. One that helped
/// is forgiven; when the same trouble comes a third time it is no accident.
Order Judgement::order_for(Instant now, const Peer& p) const {
  auto tried = lately(now, p.name).size();
  bool helped = std::ranges::any_of(kept_.treatments, [&](const auto& t) {
    return t.what.patient == p.name && t.what.helped && now - t.at < 1h;
  });
  if (helped) --tried;
  auto pick = [tried](std::initializer_list<Order> ladder) {
    return *(ladder.begin() + tried % ladder.size());
  };
  switch (p.trouble) {
    case Trouble::gateways_ill:
      return Order::heal;
    case Trouble::unusable:
      return pick({Order::reinstall, Order::fallback});
    case Trouble::unreachable:
      return Order::reset;
    default:
      return gateways_of(p.view) == Gateways::ill ? pick({Order::revive, Order::heal, Order::reinstall})
                                                  : pick({Order::revive, Order::reinstall});
  }
}

void Judgement::treat(Instant now, Peer& p, Decisions& out) {
  p.stage = Stage::treating;
  p.reason = Reason::treats;
  p.treated_at = now;
  out.push_back({.act = Act::treat,
                 .peer = p.name,
                 .reason = Reason::treats,
                 .trouble = p.trouble,
                 .order = order_for(now, p),
                 .ticket = p.ticket,
                 .fence = p.fence.value_or(0)});
  // Whatever others have said of a treatment that had not begun.
  std::erase_if(kept_.treatments, [&](const auto& t) {
    return t.what.number == p.ticket && t.what.healer == self_ && t.what.patient == p.name;
  });
  note({.patient = p.name, .healer = self_, .number = p.ticket}, now, true);
}

void Judgement::drop_own_claim(const Peer& p) {
  std::erase_if(kept_.claims, [&](const auto& c) { return c.patient == p.name && c.healer == self_; });
}

void Judgement::retreat(Instant now, Peer& p, Reason why, Decisions& out) {
  bool claimed = p.stage >= Stage::claiming;
  bool leased = p.stage >= Stage::leasing;
  p.stage = Stage::asking;
  p.fence.reset();
  drop_own_claim(p);
  // Not at once again, and not at the same time as another that gave way.
  if (claimed) p.rest_until = now + limits_.ask_every + 1ms * static_cast<int>(weight(p.name, self_) % 4000);
  if (leased)
    out.push_back(
        {.act = Act::release, .peer = p.name, .reason = why, .trouble = p.trouble, .ticket = p.ticket});
  if (claimed || why == Reason::well) ask(now, p, out);  // this withdraws the claim
}

/// A treatment, or the wait for a lease, is over.
void Judgement::end(Instant now, Peer& p, Reason why, Duration rest) {
  owed_.push_back({.act = Act::release,
                   .peer = p.name,
                   .reason = why,
                   .trouble = p.trouble,
                   .ticket = p.ticket,
                   .fence = p.fence.value_or(0)});
  p.stage = Stage::asking;
  p.reason = why;
  if (why == Reason::lease_refused && !p.refused_since) p.refused_since = now;
  p.fence.reset();
  p.rest_until = now + rest;
  p.last_asked.reset();
  p.last_probed.reset();
  // What was seen before the treatment says nothing about after it.
  p.view.probed.reset();
  p.view.knocked.reset();
  drop_own_claim(p);
}

/// Why nothing is done, once it is so in two judgements in a row; and whether people must know of it.
void Judgement::record(Instant now, Peer& p, Reason why, Decisions& out) {
  bool steady = p.reason == why;
  p.reason = why;
  if (steady && p.recorded != why) {
    p.recorded = why;
    out.push_back({.act = Act::nothing, .peer = p.name, .reason = why, .trouble = p.trouble});
  }
  bool ends_here =
      why == Reason::budget_spent || (why == Reason::no_reset && !storm_) || why == Reason::nothing_to_heal;
  // In a storm people are told once of all of them: many that nobody reaches are one broken network.
  bool stuck = !storm_ &&
               (why == Reason::third_witness || why == Reason::somebody_sees_it ||
                why == Reason::unconfirmed || why == Reason::only_we_miss_it || why == Reason::minority) &&
               now >= p.since + limits_.grace_unreachable;
  // Another's treatment ends sooner than this: it gives its lease to nobody, for want of a disk to write on.
  bool shut = p.refused_since && now - *p.refused_since > limits_.heal_bound + limits_.lease_term;
  // What is so for a moment only, between a treatment and the next look, is no news.
  bool must_know = shut || (steady && (ends_here || stuck));
  if (told(p.name) || !must_know) return;
  if (!p.must_tell_since) p.must_tell_since = now;
  // One who says that people know may lie, or has told them in vain; two have not.
  if (p.tellers.size() > 1) return;
  if (!our_turn_to_tell(now, p.name, *p.must_tell_since + (p.tellers.empty() ? 0s : 1h))) return;
  kept_.told.push_back(p.name);
  auto reason = shut ? Reason::lease_refused : why;
  out.push_back({.act = Act::tell, .peer = p.name, .reason = reason, .trouble = p.trouble});
}

/// Of those whose agents we hear, and us, one tells people: the first, or whoever comes next if that one does
/// not see what is to be told.
bool Judgement::our_turn_to_tell(Instant now, std::string_view about, Instant since) const {
  auto ours = weight(about, self_);
  auto goes_before = [&](const Peer& other) {
    if (other.name == about || weight(about, other.name) <= ours || !other.view.heard) return false;
    const auto& word = *other.view.heard;
    return word.fresh(now, limits_.sight_fresh) && word.what.agent_age <= limits_.agent_stale;
  };
  return now - since >= std::ranges::count_if(peers_, goes_before) * limits_.tell_next;
}

/// Nodes in trouble: those we see so for longer than a hiccup, and those that two others do.
std::size_t Judgement::in_trouble(Instant now) const {
  std::vector<unsigned> named(peers_.size());
  bool heard_witnesses = false;
  for (const auto& p : peers_) {
    if (p.trouble == Trouble::none) continue;
    if (now - p.since >= limits_.suspect_after) named[index(p)] = 2;
    // What a witness says about one patient it says about all: each is counted once.
    if (p.stage == Stage::idle || std::exchange(heard_witnesses, true)) continue;
    for (auto i : p.panel)
      if (const auto* said = fresh(now, p, i); said != nullptr)
        for (const auto& name : said->in_trouble)
          if (const auto* other = find(name); other != nullptr && named[index(*other)] < 2)
            ++named[index(*other)];
  }
  return static_cast<std::size_t>(std::ranges::count_if(named, [](unsigned n) { return n >= 2; }));
}

void Judgement::weather(Instant now, Decisions& out) {
  bool many = now >= distrust_until_ && in_trouble(now) > std::max<std::size_t>(1, size_ / limits_.share);
  if (many) {
    storm_seen_ = now;
    if (!std::exchange(storm_, true)) storm_since_ = now;
  }
  if (!storm_) return;
  if (now - storm_seen_ > limits_.storm_cooldown) {
    storm_ = told_elsewhere_ = false;
    if (told(kMesh)) out.push_back({.act = Act::recovered, .reason = Reason::storm});
    return drop_told(kMesh);
  }
  if (!many || told(kMesh) || told_elsewhere_) return;
  if (!our_turn_to_tell(now, kMesh, storm_since_ + limits_.storm_tell)) return;
  kept_.told.emplace_back(kMesh);
  out.push_back({.act = Act::tell, .reason = Reason::storm});
}

}  // namespace meshops::mesh
