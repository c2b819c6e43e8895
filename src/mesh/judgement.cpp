// Facts: what was heard, found and answered, and what we answer ourselves.
#include "mesh/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mesh/rendezvous.h"

namespace meshops::mesh {

using namespace std::chrono_literals;

std::string_view text(Order order) {
  switch (order) {
    case Order::revive:
      return "revive";
    case Order::reinstall:
      return "reinstall";
    case Order::heal:
      return "heal";
    case Order::fallback:
      return "fallback";
    case Order::reset:
      return "reset";
  }
  return "revive";
}

std::string_view text(Decision::Act act) {
  switch (act) {
    case Decision::Act::nothing:
      return "nothing";
    case Decision::Act::ask:
      return "ask";
    case Decision::Act::probe:
      return "probe";
    case Decision::Act::knock:
      return "knock";
    case Decision::Act::ask_lease:
      return "ask_lease";
    case Decision::Act::treat:
      return "treat";
    case Decision::Act::release:
      return "release";
    case Decision::Act::tell:
      return "tell";
    case Decision::Act::recovered:
      return "recovered";
  }
  return "nothing";
}

std::string_view text(Stage stage) {
  switch (stage) {
    case Stage::idle:
      return "idle";
    case Stage::asking:
      return "asking";
    case Stage::claiming:
      return "claiming";
    case Stage::leasing:
      return "leasing";
    case Stage::treating:
      return "treating";
  }
  return "idle";
}

std::string sentence(const Decision& d) {
  auto who = d.trouble == Trouble::none ? d.peer : fmt::format("{} ({})", d.peer, text(d.trouble));
  switch (d.act) {
    case Decision::Act::nothing:
      return fmt::format("does not treat {}: {}", who, sentence(d.reason));
    case Decision::Act::ask:
      return fmt::format("asks {} about {}", d.witnesses.size() == 1 ? "a witness" : "witnesses", who);
    case Decision::Act::probe:
      return fmt::format("looks at {}", who);
    case Decision::Act::knock:
      return fmt::format("knocks at {}", who);
    case Decision::Act::ask_lease:
      return fmt::format("asks for the lease on {}", who);
    case Decision::Act::treat:
      return fmt::format("treats {}: {}", who, text(d.order));
    case Decision::Act::release:
      return fmt::format("gives the lease on {} back: {}", d.peer, sentence(d.reason));
    case Decision::Act::tell:
      return d.peer.empty() ? std::string(sentence(d.reason))
                            : fmt::format("{} needs a person: {}", who, sentence(d.reason));
    case Decision::Act::recovered:
      return d.peer.empty() ? "the storm is over" : fmt::format("{} is well again", d.peer);
  }
  return {};
}

namespace {
/// Rounds and tickets grow over restarts within a boot, so that an old one is known as such.
std::uint64_t first_round(Instant now) { return static_cast<std::uint64_t>(now.since_boot / 1us); }
}  // namespace

Judgement::Judgement(Setup setup, Instant now)
    : self_(std::move(setup.self)),
      limits_(setup.limits),
      resettable_(std::move(setup.resettable)),
      has_store_(setup.has_store),
      guards_(setup.guards),
      kept_(std::move(setup.kept)),
      began_(now),
      last_tick_(now),
      distrust_until_(now + setup.limits.settle),
      tickets_(first_round(now)) {
  // One that people were told of is not over because this agent began anew.
  storm_ = told(kMesh);
  if (storm_) storm_since_ = storm_seen_ = now;
  if (!setup.remembers) memory_whole_at_ = now + limits_.heal_bound;
  std::vector<std::pair<std::string, Gossip>> members;
  for (auto& name : setup.members) members.emplace_back(std::move(name), Gossip::alive);
  roster(now, members);
  // A treatment of ours ends with its lease; until then others must count it.
  for (auto& claim : kept_.claims)
    if (claim.healer == self_) claim.at = now - limits_.heal_bound + limits_.lease_term;
}

Judgement::Peer* Judgement::find(std::string_view name) {
  auto at = std::ranges::lower_bound(peers_, name, {}, &Peer::name);
  return at != peers_.end() && at->name == name ? &*at : nullptr;
}
const Judgement::Peer* Judgement::find(std::string_view name) const {
  return const_cast<Judgement*>(this)->find(name);
}

void Judgement::roster(Instant now, const std::vector<std::pair<std::string, Gossip>>& members) {
  bool changed = false, reseat = false;
  for (const auto& [name, gossip] : members) {
    if (name == self_) continue;
    auto* p = find(name);
    if (p == nullptr) {
      Peer fresh_peer;
      fresh_peer.name = name;
      fresh_peer.view.since = fresh_peer.since = now;
      fresh_peer.round = first_round(now);
      auto at = std::ranges::lower_bound(peers_, name, {}, &Peer::name);
      p = &*peers_.insert(at, std::move(fresh_peer));
      p->view.gossip = gossip;
      changed = reseat = true;
    } else if (p->view.gossip != gossip) {
      reseat = reseat || gossip == Gossip::left || p->view.gossip == Gossip::left;
      p->view.gossip = gossip;
      changed = true;
    }
  }
  if (!changed) return;
  if (reseat)
    for (auto& p : peers_) p.said.clear();  // indexes may have moved
  recount();
  for (auto& p : peers_)
    if (!looked_at(now, p)) p.view.since = now;
}

/// Who watches whom, among those that the roster does not call gone. Whoever comes behind a whole panel need
/// not know how far: in a mesh of thousands that would cost a second at each change.
void Judgement::recount() {
  size_ = 1;
  for (const auto& p : peers_) size_ += p.view.gossip == Gossip::left ? 0 : 1;
  for (auto& p : peers_) {
    auto ours = weight(p.name, self_);
    p.place = 0;
    for (const auto& other : peers_) {
      if (&other == &p || other.view.gossip != Gossip::alive) continue;
      auto theirs = weight(p.name, other.name);
      bool before_us = theirs > ours || (theirs == ours && other.name < self_);
      if (before_us && ++p.place >= limits_.panel) break;
    }
    p.watched = p.place < limits_.watchers && p.view.gossip != Gossip::left;
  }
}

void Judgement::heard(std::string_view peer, Instant asked, const Word& word) {
  auto* p = find(peer);
  if (p == nullptr || (p->view.heard && p->view.heard->asked > asked)) return;
  hear(p->view, asked, word);
  note_pause(*p);
}

void Judgement::probed(std::string_view peer, Instant asked, const Probe& probe) {
  auto* p = find(peer);
  if (p == nullptr || (p->view.probed && p->view.probed->asked > asked)) return;
  p->view.probed = {asked, probe};
  note_pause(*p);
}

void Judgement::knocked(std::string_view peer, Instant asked, bool ssh) {
  auto* p = find(peer);
  if (p == nullptr || (p->view.knocked && p->view.knocked->asked > asked)) return;
  p->view.knocked = {asked, ssh};
}

/// Kept, because a peer that is not reached any more cannot say it again, and we may have begun anew
/// meanwhile. Only what we heard ourselves: what a witness says counts as long as it says it.
void Judgement::note_pause(const Peer& p) {
  if (paused(p.view) == last_said_paused(p)) return;
  // A dead agent's last word is older than what we remember, or may be.
  if (!paused(p.view) && !speaks_for_itself(p.view, limits_)) return;
  if (paused(p.view))
    kept_.paused.push_back(p.name);
  else
    std::erase(kept_.paused, p.name);
}

bool Judgement::told(std::string_view about) const {
  return std::ranges::find(kept_.told, about) != kept_.told.end();
}
void Judgement::drop_told(std::string_view about) { std::erase(kept_.told, about); }

void Judgement::outside(std::string_view peer, Instant asked, Outside says) {
  auto* p = find(peer);
  if (p == nullptr || (p->view.outside && p->view.outside->asked > asked)) return;
  p->view.outside = {asked, says};
}

void Judgement::paused_outside(std::string_view peer, Instant written) {
  auto* p = find(peer);
  if (p == nullptr || last_said_paused(*p) || written <= last_own_word(p->view)) return;
  kept_.paused.push_back(p->name);
}

void Judgement::care_for(Instant now, const std::vector<std::string>& peers) {
  for (auto& p : peers_) {
    bool cared_for = std::ranges::find(peers, p.name) != peers.end();
    if (cared_for && !looked_at(now, p)) p.view.since = now;
    p.cared_for = cared_for;
  }
}

void Judgement::testified(const Testimony& testimony) {
  auto* p = find(testimony.patient);
  auto* witness = find(testimony.witness);
  if (p == nullptr || witness == nullptr || p->said.empty()) return;
  if (testimony.round > p->round) return;  // of a question that we did not ask
  auto& seat = p->said[static_cast<std::size_t>(witness - peers_.data())];
  if (seat && seat->round > testimony.round) return;
  seat = testimony;
  if (testimony.told && p->trouble != Trouble::none &&
      std::ranges::find(p->tellers, testimony.witness) == p->tellers.end())
    p->tellers.push_back(testimony.witness);
  told_elsewhere_ = storm_ && (told_elsewhere_ || testimony.storm_told);
}

/// `by_healer`: its own word. Others could say of a treatment that it ended long ago, also before it began:
/// then it would be forgotten at once, and the budget with it. So nobody makes it older, and its healer alone
/// makes it younger: an age that everybody passes on would be renewed by that.
void Judgement::note(const Treatment& treatment, Instant now, bool by_healer) {
  // Of members only, and never of the future: what a liar can make us remember is bounded.
  if (find(treatment.patient) == nullptr && treatment.patient != self_) return;
  if (find(treatment.healer) == nullptr && treatment.healer != self_) return;
  if (treatment.age < Duration::zero() || treatment.age >= 1h) return;
  auto at = now - treatment.age;
  for (auto& known : kept_.treatments)
    if (known.what.number == treatment.number && known.what.healer == treatment.healer &&
        known.what.patient == treatment.patient) {
      bool ends = treatment.over && !known.what.over;
      bool corrects = by_healer && at - known.at > limits_.sight_fresh;
      if (at > known.at && (ends || corrects)) known.at = at;
      known.what.over = known.what.over || treatment.over;
      // The healer knows it first, then who heard of it from the healer.
      known.what.helped = known.what.helped || treatment.helped;
      return;
    }
  constexpr std::size_t kMostOfAPatient = 6;  // twice any budget
  auto of_it = [&](const auto& t) { return t.what.patient == treatment.patient; };
  if (std::cmp_greater_equal(std::ranges::count_if(kept_.treatments, of_it), kMostOfAPatient)) return;
  kept_.treatments.push_back({treatment, at});
}

void Judgement::forget(Instant now) {
  std::erase_if(kept_.treatments, [now](const auto& t) { return now - t.at >= 1h; });
  std::erase_if(kept_.claims, [this, now](const auto& c) { return now - c.at >= limits_.heal_bound; });
  // Who left did so because a person wanted it.
  std::erase_if(kept_.told, [this](const std::string& name) {
    const auto* p = find(name);
    return name != kMesh && (p == nullptr || p->view.gossip == Gossip::left);
  });
  if (memory_whole_at_ && now >= *memory_whole_at_) memory_whole_at_.reset();
}

Testimony Judgement::asked(Instant now, const Question& question) {
  Testimony out{.witness = self_, .patient = question.patient, .round = question.round};
  // Claims first: they hold for any patient, also one that we do not know yet.
  auto known = std::ranges::find_if(kept_.claims, [&](const auto& c) {
    return c.patient == question.patient && c.healer == question.asker;
  });
  if (const auto& t = question.treated; t && t->healer == question.asker && t->patient == question.patient)
    note(*t, now, true);
  // A question that was overtaken on its way says nothing any more.
  bool overtaken = known != kept_.claims.end() && known->round > question.round &&
                   now - known->at < 2 * limits_.sight_fresh;
  // What it has forgotten may go on all the same: the treatment does not end with its healer's memory.
  bool forgotten = !question.claim && !question.remembers;
  if (!overtaken && !forgotten) {
    if (known != kept_.claims.end()) kept_.claims.erase(known);
    // From members about members only: what others can make us remember is bounded.
    if (question.claim && find(question.asker) != nullptr &&
        (question.patient == self_ || find(question.patient) != nullptr))
      kept_.claims.push_back({question.patient, question.asker, question.round, now});
  }
  out.remembers = !memory_whole_at_;
  out.told = told(question.patient);
  out.storm_told = storm_ && (told(kMesh) || told_elsewhere_);
  for (const auto& claim : kept_.claims)
    if (claim.healer != question.asker || claim.patient != question.patient)
      out.claims.push_back({claim.patient, claim.healer, now - claim.at});
  for (const auto& t : kept_.treatments) {
    auto told = t.what;
    told.age = now - t.at;
    out.treatments.push_back(std::move(told));
  }
  bool trusted = trusts_itself(now);
  for (const auto& p : peers_) {
    if (p.trouble != Trouble::none && trusted) out.in_trouble.push_back(p.name);
  }
  auto* p = find(question.patient);
  if (p == nullptr) return out;
  if (!looked_at(now, *p)) p->view.since = now;
  p->curious_until = now + 5 * limits_.ask_every;
  if (question.able && weight(p->name, question.asker) > weight(p->name, self_))
    p->led_until = now + 2 * limits_.sight_fresh;
  out.sees = mesh::sees(p->view, now, limits_);
  out.patient_paused = last_said_paused(*p);
  const auto& probed = p->view.probed;
  out.can_heal = trusted && limits_.profile != Profile::observe_only && probed &&
                 probed->fresh(now, limits_.sight_fresh) && probed->what.ssh;
  return out;
}

void Judgement::lease_granted(Instant now, std::string_view patient, std::uint64_t ticket,
                              std::uint64_t fence, const std::vector<Treatment>& history) {
  auto* p = find(patient);
  if (p == nullptr) return;
  for (const auto& t : history) note(t, now, false);
  if (p->stage != Stage::leasing || p->ticket != ticket) {
    owed_.push_back({.act = Decision::Act::release,
                     .peer = p->name,
                     .reason = Reason::lease_refused,
                     .ticket = ticket,
                     .fence = fence});
    return;
  }
  p->refused_since.reset();
  p->fence = fence;
}

void Judgement::lease_refused(Instant now, std::string_view patient, std::uint64_t ticket) {
  auto* p = find(patient);
  if (p == nullptr || p->stage != Stage::leasing || p->ticket != ticket) return;
  end(now, *p, Reason::lease_refused, limits_.lease_wait);
}

void Judgement::lease_lost(Instant now, std::string_view patient, std::uint64_t ticket) {
  auto* p = find(patient);
  if (p == nullptr || p->stage < Stage::leasing || p->ticket != ticket) return;
  if (p->stage == Stage::treating) p->since = now;
  end(now, *p, Reason::lease_lost, limits_.first_pause);
}

void Judgement::treated(Instant now, std::string_view patient, std::uint64_t ticket, Verdict verdict) {
  auto* p = find(patient);
  if (p == nullptr || p->stage != Stage::treating || p->ticket != ticket) return;
  bool helped = verdict == Verdict::helped;
  note({.patient = p->name, .healer = self_, .number = ticket, .over = true}, now, true);
  p->since = now;  // whatever it is from now on: its own side goes first again
  auto rest = helped ? limits_.takeover : pause_after(lately(now, p->name).size());
  end(now, *p, helped ? Reason::helped : Reason::no_help, rest);
}

bool Judgement::looked_at(Instant now, const Peer& p) const {
  return p.watched || p.cared_for || (p.curious_until && now <= *p.curious_until) || p.stage != Stage::idle ||
         told(p.name);
}

std::vector<std::string> Judgement::watches(Instant now) const {
  std::vector<std::string> out;
  for (const auto& p : peers_)
    if (looked_at(now, p)) out.push_back(p.name);
  return out;
}

std::vector<Judgement::Standing> Judgement::standings() const {
  std::vector<Standing> out;
  for (const auto& p : peers_) out.push_back({p.name, p.trouble, p.stage, p.reason});
  return out;
}

bool Judgement::idle(Instant now) const {
  if (storm_ || now < distrust_until_) return false;
  return std::ranges::all_of(peers_, [this, now](const Peer& p) {
    return p.trouble == Trouble::none && p.stage == Stage::idle && !told(p.name) &&
           (!p.curious_until || now > *p.curious_until);
  });
}

const PeerView* Judgement::view(std::string_view peer) const {
  const auto* p = find(peer);
  return p == nullptr ? nullptr : &p->view;
}

}  // namespace meshops::mesh
