// What one node concludes about its peers: whom it suspects, whom it asks, whom it heals and when it keeps
// its hands off. Pure: what was heard, found and answered goes in at any time; decide() is called about once
// a second and gives what is to be done. The agent's edges carry it out; the simulator runs N of these. Knows
// no wall clock, and never acts: an order without a lease from the patient does not come out of here.
//
// How it reads: facts (judgement.cpp) → one trouble per peer (view.h) → the first row of a table that speaks
// against acting (judgement_table.cpp) → else the next step: ask, claim, lease, treat (judgement_steps.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/limits.h"
#include "mesh/reason.h"
#include "mesh/view.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// What a healer may order, from gentle to drastic.
enum class Order {
  revive,     // start the agent again; the gateways are not touched
  reinstall,  // put the pinned binary back, verified, and start the agent; the gateways are not touched
  heal,       // run the agent's own diagnosis and ladder there once
  fallback,   // fixed commands where meshops itself does not run
  reset,      // through the provider: nobody reaches the node
};
std::string_view text(Order order);

enum class Verdict { helped, no_help, failed };

/// What must outlive a crash of the agent, with times of this boot. After a reboot the edge dates all of it
/// now.
struct Kept {
  struct Treated {
    Treatment what;  // its age means nothing
    Instant at{};
    bool operator==(const Treated&) const = default;
  };
  struct Claimed {
    std::string patient;
    std::string healer;
    std::uint64_t round = 0;
    Instant at{};
    bool operator==(const Claimed&) const = default;
  };
  std::vector<Treated> treatments;
  std::vector<Claimed> claims;
  std::vector<std::string> paused;  // peers whose last word to us was that a person paused them
  std::vector<std::string> told;    // of whom we told people, who are to hear when it is over; "" is the mesh
  bool operator==(const Kept&) const = default;
};

struct Decision {
  enum class Act {
    nothing,    // for the record: why not, each time that changes
    ask,        // put `question` to each of `witnesses`
    probe,      // TCP to SSH and, if it speaks, `meshops remote probe`
    knock,      // TCP to SSH and its first line, no more
    ask_lease,  // on the patient, or in the object store when nobody reaches it
    treat,      // with `order` under `fence`; answer with treated() or lease_lost()
    release,    // the lease of `ticket`, granted or not
    tell,       // people, about `peer`, or about the whole mesh if `peer` is empty
    recovered,  // what people were told of is over
  };
  Act act = Act::nothing;
  std::string peer;
  Reason reason = Reason::well;
  Trouble trouble = Trouble::none;
  Order order = Order::revive;
  std::uint64_t ticket = 0;  // of one lease, unique on this node
  std::uint64_t fence = 0;
  Question question;
  std::vector<std::string> witnesses;
};
using Decisions = std::vector<Decision>;
std::string_view text(Decision::Act act);
/// For people: "does not treat beta (has no running agent): a person paused the patient".
std::string sentence(const Decision& decision);

enum class Stage { idle, asking, claiming, leasing, treating };
std::string_view text(Stage stage);

class Judgement {
 public:
  struct Setup {
    std::string self;
    std::vector<std::string> members;  // with this node
    MeshLimits limits;
    std::vector<std::string> resettable;  // by their providers
    bool has_store = false;               // leases about unreachable nodes live in an object store
    bool remembers = true;                // false: the agent begins without its memory
    Kept kept;
    Guards guards;
  };
  Judgement(Setup setup, Instant now);

  // What was learned. `asked` is when the question went out, by this node's clock.
  void roster(Instant now, const std::vector<std::pair<std::string, Gossip>>& members);
  void heard(std::string_view peer, Instant asked, const Word& word);
  void probed(std::string_view peer, Instant asked, const Probe& probe);
  void knocked(std::string_view peer, Instant asked, bool ssh);
  void outside(std::string_view peer, Instant asked, Outside says);
  /// The peer's own heartbeat outside, written then, says that a person paused it. That a pause is over it
  /// must tell us itself: whoever may write there can only hold our hands.
  void paused_outside(std::string_view peer, Instant written);
  void testified(const Testimony& testimony);
  void own_network(bool good) { network_good_ = good; }
  /// Whatever becomes of these peers is asked about at once, however far back in the order of their healers
  /// we are: a gateway of ours stands by for one of theirs.
  void care_for(Instant now, const std::vector<std::string>& peers);
  void pause(bool on) { paused_ = on; }
  /// `history`: the treatments of the last hour that the patient itself knows.
  void lease_granted(Instant now, std::string_view patient, std::uint64_t ticket, std::uint64_t fence,
                     const std::vector<Treatment>& history);
  void lease_refused(Instant now, std::string_view patient, std::uint64_t ticket);
  void lease_lost(Instant now, std::string_view patient, std::uint64_t ticket);
  void treated(Instant now, std::string_view patient, std::uint64_t ticket, Verdict verdict);

  /// A peer asks what we see; it is looked at more closely from now on.
  Testimony asked(Instant now, const Question& question);

  Decisions decide(Instant now);

  // For the edges and for people.
  /// Who is to get a heartbeat each second.
  std::vector<std::string> watches(Instant now) const;
  struct Standing {
    std::string peer;
    Trouble trouble = Trouble::none;
    Stage stage = Stage::idle;
    Reason reason = Reason::well;
  };
  std::vector<Standing> standings() const;
  /// Why nothing may be done about a peer whom nobody reaches (a token taken over, say); `well` if it may.
  Reason against_acting_about(Instant now, std::string_view peer) const;
  Kept kept() const { return kept_; }
  bool in_storm() const { return storm_; }
  /// Nobody is in trouble and nothing is under way.
  bool idle(Instant now) const;
  const PeerView* view(std::string_view peer) const;

 private:
  struct Peer {
    std::string name;
    PeerView view;
    bool watched = false;  // by the hash, as long as the roster is as it is
    bool cared_for = false;
    std::size_t place = 0;  // ours in the order of its healers alive, up to a panel
    std::optional<Instant> curious_until;
    std::optional<Instant> led_until;     // somebody who comes before us, and is able, is at it
    std::optional<Instant> needed_until;  // its word about another is awaited by us
    Trouble trouble = Trouble::none;
    Instant since{};        // of that trouble
    bool seen_now = false;  // false: it was so, and the last look is too old to say that it still is

    Stage stage = Stage::idle;
    Reason reason = Reason::well;
    std::optional<Reason> recorded;              // the last one that was given out as a decision
    std::vector<std::size_t> panel;              // whom we ask: witnesses, first healer first, then itself
    std::size_t ahead = 0;                       // so many of the panel come before us
    std::vector<std::optional<Testimony>> said;  // by peer
    std::uint64_t round = 0;                     // of the last question
    std::array<Instant, 16> asked{};             // by round
    std::optional<Instant> last_asked, last_probed;
    std::uint64_t claim_round = 0, read_from = 0;
    Instant claimed_at{}, lease_asked{}, treated_at{};
    std::uint64_t ticket = 0;
    std::optional<std::uint64_t> fence;
    std::optional<Instant> refused_since;    // it gives nobody its lease
    std::optional<Instant> must_tell_since;  // of this trouble
    std::vector<std::string> tellers;        // of it, by their own word
    Instant rest_until{};
  };
  /// A node's name cannot be empty, so this is nobody's but the mesh's.
  static constexpr std::string_view kMesh{};
  struct Row;
  static const std::vector<Row>& table();
  friend std::string table_markdown();

  Peer* find(std::string_view name);
  const Peer* find(std::string_view name) const;
  bool on(Reason guard) const { return guards_.hold(guard); }
  void recount();
  void wake(Instant now);
  void note(const Treatment& treatment, Instant now, bool by_healer);
  void note_pause(const Peer& p);
  bool told(std::string_view about) const;
  void drop_told(std::string_view about);
  void forget(Instant now);

  // The table.
  Reason objection(Instant now, const Peer& p) const;
  const Testimony* fresh(Instant now, const Peer& p, std::size_t witness) const;
  bool trusts_itself(Instant now) const { return !paused_ && network_good_ && now >= distrust_until_; }
  bool may_ask(Instant now, const Peer& p) const;
  bool sees_majority(Instant now, const Peer& p) const;
  bool outside_misses_it(Instant now, const Peer& p) const;
  bool last_said_paused(const Peer& p) const;
  bool known_paused(Instant now, const Peer& p) const;
  bool confirmed(Instant now, const Peer& p) const;
  bool others_see_it_well(Instant now, const Peer& p) const;
  bool somebody_sees_it(Instant now, const Peer& p) const;
  bool most_miss_it(Instant now, const Peer& p) const;
  Instant ripe_at(const Peer& p) const;
  bool our_turn(Instant now, const Peer& p) const;
  bool another_heals(Instant now, const Peer& p) const;
  bool rests(Instant now, const Peer& p) const;
  bool brake_full(Instant now, const Peer& p) const;
  bool storm_holds(Instant now, const Peer& p) const;
  std::vector<Claim> claims_known(Instant now, const Peer& p) const;
  std::size_t other_patients(const std::vector<Claim>& claims, const Peer& p) const;
  std::vector<Instant> lately(Instant now, std::string_view patient) const;
  std::size_t allowed_at_once() const;
  Duration pause_after(std::size_t treatments) const;

  // The steps.
  bool looked_at(Instant now, const Peer& p) const;
  enum class Look { none, knock, over_ssh };
  Look look_due(Instant now, const Peer& p) const;
  void look(Instant now, Peer& p);
  void credit(Instant now, const Peer& p);
  void seat(Peer& p);
  void step(Instant now, Peer& p, Decisions& out);
  void probe(Instant now, Peer& p, Decisions& out);
  void ask(Instant now, Peer& p, Decisions& out);
  void claim(Instant now, Peer& p, Decisions& out);
  void read_claims(Instant now, Peer& p, Decisions& out);
  void retreat(Instant now, Peer& p, Reason why, Decisions& out);
  void treat(Instant now, Peer& p, Decisions& out);
  void record(Instant now, Peer& p, Reason why, Decisions& out);
  void weather(Instant now, Decisions& out);
  std::size_t in_trouble(Instant now) const;
  bool our_turn_to_tell(Instant now, std::string_view about, Instant since) const;
  bool known_to_most(Instant now, const Peer& p, std::uint64_t since_round) const;
  Order order_for(Instant now, const Peer& p) const;
  void drop_own_claim(const Peer& p);
  void end(Instant now, Peer& p, Reason why, Duration rest);
  std::size_t index(const Peer& p) const { return static_cast<std::size_t>(&p - peers_.data()); }

  std::string self_;
  MeshLimits limits_;
  std::vector<std::string> resettable_;
  bool has_store_;
  Guards guards_;
  std::vector<Peer> peers_;  // by name
  std::size_t size_ = 1;     // of the mesh, with us
  Kept kept_;
  Decisions owed_;  // by the next decide()
  bool network_good_ = true, paused_ = false;
  Instant began_{}, last_tick_{}, distrust_until_{};
  std::optional<Instant> memory_whole_at_;  // set while we may lack claims that we had heard
  std::uint64_t tickets_ = 0;
  bool storm_ = false;
  bool told_elsewhere_ = false;  // of the storm, by another
  Instant storm_since_{}, storm_seen_{};
};

/// The rows of the table with their sentences, as docs/mesh-healing.md shows them.
std::string table_markdown();

}  // namespace meshops::mesh
