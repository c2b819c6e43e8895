#include "mesh/view.h"

#include <algorithm>

namespace meshops::mesh {

std::string_view text(Gateways gateways) {
  switch (gateways) {
    case Gateways::unknown:
      return "unknown";
    case Gateways::well:
      return "well";
    case Gateways::ill:
      return "ill";
    case Gateways::given_up:
      return "ill, people were told";
  }
  return "unknown";
}

std::string_view text(Sees sees) {
  switch (sees) {
    case Sees::nothing_yet:
      return "has not looked yet";
    case Sees::well:
      return "sees it well";
    case Sees::trouble:
      return "sees trouble";
    case Sees::nobody:
      return "does not reach it";
  }
  return "has not looked yet";
}

std::string_view text(Gossip gossip) {
  switch (gossip) {
    case Gossip::alive:
      return "alive";
    case Gossip::failed:
      return "failed";
    case Gossip::left:
      return "left";
  }
  return "alive";
}

std::string_view text(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::silent:
      return "is silent";
    case Trouble::mute:
      return "does not answer on the mesh port, though its agent runs";
    case Trouble::agent_dead:
      return "has no running agent";
    case Trouble::gateways_ill:
      return "has an ill gateway";
    case Trouble::unusable:
      return "answers SSH, but meshops there does not";
    case Trouble::unreachable:
      return "is not reached at all";
  }
  return "none";
}

std::string_view name(Trouble trouble) {
  switch (trouble) {
    case Trouble::none:
      return "none";
    case Trouble::silent:
      return "silent";
    case Trouble::mute:
      return "mute";
    case Trouble::agent_dead:
      return "agent_dead";
    case Trouble::gateways_ill:
      return "gateways_ill";
    case Trouble::unusable:
      return "unusable";
    case Trouble::unreachable:
      return "unreachable";
  }
  return "none";
}

namespace {
const Word* fresh_word(const PeerView& view, Instant now, const MeshLimits& limits) {
  return view.heard && view.heard->fresh(now, limits.suspect_after) ? &view.heard->what : nullptr;
}
const Probe* fresh_probe(const PeerView& view, Instant now, const MeshLimits& limits) {
  return view.probed && view.probed->fresh(now, limits.sight_fresh) ? &view.probed->what : nullptr;
}
bool knock_counts(const PeerView& view, Instant now, const MeshLimits& limits) {
  return view.knocked && view.knocked->fresh(now, limits.sight_fresh);
}
/// What was found on it, if that is newer than what it said; and a word is as old as the agent's own part in
/// it.
const Found* newest_is_found(const PeerView& view) {
  if (!view.probed || !view.probed->what.found) return nullptr;
  if (view.heard && view.heard->asked - view.heard->what.agent_age > view.probed->asked) return nullptr;
  return &*view.probed->what.found;
}
/// The same of a pause, which can be told where meshops does not run.
std::optional<bool> newest_found_pause(const PeerView& view) {
  if (const auto* found = newest_is_found(view)) return found->paused;
  if (!view.probed || view.probed->what.found) return std::nullopt;
  if (view.heard && view.heard->asked - view.heard->what.agent_age > view.probed->asked) return std::nullopt;
  return view.probed->what.paused;
}
bool is_ill(Gateways gateways) { return gateways == Gateways::ill || gateways == Gateways::given_up; }
bool has_agent(const Word& word, const MeshLimits& limits) {
  return word.agent_age <= (word.agent_gone ? limits.agent_gone : limits.agent_stale);
}
}  // namespace

bool well(const Word& word, const MeshLimits& limits) {
  return has_agent(word, limits) && !is_ill(word.gateways);
}

Trouble trouble_of(const PeerView& view, Instant now, const MeshLimits& limits) {
  const auto* word = fresh_word(view, now, limits);
  if (word != nullptr && has_agent(*word, limits))
    return is_ill(word->gateways) ? Trouble::gateways_ill : Trouble::none;
  if (word == nullptr && now - view.since <= limits.suspect_after) return Trouble::none;
  auto ssh = answers_ssh(view, now, limits);
  if (!ssh) return Trouble::silent;
  if (!*ssh) return word != nullptr ? Trouble::silent : Trouble::unreachable;
  const auto* probe = fresh_probe(view, now, limits);
  if (probe == nullptr || !probe->ssh) return Trouble::silent;
  if (!probe->found) return Trouble::unusable;
  if (!probe->found->agent_runs) return Trouble::agent_dead;
  return is_ill(probe->found->gateways) ? Trouble::gateways_ill : Trouble::mute;
}

Sees sees(const PeerView& view, Instant now, const MeshLimits& limits) {
  switch (trouble_of(view, now, limits)) {
    case Trouble::none:
      return fresh_word(view, now, limits) != nullptr ? Sees::well : Sees::nothing_yet;
    case Trouble::silent:
      return fresh_word(view, now, limits) != nullptr || answers_ssh(view, now, limits).value_or(false)
                 ? Sees::trouble
                 : Sees::nothing_yet;
    case Trouble::unreachable:
      return Sees::nobody;
    case Trouble::mute:
      return Sees::well;
    case Trouble::agent_dead:
    case Trouble::gateways_ill:
    case Trouble::unusable:
      return Sees::trouble;
  }
  return Sees::nothing_yet;
}

std::optional<bool> answers_ssh(const PeerView& view, Instant now, const MeshLimits& limits) {
  const auto* probe = fresh_probe(view, now, limits);
  bool knock = knock_counts(view, now, limits);
  if (knock && (probe == nullptr || view.knocked->asked > view.probed->asked)) return view.knocked->what;
  if (probe == nullptr) return std::nullopt;
  return probe->ssh;
}

bool reached(const PeerView& view, Instant now, const MeshLimits& limits) {
  if (view.heard && view.heard->fresh(now, limits.sight_fresh)) return true;
  return answers_ssh(view, now, limits).value_or(false);
}

Gateways gateways_of(const PeerView& view) {
  if (const auto* found = newest_is_found(view)) return found->gateways;
  return view.heard ? view.heard->what.gateways : Gateways::unknown;
}
bool heals_itself(const PeerView& view) {
  if (const auto* found = newest_is_found(view)) return found->heals_itself;
  return view.heard && view.heard->what.heals_itself;
}
void hear(PeerView& view, Instant asked, const Word& word) {
  view.heard = {asked, word};
  if (!word.agent_gone)
    view.gone_since.reset();
  else if (!view.gone_since || asked - word.agent_age > *view.gone_since)  // another one came, and went
    view.gone_since = asked;
}
Instant last_own_word(const PeerView& view) {
  Instant last{};
  if (view.heard) last = view.heard->asked - view.heard->what.agent_age;
  if (view.probed && (view.probed->what.found || view.probed->what.paused))
    last = std::max(last, view.probed->asked);
  return last;
}
bool speaks_for_itself(const PeerView& view, const MeshLimits& limits) {
  if (newest_found_pause(view)) return true;
  return view.heard && view.heard->what.agent_age <= limits.agent_stale;
}
bool paused(const PeerView& view) {
  if (auto found = newest_found_pause(view)) return *found;
  return view.heard && view.heard->what.paused;
}

}  // namespace meshops::mesh
