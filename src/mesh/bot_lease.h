// Who of several gateways with one bot may poll for it: the primary, or one that stands by for it once the
// primary is proven stopped. Pure, and asked once a second by the agent for each of its own gateways that
// share a bot: what the nodes say in the gossip and what is known of silent ones goes in, one verdict comes
// out. Compares no clocks of two machines, and starts or stops nothing itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/mesh.h"

namespace meshops::mesh {

/// How one of these gateways stands, as the agent of its node says it.
enum class Polls {
  runs,       // it has a process, or a start was ordered
  wants,      // it has none, and would be started if nobody else had the bot
  takes,      // the same, and it is about to be: said for a while before, so that all have heard it
  idle,       // it has none, and nothing but a person would start it: its ladder has ended
  kept_down,  // the same, because a person stopped or paused it
};
std::string_view text(Polls polls);

struct LeaseWord {
  Polls polls = Polls::idle;
  /// So long after its node has lost touch with most of the mesh it surely has no process any more: its own
  /// agent sees to that. Zero: nobody sees to it, so its silence proves nothing.
  Duration ends_after{};
  bool operator==(const LeaseWord&) const = default;
};

constexpr std::string_view kLeaseTag = "lease";
/// 12 hexadecimal digits for all gateways that share the bot of gateway `gateway` on node `node`.
std::string lease_group(std::string_view node, std::string_view gateway);
/// By group: "1a2b3c4d5e6f=r90,…"; the number is ends_after in seconds, and absent if that is zero. At most
/// kMostSharedBots.
std::string lease_tag(const std::map<std::string, LeaseWord>& words);
/// What is malformed is left out.
std::map<std::string, LeaseWord> parse_lease_tag(std::string_view tag);

/// Whether `node` comes before `other` where both stand by for one group: the same on every node.
bool stands_before(std::string_view group, std::string_view node, std::string_view other);

/// How long a node has been out of touch with most of its mesh.
class Touch {
 public:
  /// An answer counts for `hears`. Most of the mesh must have been there for longer than that: else two
  /// minorities, met one after the other, would look like it. Gaps of more than `stall` between two calls are
  /// this node's own: nobody could have answered.
  Touch(Duration hears, Duration stall) : hears_(hears), stall_(stall) {}
  /// What the agent before this one knew.
  void recall(Instant last) { last_ = last; }
  /// About once a second: whether most of the mesh has answered lately.
  void saw(Instant now, bool most);
  /// Zero: in touch. Before the first call, too.
  Duration alone(Instant now) const { return last_ ? now - *last_ : Duration::zero(); }
  const std::optional<Instant>& last() const { return last_; }

 private:
  Duration hears_, stall_;
  std::optional<Instant> last_, since_, called_;
};

class BotLease {
 public:
  struct Limits {
    /// A take-over is said for so long before it is done. Two gateways never start at once as long as gossip
    /// takes at most half of it.
    Duration announce = std::chrono::seconds(10);
    /// A primary that does not run waits for the others' words when its agent begins, at most so long.
    Duration hear_first = std::chrono::seconds(15);
    /// Clocks of two machines run at rates that differ by less than this share of the time.
    double drift = 0.1;
    bool operator==(const Limits&) const = default;
  };
  struct Own {
    Polls polls = Polls::idle;  // never `takes`: that is this object's to say
    bool asked = false;         // a person wants it started
    bool rightful = false;      // it was started under this lease, or this lease has let it go on
    Duration alone{};           // its node has been out of touch with most of the mesh for so long
    Duration yields_alone{};    // after that it gives its bot up; zero: never
    bool operator==(const Own&) const = default;
  };
  /// Another of these gateways, as its node is known now.
  struct Other {
    std::string node;
    bool primary = false;
    bool heard = false;             // its agent lives, as far as is known now
    std::optional<LeaseWord> says;  // then: what it says; nothing: nothing of this group
    bool agent_lived = false;       // when its node was heard last
    bool missed = false;            // nobody reaches the node: most say so, and nobody denies it
    bool operator==(const Other&) const = default;
  };
  struct Verdict {
    enum class Act {
      poll,   // it may run, and be started
      hold,   // it must not be started; if it runs, it is left alone
      yield,  // it must not run
    };
    enum class Because {
      nothing,
      not_heard,   // who has the bot is not known yet
      has_it,      // `node` has it
      goes_first,  // `node` comes before it
      not_proven,  // nothing proves that the gateway of `node` has stopped
      kept_down,   // a person stopped the primary: people decide
      announces,   // it takes over in a moment
      alone,       // its node is out of touch with most of the mesh
    };
    Act act = Act::hold;
    Because because = Because::nothing;
    std::string node;
    Polls say = Polls::idle;  // in the gossip
    bool took_over = false;   // this moment: it stood by, and may poll from now on
    bool operator==(const Verdict&) const = default;
  };

  BotLease(std::string group, std::string self, bool primary, Limits limits, Instant now);

  Verdict decide(Instant now, const Own& own, std::span<const Other> others);
  bool primary() const { return primary_; }

 private:
  struct Known {
    std::optional<LeaseWord> said;  // the last word that was believed
    std::optional<Instant> missed_since;
  };
  bool gone(Instant now, const Other& other);
  Verdict decide_running(Instant now, const Own& own, std::span<const Other> others);
  Verdict decide_stopped(Instant now, const Own& own, std::span<const Other> others);
  bool before_us(const Other& other) const;

  std::string group_, self_;
  bool primary_;
  Limits limits_;
  Instant began_;
  std::map<std::string, Known> known_;
  std::optional<Instant> announced_;
};

/// For people, after "stands by: ".
std::string sentence(const BotLease::Verdict& verdict);

}  // namespace meshops::mesh
