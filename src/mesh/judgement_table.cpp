// What speaks against treating a peer: one row for each reason, asked from above; the first that holds is why
// nothing is done. docs/mesh-healing.md shows the same rows.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "mesh/judgement.h"

namespace meshops::mesh {

using namespace std::chrono_literals;

struct Judgement::Row {
  Reason reason;
  bool (*holds)(const Judgement& j, Instant now, const Peer& p);
};

const std::vector<Judgement::Row>& Judgement::table() {
  using J = const Judgement&;
  using P = const Peer&;
  static const std::vector<Row> rows = {
      // Is there a patient?
      {Reason::left, [](J, Instant, P p) { return p.view.gossip == Gossip::left; }},
      {Reason::well, [](J, Instant, P p) { return p.trouble == Trouble::none; }},
      // Do we trust our own eyes?
      {Reason::paused_here, [](J j, Instant, P) { return j.paused_; }},
      {Reason::woke_up, [](J j, Instant now, P) { return now < j.distrust_until_; }},
      {Reason::own_network, [](J j, Instant, P) { return !j.network_good_; }},
      {Reason::minority, [](J j, Instant now, P p) { return !j.sees_majority(now, p); }},
      {Reason::being_treated,
       [](J j, Instant, P) {
         return std::ranges::any_of(j.kept_.claims, [&](const auto& c) { return c.patient == j.self_; });
       }},
      // Does it need us?
      {Reason::patient_paused, [](J j, Instant now, P p) { return j.known_paused(now, p); }},
      {Reason::unconfirmed, [](J j, Instant now, P p) { return !j.confirmed(now, p); }},
      {Reason::only_we_miss_it, [](J j, Instant now, P p) { return j.others_see_it_well(now, p); }},
      {Reason::people_know,
       [](J, Instant, P p) {
         return p.trouble == Trouble::gateways_ill && gateways_of(p.view) == Gateways::given_up;
       }},
      {Reason::own_agent_first, [](J j, Instant now, P p) { return now < j.ripe_at(p); }},
      {Reason::somebody_sees_it, [](J j, Instant now, P p) { return j.somebody_sees_it(now, p); }},
      // Is it ours to do?
      {Reason::not_our_turn,
       [](J j, Instant now, P p) { return p.stage < Stage::leasing && !j.our_turn(now, p); }},
      {Reason::another_heals, [](J j, Instant now, P p) { return j.another_heals(now, p); }},
      {Reason::pause_between, [](J j, Instant now, P p) { return j.rests(now, p); }},
      {Reason::third_witness, [](J j, Instant now, P p) { return !j.most_miss_it(now, p); }},
      // Can and may it be done?
      {Reason::no_reset,
       [](J j, Instant, P p) {
         return p.trouble == Trouble::unreachable &&
                std::ranges::find(j.resettable_, p.name) == j.resettable_.end();
       }},
      {Reason::nothing_to_heal, [](J, Instant, P p) { return p.trouble == Trouble::mute; }},
      {Reason::budget_spent,
       [](J j, Instant now, P p) { return j.lately(now, p.name).size() >= j.limits_.per_hour; }},
      {Reason::storm, [](J j, Instant now, P p) { return j.storm_holds(now, p); }},
      {Reason::brake, [](J j, Instant now, P p) { return j.brake_full(now, p); }},
      {Reason::observe_only, [](J j, Instant, P) { return j.limits_.profile == Profile::observe_only; }},
  };
  return rows;
}

std::string table_markdown() {
  std::string out = "| reason | nothing is done, because |\n|---|---|\n";
  for (const auto& row : Judgement::table())
    out += fmt::format("| `{}` | {} |\n", text(row.reason), sentence(row.reason));
  return out;
}

Reason Judgement::objection(Instant now, const Peer& p) const {
  for (const auto& row : table())
    if (on(row.reason) && row.holds(*this, now, p)) return row.reason;
  return Reason::treats;
}

Reason Judgement::against_acting_about(Instant now, std::string_view peer) const {
  const auto* p = find(peer);
  if (p == nullptr || p->trouble != Trouble::unreachable) return Reason::unconfirmed;
  for (const auto& row : table()) {
    // Whose turn it is matters to who heals, not to whether it is gone.
    if (row.reason == Reason::not_our_turn || row.reason == Reason::another_heals ||
        row.reason == Reason::pause_between)
      continue;
    if (row.holds(*this, now, *p)) return row.reason;
    if (row.reason == Reason::third_witness) break;
  }
  return Reason::well;
}

/// What a witness said, if the question is not too old; nothing else of it counts.
const Testimony* Judgement::fresh(Instant now, const Peer& p, std::size_t witness) const {
  if (witness >= p.said.size() || !p.said[witness]) return nullptr;
  const auto& said = *p.said[witness];
  if (!on(Reason::old_answers)) return &said;
  if (p.round - said.round >= p.asked.size()) return nullptr;
  return now - p.asked[said.round % p.asked.size()] <= limits_.sight_fresh ? &said : nullptr;
}

/// Its watchers ask at once. The others only if none of those is able to heal it, one after the other.
bool Judgement::may_ask(Instant now, const Peer& p) const {
  if (p.place < limits_.watchers || p.cared_for) return true;
  if (p.led_until && now <= *p.led_until) return false;
  return now >= p.since + limits_.takeover * static_cast<int>(p.place - limits_.watchers + 1);
}

/// More than half of those we asked, ourselves included, are in touch with us by any layer. A node whose
/// agent died still counts when its SSH answers: what we fear is a network in two parts.
bool Judgement::sees_majority(Instant now, const Peer& p) const {
  std::size_t in_touch = 1, alive = 1;
  for (auto i : p.panel)
    if (reached(peers_[i].view, now, limits_) || fresh(now, p, i) != nullptr) ++in_touch;
  if (size_ == 2 && outside_misses_it(now, p)) ++in_touch;  // then our own network reaches the world
  if (2 * in_touch <= p.panel.size() + 1) return false;
  if (p.panel.size() + 1 == size_) return true;
  for (const auto& peer : peers_) alive += peer.view.gossip == Gossip::alive ? 1 : 0;
  return 2 * alive > size_;
}

bool Judgement::outside_misses_it(Instant now, const Peer& p) const {
  return p.view.outside && p.view.outside->fresh(now, limits_.grace_unreachable) &&
         p.view.outside->what == Outside::misses_it;
}

bool Judgement::last_said_paused(const Peer& p) const {
  return std::ranges::find(kept_.paused, p.name) != kept_.paused.end();
}

/// What the patient says now is the truth; else the last that we heard, or that one who answers us heard.
bool Judgement::known_paused(Instant now, const Peer& p) const {
  bool told_now = p.view.heard && p.view.heard->fresh(now, limits_.sight_fresh);
  bool found_now = p.view.probed && p.view.probed->fresh(now, limits_.sight_fresh) &&
                   (p.view.probed->what.found || p.view.probed->what.paused);
  if (last_said_paused(p)) return true;
  if (told_now || found_now) return false;
  return std::ranges::any_of(p.panel, [&](std::size_t i) {
    const auto* said = fresh(now, p, i);
    return said != nullptr && said->patient_paused;
  });
}

bool Judgement::confirmed(Instant now, const Peer& p) const {
  if (!p.seen_now || p.trouble == Trouble::silent) return false;
  if (p.trouble != Trouble::gateways_ill) return true;
  // Its word names an ill gateway; that we can do something about it takes a look over SSH.
  const auto& probed = p.view.probed;
  return probed && probed->fresh(now, limits_.sight_fresh) && probed->what.found &&
         (probed->what.found->gateways == Gateways::ill ||
          probed->what.found->gateways == Gateways::given_up);
}

/// Where nothing on the patient tells us itself what is wrong, the eyes of the others count more than ours.
bool Judgement::others_see_it_well(Instant now, const Peer& p) const {
  if (p.trouble != Trouble::unusable) return false;
  std::size_t well = 0, seen = 0;
  for (auto i : p.panel) {
    const auto* said = fresh(now, p, i);
    if (said == nullptr || said->sees == Sees::nothing_yet || i == index(p)) continue;
    ++seen;
    if (said->sees == Sees::well) ++well;
  }
  return well > 0 && 2 * well >= seen;
}

/// One is enough to forbid what is done about a node behind its back.
bool Judgement::somebody_sees_it(Instant now, const Peer& p) const {
  if (p.trouble != Trouble::unreachable) return false;
  if (p.view.outside && p.view.outside->fresh(now, limits_.grace_unreachable) &&
      p.view.outside->what == Outside::sees_it)
    return true;
  return std::ranges::any_of(p.panel, [&](std::size_t i) {
    const auto* said = fresh(now, p, i);
    return said != nullptr && (i == index(p) || said->sees == Sees::well || said->sees == Sees::trouble);
  });
}

/// More than half of the mesh says that it does not reach it. Of two, the third witness is outside.
bool Judgement::most_miss_it(Instant now, const Peer& p) const {
  if (p.trouble != Trouble::unreachable) return true;
  // One that this agent has never heard may be paused, for all it knows: there is nobody else to remember.
  if (size_ == 2) return p.view.heard && outside_misses_it(now, p);
  std::size_t missing = 1;
  for (auto i : p.panel) {
    const auto* said = fresh(now, p, i);
    if (said != nullptr && said->sees == Sees::nobody) ++missing;
  }
  return 2 * missing > p.panel.size() + 1;
}

/// From when on a sibling may act: the patient's own side has had its time.
Instant Judgement::ripe_at(const Peer& p) const {
  switch (p.trouble) {
    case Trouble::none:
    case Trouble::silent:
    case Trouble::agent_dead:
    case Trouble::unusable:
      return p.since + limits_.grace_agent;
    case Trouble::gateways_ill:
      return p.since + (heals_itself(p.view) ? limits_.own_heal_cap : limits_.grace_gateways);
    case Trouble::mute:
    case Trouble::unreachable:
      return p.since + limits_.grace_unreachable;
  }
  return p.since;
}

/// The first in the order goes first; each next one only after another `takeover`. Who cannot heal it is
/// passed.
bool Judgement::our_turn(Instant now, const Peer& p) const {
  int before_us = 0;
  for (std::size_t i = 0; i < p.ahead; ++i) {
    const auto* said = fresh(now, p, p.panel[i]);
    if (said == nullptr) continue;
    if (p.trouble == Trouble::unreachable ? said->sees == Sees::nobody : said->can_heal) ++before_us;
  }
  return now >= ripe_at(p) + limits_.takeover * before_us;
}

std::vector<Claim> Judgement::claims_known(Instant now, const Peer& p) const {
  std::vector<Claim> out;
  auto add = [&](const std::string& patient, const std::string& healer, Duration age) {
    if (age >= limits_.heal_bound || (healer == self_ && patient == p.name)) return;
    bool twice =
        std::ranges::any_of(out, [&](const auto& c) { return c.patient == patient && c.healer == healer; });
    if (!twice) out.push_back({patient, healer, age});
  };
  for (const auto& c : kept_.claims) add(c.patient, c.healer, now - c.at);
  for (auto i : p.panel)
    if (const auto* said = fresh(now, p, i); said != nullptr)
      for (const auto& c : said->claims) add(c.patient, c.healer, c.age);
  // Who claims knows best: what it does not say itself any more is over. An answer to a question that is
  // older than the claim may be older, too.
  std::erase_if(out, [&](const auto& c) {
    const auto* healer = find(c.healer);
    if (healer == nullptr) return false;
    const auto* said = fresh(now, p, index(*healer));
    if (said != nullptr && p.asked[said->round % p.asked.size()] < now - c.age) return false;
    return said != nullptr && said->remembers && std::ranges::none_of(said->claims, [&](const auto& own) {
             return own.healer == c.healer && own.patient == c.patient;
           });
  });
  return out;
}

std::size_t Judgement::other_patients(const std::vector<Claim>& claims, const Peer& p) const {
  std::vector<std::string_view> patients;
  for (const auto& c : claims)
    if (c.patient != p.name && std::ranges::find(patients, c.patient) == patients.end())
      patients.push_back(c.patient);
  return patients.size();
}

bool Judgement::another_heals(Instant now, const Peer& p) const {
  if (p.stage >= Stage::leasing) return false;
  for (const auto& c : claims_known(now, p)) {
    if (c.patient != p.name || c.healer == self_) continue;
    const auto* healer = find(c.healer);
    // One that does not answer itself may be gone; on a patient that is reached, the lease tells.
    // Nor does one that has lost its memory know what it claimed.
    const auto* said = healer == nullptr ? nullptr : fresh(now, p, index(*healer));
    bool answers = said != nullptr && said->remembers;
    if (!answers && p.trouble != Trouble::unreachable && c.age > limits_.lease_term + limits_.takeover)
      continue;
    if (p.stage < Stage::claiming) return true;
    auto ahead = std::span(p.panel).first(p.ahead);
    if (healer != nullptr && std::ranges::find(ahead, index(*healer)) != ahead.end()) return true;
  }
  return false;
}

std::vector<Instant> Judgement::lately(Instant now, std::string_view patient) const {
  std::vector<Instant> out;
  for (const auto& t : kept_.treatments)
    if (t.what.patient == patient && now - t.at < 1h) out.push_back(t.at);
  return out;
}

Duration Judgement::pause_after(std::size_t treatments) const {
  auto pause = limits_.first_pause;
  for (std::size_t i = 1; i < treatments && pause < limits_.longest_pause; ++i) pause *= 2;
  return std::min(pause, limits_.longest_pause);
}

bool Judgement::rests(Instant now, const Peer& p) const {
  if (now < p.rest_until) return true;
  auto done = lately(now, p.name);
  if (done.empty()) return false;
  auto pause = pause_after(done.size());
  if (p.trouble == Trouble::unreachable) pause = std::max(pause, limits_.reset_pause);
  return now < *std::ranges::max_element(done) + pause;
}

std::size_t Judgement::allowed_at_once() const {
  if (storm_ && on(Reason::storm)) return 1;
  return std::max<std::size_t>(1, size_ / limits_.share);
}

bool Judgement::brake_full(Instant now, const Peer& p) const {
  // With a claim laid, read_claims() decides who gives way.
  return p.stage < Stage::claiming && other_patients(claims_known(now, p), p) >= allowed_at_once();
}

bool Judgement::storm_holds(Instant now, const Peer& p) const {
  // Many that nobody reaches are one broken network, and no provider mends that.
  return storm_ && (p.trouble == Trouble::unreachable ||
                    std::ranges::any_of(kept_.treatments,
                                        [&](const auto& t) { return now - t.at < limits_.storm_pause; }));
}

}  // namespace meshops::mesh
