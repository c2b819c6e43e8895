#include "mesh/bot_lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "mesh/rendezvous.h"

namespace meshops::mesh {

using Act = BotLease::Verdict::Act;
using Because = BotLease::Verdict::Because;

namespace {

struct PollsWords {
  Polls polls;
  char letter;
  std::string_view words;
};
constexpr PollsWords kPolls[] = {{Polls::runs, 'r', "runs"},
                                 {Polls::wants, 'w', "wants"},
                                 {Polls::takes, 't', "takes"},
                                 {Polls::idle, 'i', "idle"},
                                 {Polls::kept_down, 'k', "kept_down"}};
const PollsWords& words_of(Polls polls) { return *std::ranges::find(kPolls, polls, &PollsWords::polls); }

constexpr std::size_t kGroupDigits = 12;
/// Longer promises than this are none.
constexpr unsigned kLongest = 24 * 3600;

bool has_it(const BotLease::Other& other) {
  return other.heard && other.says && (other.says->polls == Polls::runs || other.says->polls == Polls::takes);
}
bool wants_it(const BotLease::Other& other) {
  return other.heard && other.says && other.says->polls == Polls::wants;
}

BotLease::Verdict verdict(Act act, Because because, std::string node, Polls say) {
  return {.act = act, .because = because, .node = std::move(node), .say = say};
}

}  // namespace

std::string_view text(Polls polls) { return words_of(polls).words; }

std::string lease_group(std::string_view node, std::string_view gateway) {
  return fmt::format("{:016x}", weight(fmt::format("bot of {}", gateway), node)).substr(0, kGroupDigits);
}

std::string lease_tag(const std::map<std::string, LeaseWord>& words) {
  std::vector<std::string> parts;
  for (const auto& [group, word] : words) {
    if (parts.size() == kMostSharedBots) break;
    auto ends = static_cast<std::int64_t>(std::ceil(seconds(word.ends_after)));
    parts.push_back(fmt::format("{}={}", group, words_of(word.polls).letter));
    if (ends > 0) parts.back() += fmt::format("{}", ends);
  }
  return join(parts, ",");
}

std::map<std::string, LeaseWord> parse_lease_tag(std::string_view tag) {
  std::map<std::string, LeaseWord> out;
  for (auto part : split(tag, ',')) {
    if (part.size() < kGroupDigits + 2 || part[kGroupDigits] != '=') continue;
    auto letter = std::ranges::find(kPolls, part[kGroupDigits + 1], &PollsWords::letter);
    if (letter == std::end(kPolls)) continue;
    auto number = part.substr(kGroupDigits + 2);
    unsigned ends = 0;
    auto [end, wrong] = std::from_chars(number.data(), number.data() + number.size(), ends);
    bool whole = wrong == std::errc{} && end == number.data() + number.size();
    if (!number.empty() && (!whole || ends > kLongest)) continue;
    out.emplace(part.substr(0, kGroupDigits), LeaseWord{letter->polls, std::chrono::seconds(ends)});
  }
  return out;
}

bool stands_before(std::string_view group, std::string_view node, std::string_view other) {
  auto ours = weight(group, node), theirs = weight(group, other);
  return ours != theirs ? ours > theirs : node < other;
}

void Touch::saw(Instant now, bool most) {
  if (!last_) last_ = now;
  if (called_ && now - *called_ > stall_) {
    last_ = *last_ + (now - *called_);
    since_.reset();
  }
  called_ = now;
  if (!most) return since_.reset();
  if (!since_) since_ = now;
  if (now - *since_ > hears_) last_ = now;
}

BotLease::BotLease(std::string group, std::string self, bool primary, Limits limits, Instant now)
    : group_(std::move(group)), self_(std::move(self)), primary_(primary), limits_(limits), began_(now) {}

bool BotLease::before_us(const Other& other) const {
  return other.primary || (!primary_ && stands_before(group_, other.node, self_));
}

/// Its silence proves that it has stopped: its agent lived and had promised to see to it, most of the mesh
/// has missed its node for as long as that may take, and nobody reaches it. Whoever is missed by most is in
/// touch with most no more, so its own time began before ours.
bool BotLease::gone(Instant now, const Other& other) {
  auto& known = known_[other.node];
  if (other.heard) known.said = other.says;
  bool promised = known.said && known.said->ends_after > Duration::zero();
  if (other.heard || !other.missed || !other.agent_lived || !promised) {
    known.missed_since.reset();
    return false;
  }
  if (!known.missed_since) known.missed_since = now;
  auto longest = std::chrono::duration_cast<Duration>(known.said->ends_after * (1 + limits_.drift));
  return now - *known.missed_since >= longest + limits_.announce;
}

BotLease::Verdict BotLease::decide(Instant now, const Own& own, std::span<const Other> others) {
  bool runs = own.polls == Polls::runs;
  auto out = runs ? decide_running(now, own, others) : decide_stopped(now, own, others);
  if (out.say != Polls::takes) announced_.reset();
  return out;
}

BotLease::Verdict BotLease::decide_running(Instant now, const Own& own, std::span<const Other> others) {
  auto say = [](Act act, Because because, std::string node = {}) {
    return verdict(act, because, std::move(node), Polls::runs);
  };
  const Other* unproven = nullptr;
  const Other* before = nullptr;
  for (const auto& other : others) {
    bool quiet = gone(now, other) || (other.heard && other.says && !has_it(other));
    if (!quiet && unproven == nullptr) unproven = &other;
    bool goes_first = has_it(other) && (other.primary || other.says->polls == Polls::runs);
    goes_first = goes_first || (other.primary && wants_it(other));
    if (before == nullptr && before_us(other) && goes_first) before = &other;
  }
  if (own.yields_alone > Duration::zero() && own.alone >= own.yields_alone)
    return say(Act::yield, Because::alone);
  if (primary_) return say(Act::poll, Because::nothing);
  if (before != nullptr)
    return say(Act::yield, has_it(*before) ? Because::has_it : Because::goes_first, before->node);
  if (own.rightful || unproven == nullptr) return say(Act::poll, Because::nothing);
  // The boot or a person started it.
  if (has_it(*unproven)) return say(Act::yield, Because::has_it, unproven->node);
  if (now - began_ < limits_.hear_first) return say(Act::hold, Because::not_heard, unproven->node);
  return say(Act::yield, Because::not_proven, unproven->node);
}

BotLease::Verdict BotLease::decide_stopped(Instant now, const Own& own, std::span<const Other> others) {
  auto hold = [&](Because because, std::string node = {}) {
    return verdict(Act::hold, because, std::move(node), own.polls);
  };
  const Other* has = nullptr;
  const Other* first = nullptr;
  const Other* unknown = nullptr;
  const Other* kept = nullptr;
  for (const auto& other : others) {
    bool proven_gone = gone(now, other);
    if (has == nullptr && has_it(other)) has = &other;
    if (first == nullptr && before_us(other) && wants_it(other)) first = &other;
    if (unknown == nullptr && !(other.heard && other.says) && !proven_gone) unknown = &other;
    if (other.primary && other.heard && other.says && other.says->polls == Polls::kept_down) kept = &other;
  }
  // Whoever has promised to stop where it is alone does not begin there either.
  if (own.yields_alone > Duration::zero() && own.alone > Duration::zero()) return hold(Because::alone);
  if (has != nullptr) return hold(Because::has_it, has->node);
  if (primary_) {
    // A stand-by that is away must not keep it down: only one that is known to have the bot does.
    if (unknown != nullptr && now - began_ < limits_.hear_first)
      return hold(Because::not_heard, unknown->node);
    return verdict(Act::poll, Because::nothing, {}, own.polls);
  }
  if (first != nullptr) return hold(Because::goes_first, first->node);
  if (unknown != nullptr) return hold(Because::not_proven, unknown->node);
  if (own.polls != Polls::wants) return hold(Because::nothing);
  if (kept != nullptr && !own.asked && !own.rightful) return hold(Because::kept_down, kept->node);
  if (!announced_) announced_ = now;
  auto out = verdict(Act::hold, Because::announces, {}, Polls::takes);
  if (!own.rightful && now - *announced_ < limits_.announce) return out;
  out.act = Act::poll;
  out.because = Because::nothing;
  out.took_over = !own.rightful;
  return out;
}

std::string sentence(const BotLease::Verdict& verdict) {
  const auto node = printable(verdict.node);  // any member may say that it shares the bot, under any name
  switch (verdict.because) {
    case Because::nothing:
      return "its bot is free";
    case Because::not_heard:
      return node.empty() ? std::string("it is not known yet who has its bot")
                          : fmt::format("it is not known yet whether the gateway on {} has its bot", node);
    case Because::has_it:
      return fmt::format("the gateway on {} has its bot", node);
    case Because::goes_first:
      return fmt::format("the gateway on {} comes first", node);
    case Because::not_proven:
      return fmt::format("nothing proves that the gateway on {} has stopped", node);
    case Because::kept_down:
      return fmt::format("a person stopped the gateway on {}", node);
    case Because::announces:
      return "it takes the bot over in a moment";
    case Because::alone:
      return "its node is out of touch with most of the mesh";
  }
  return {};
}

}  // namespace meshops::mesh
