// Some hours of a mesh in which gateways share a bot, with the real BotLease on each node and everything else
// made up: gossip that takes up to five seconds, partitions, power cuts, agents that crash, gateways that
// break, people. Checked against what is true in this world. Each promise is then broken on purpose, and that
// must be noticed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "mesh/bot_lease.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using Act = BotLease::Verdict::Act;

/// What is broken on purpose.
struct Mutant {
  bool no_announcement = false;
  bool own_eyes_only = false;  // no third witness
  bool promise_shortened = false;
  bool any_agent_promises = false;  // also a dead one
  bool never_yields = false;        // the promise is given and not kept
};

constexpr int kHears = 6;        // seconds for which an answer counts
constexpr int kUnreached = 180;  // before the Judgement lets anybody act about a node
constexpr int kDrain = 30;
constexpr int kAlone = 60;
constexpr int kGossip = 4;  // with a second for the tick: half of an announcement
constexpr int kSettles = kGossip + kHears + kDrain + 5;

struct Node {
  std::string name;
  bool sharer = false, promises = false;
  // What is true.
  bool power = true, agent = true;
  int side = 0;
  bool process = false, broken = false, kept_down = false, asked = false, rightful = false;
  int stops_at = -1, agent_back_at = 0, agent_died_at = -1;
  // What its agent knows.
  std::optional<BotLease> lease;
  Touch touch{std::chrono::seconds(6), std::chrono::hours(24)};
  std::vector<LeaseWord> words;  // by second
};

class World {
 public:
  World(std::uint64_t seed, Mutant mutant) : random_(seed), mutant_(mutant) {
    auto size = pick(3, 5), sharers = pick(2, 3);
    often_ = {pick(0, 10), pick(0, 10)};
    for (int i = 0; i < size; ++i) {
      Node n{.name = std::string(1, static_cast<char>('a' + i)), .sharer = i < sharers};
      // Proof of a silent node needs promises of all; some owners give none.
      n.promises = n.sharer && !chance(0.2);
      nodes_.push_back(std::move(n));
    }
    auto n = nodes_.size();
    heard_.assign(n, std::vector<int>(n, 0));
    answered_.assign(n, std::vector<int>(n, 0));
    lived_.assign(n, std::vector<bool>(n, true));
    seen_word_.assign(n, std::vector<int>(n, 0));
    linked_since_.assign(n, std::vector<int>(n, 0));
    unlinked_since_.assign(n, std::vector<int>(n, 0));
  }

  /// The first broken promise; empty: none.
  std::string play(int length) {
    for (now_ = 1; now_ <= length && broken_.empty(); ++now_) {
      if (now_ < length - 900) happen();
      if (now_ == length - 900) mend();
      links();
      for (std::size_t i = 0; i < nodes_.size(); ++i) think(i);
      for (std::size_t i = 0; i < nodes_.size(); ++i) act(i);
      doubles();
    }
    if (broken_.empty())
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        if (nodes_[i].sharer && nodes_[i].process != (i == 0))
          broken_ = fmt::format("in the morning {} {}", nodes_[i].name, i == 0 ? "does not run" : "runs");
    return broken_;
  }
  int takeovers() const { return takeovers_; }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(random_); }
  bool linked(std::size_t a, std::size_t b) const {
    return nodes_[a].power && nodes_[b].power && nodes_[a].side == nodes_[b].side &&
           !cut_.contains({std::min(a, b), std::max(a, b)});
  }

  void happen() {
    if (!chance(0.005)) return;
    auto whom = chance(0.4) ? 0 : pick(0, static_cast<int>(nodes_.size()) - 1);
    auto& n = nodes_[static_cast<std::size_t>(whom)];
    switch (chance(0.7) ? (chance(0.5) ? often_.first : often_.second) : pick(0, 10)) {
      case 0:
        for (auto& node : nodes_) node.side = chance(0.3) ? 1 : 0;
        if (chance(0.3)) nodes_[0].side = 2;
        break;
      case 1:
      case 2:
        for (auto& node : nodes_) node.side = 0;
        cut_.clear();
        break;
      case 9:
      case 10: {
        auto a = static_cast<std::size_t>(pick(0, 1)), b = static_cast<std::size_t>(pick(1, 2));
        if (a != b) cut_.insert({a, b});
        break;
      }
      case 3:
        n.power = !n.power;
        n.process = false;
        n.stops_at = -1;
        n.rightful = false;  // forgotten at a boot
        n.agent = false;
        n.agent_died_at = now_;
        n.agent_back_at = now_ + pick(2, 20);
        break;
      case 4:
        n.agent = false;
        n.agent_died_at = now_;
        // Its service manager brings it back, or nobody does for a long time.
        n.agent_back_at = now_ + (chance(0.5) ? pick(1, 5) : pick(30, 6000));
        break;
      case 5:
        n.process = false;  // it crashes
        n.stops_at = -1;
        break;
      case 6:
        n.broken = !n.broken;
        if (n.broken) n.process = false, n.stops_at = -1;
        break;
      case 7:
        nodes_[0].kept_down = !nodes_[0].kept_down;
        if (nodes_[0].kept_down && nodes_[0].process) nodes_[0].stops_at = now_ + pick(1, kDrain);
        break;
      case 8:
        n.asked = n.sharer;
        break;
      default:
        break;
    }
  }
  void mend() {
    cut_.clear();
    for (auto& n : nodes_) {
      n.side = 0;
      n.power = true;
      n.broken = n.kept_down = n.asked = false;
      if (!n.agent) n.agent_back_at = std::min(n.agent_back_at, now_ + 5);
    }
  }

  void links() {
    for (auto& n : nodes_)
      if (n.power && !n.agent && now_ >= n.agent_back_at) {
        n.agent = true;
        n.agent_died_at = -1;
        auto self = static_cast<std::size_t>(&n - nodes_.data());
        if (n.sharer) {
          BotLease::Limits limits;
          if (mutant_.no_announcement) limits.announce = 0s;
          n.lease.emplace(lease_group("a", "main"), n.name, self == 0, limits, at(now_));
        }
        for (auto& heard : heard_[self]) heard = -1000;  // it remembers nothing of the others
        for (auto& answered : answered_[self]) answered = -1000;
        for (auto& since : unlinked_since_[self]) since = now_;
      }
    for (std::size_t a = 0; a < nodes_.size(); ++a)
      for (std::size_t b = 0; b < nodes_.size(); ++b) {
        if (!linked(a, b)) {
          linked_since_[a][b] = now_;
          continue;
        }
        unlinked_since_[a][b] = now_;
        answered_[a][b] = now_;
        lived_[a][b] =
            nodes_[b].agent || (nodes_[b].agent_died_at >= 0 && now_ - nodes_[b].agent_died_at <= 3);
        if (nodes_[b].agent) heard_[a][b] = now_;
        seen_word_[a][b] = std::max(seen_word_[a][b], now_ - 1 - pick(0, kGossip));
      }
  }

  Polls polls(const Node& n) const {
    if (n.process) return Polls::runs;
    if (n.kept_down) return Polls::kept_down;
    return n.broken ? Polls::idle : Polls::wants;
  }
  bool missed(std::size_t by, std::size_t whom) const {
    if (linked(by, whom) || now_ - unlinked_since_[by][whom] < kUnreached) return false;
    if (mutant_.own_eyes_only) return true;
    std::size_t missing = 1;
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (k == by || k == whom || !linked(by, k) || !nodes_[k].agent) continue;
      if (linked(k, whom)) return false;
      ++missing;
    }
    return 2 * missing > nodes_.size();
  }

  void think(std::size_t i) {
    auto& n = nodes_[i];
    n.words.resize(static_cast<std::size_t>(now_) + 1, n.words.empty() ? LeaseWord{} : n.words.back());
    verdicts_.resize(nodes_.size());
    verdicts_[i].reset();
    if (!n.sharer || !n.power || !n.agent) return;
    if (!n.lease) n.lease.emplace(lease_group("a", "main"), n.name, i == 0, limits(), at(now_));
    std::size_t reached = 1;
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      reached += k != i && now_ - answered_[i][k] <= kHears ? 1 : 0;
    n.touch.saw(at(now_), 2 * reached > nodes_.size());
    std::vector<BotLease::Other> others;
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (k == i || !nodes_[k].sharer) continue;
      BotLease::Other o{.node = nodes_[k].name, .primary = k == 0};
      o.heard = now_ - heard_[i][k] <= kHears;
      auto word = static_cast<std::size_t>(std::max(seen_word_[i][k], 0));
      if (o.heard && word < nodes_[k].words.size() && word > 0) o.says = nodes_[k].words[word];
      o.agent_lived = answered_[i][k] > 0 && (lived_[i][k] || mutant_.any_agent_promises);
      o.missed = missed(i, k);
      others.push_back(std::move(o));
    }
    BotLease::Own own{.polls = polls(n), .asked = n.asked, .rightful = n.rightful};
    own.alone = n.touch.alone(at(now_));
    if (n.promises) own.yields_alone = std::chrono::seconds(kAlone);
    if (mutant_.never_yields) own.yields_alone = 0s;
    verdicts_[i] = n.lease->decide(at(now_), own, others);
    auto ends = mutant_.promise_shortened ? 1s : std::chrono::seconds(kAlone + kDrain);
    n.words.back() = {verdicts_[i]->say, n.promises ? ends : 0s};
  }

  void act(std::size_t i) {
    auto& n = nodes_[i];
    if (n.process && n.stops_at >= 0 && now_ >= n.stops_at) n.process = false, n.stops_at = -1;
    if (!verdicts_[i]) {
      // Without an agent its service manager starts it again, where it did.
      return;
    }
    const auto& verdict = *verdicts_[i];
    if (verdict.act == Act::poll) {
      if (i != 0) n.rightful = true;
      if (!n.process && !n.broken && (!n.kept_down)) start(i, verdict);
      n.asked = false;
    } else {
      if (verdict.act == Act::yield || !n.process) n.rightful = false;
      if (verdict.act == Act::yield && n.process && n.stops_at < 0) n.stops_at = now_ + pick(1, kDrain);
    }
  }

  void start(std::size_t i, const BotLease::Verdict& verdict) {
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (k == i || !nodes_[k].process) continue;
      // docs/mesh-healing.md: an agent that dies after its node was last heard keeps no promise, and whoever
      // would replace it cannot know.
      if (!nodes_[k].agent && nodes_[k].agent_died_at > answered_[i][k] - 3) continue;
      if (verdict.took_over)
        broken_ = fmt::format("{} s: {} takes over while {} runs", now_, nodes_[i].name, nodes_[k].name);
      else if (now_ - linked_since_[i][k] > 20 && nodes_[k].agent && now_ - std::max(heard_[i][k], 0) < 3 &&
               nodes_[k].words.size() > 20 && quiet_agents(i, k))
        broken_ =
            fmt::format("{} s: {} starts, and knows that {} runs", now_, nodes_[i].name, nodes_[k].name);
    }
    takeovers_ += verdict.took_over ? 1 : 0;
    nodes_[i].process = true;
    nodes_[i].stops_at = -1;
  }
  /// Both agents lived for the last twenty seconds.
  bool quiet_agents(std::size_t a, std::size_t b) const {
    return now_ - nodes_[a].agent_back_at > 20 && now_ - nodes_[b].agent_back_at > 20;
  }

  /// Two that can know of each other do not go on.
  void doubles() {
    for (std::size_t a = 0; a < nodes_.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) {
        bool both =
            nodes_[a].process && nodes_[b].process && linked(a, b) && nodes_[a].agent && nodes_[b].agent;
        auto& since = both_since_[{a, b}];
        if (!both) since = now_;
        if (now_ - since > kSettles)
          broken_ = fmt::format("{} s: {} and {} both go on", now_, nodes_[a].name, nodes_[b].name);
      }
  }
  BotLease::Limits limits() const {
    BotLease::Limits out;
    if (mutant_.no_announcement) out.announce = 0s;
    return out;
  }
  static Instant at(int second) { return Instant{std::chrono::hours(1) + std::chrono::seconds(second)}; }

  std::mt19937_64 random_;
  Mutant mutant_;
  std::vector<Node> nodes_;
  std::vector<std::vector<int>> heard_, answered_, seen_word_, linked_since_, unlinked_since_;
  std::vector<std::vector<bool>> lived_;
  std::vector<std::optional<BotLease::Verdict>> verdicts_;
  std::map<std::pair<std::size_t, std::size_t>, int> both_since_;
  std::pair<int, int> often_;  // faults of which this night has many
  std::set<std::pair<std::size_t, std::size_t>> cut_;
  std::string broken_;
  int now_ = 0, takeovers_ = 0;
};

constexpr int kNight = 3 * 3600;
constexpr std::uint64_t kNights = 400;  // until a mutant must have been noticed

TEST(LeaseNights, NobodyTakesOverWithoutProofAndTheMorningFindsThePrimary) {
  const char* asked = std::getenv("MESHOPS_NIGHTS");
  auto nights = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 100;
  std::uint64_t takeovers = 0;
  for (std::uint64_t seed = 1; seed <= nights; ++seed) {
    World world(seed, {});
    auto broken = world.play(kNight);
    ASSERT_EQ(broken, "") << "night " << seed;
    takeovers += static_cast<std::uint64_t>(world.takeovers());
  }
  EXPECT_GT(takeovers, nights / 4) << "nights in which nothing happens prove nothing";
}

struct Named {
  const char* name;
  Mutant mutant;
};
class LeaseMutants : public testing::TestWithParam<Named> {};
TEST_P(LeaseMutants, AreNoticed) {
  std::uint64_t seed = 1;
  while (seed <= kNights && World(seed, GetParam().mutant).play(kNight).empty()) ++seed;
  EXPECT_LE(seed, kNights) << "no night misses it";
}
INSTANTIATE_TEST_SUITE_P(Each, LeaseMutants,
                         testing::Values(Named{"no_announcement", {.no_announcement = true}},
                                         Named{"own_eyes_only", {.own_eyes_only = true}},
                                         Named{"promise_shortened", {.promise_shortened = true}},
                                         Named{"any_agent_promises", {.any_agent_promises = true}},
                                         Named{"never_yields", {.never_yields = true}}),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace meshops::mesh
