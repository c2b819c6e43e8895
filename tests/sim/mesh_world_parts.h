// The world of one night from inside: its machines, its network, its clock, and the promises that are checked
// in it. Its parts are defined in mesh_world.cpp (clock), mesh_network.cpp, mesh_faults.cpp, mesh_agents.cpp,
// mesh_treatments.cpp and mesh_promises.cpp (what exactly is promised, and why no more:
// docs/mesh-healing.md); nobody else includes this.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/judgement.h"
#include "sim/mesh_night.h"
#include "sim/mesh_world.h"

namespace meshops::sim {

using namespace std::chrono_literals;
using namespace mesh;

constexpr Duration kNever = Duration::max() / 4;
/// What lasts shorter may be missed: by eyes that nothing disturbs (one look in two seconds, one tick), and
/// by others (an answer lost, a link that fails for a moment).
constexpr Duration kGlance = 3500ms, kMissed = 8s;

/// An agent that got no CPU for so long is one that does not answer on its own node.
constexpr Duration kNoAnswer = 15s;

/// So long after the last fault all is well again: an hour's budget may have to pass first.
constexpr Duration kCalm = 90min;

/// A state with its interruptions: those that nobody can be expected to see do not begin it anew.
struct Lasting {
  Duration glance = kGlance;
  bool is = false;
  Duration since{}, other_since = -1h;  // the state it is in, and the end of the one before
  Duration glanced{}, glanced_after{};  // since when, for eyes that were undisturbed since `glanced_after`
  Duration missed{};                    // since when, for others
  void begin(Duration now) {
    if (std::exchange(is, true)) return;
    if (now - other_since > glance) glanced = now, glanced_after = other_since;
    if (now - other_since > kMissed) missed = now;
    since = now;
  }
  void end(Duration now) {
    if (std::exchange(is, false)) other_since = now;
  }
  Duration for_eyes(Duration undisturbed_since) const {
    return undisturbed_since <= glanced_after ? glanced : missed;
  }
};

struct Machine {
  unsigned id = 0;
  std::string name;
  Duration offset{};
  double skew = 0;

  int off = 0, frozen = 0, stalled = 0, starved = 0, net_down = 0, refused = 0, lies = 0, slow = 0,
      paused = 0, left = 0;
  bool agent = true, broken = false;
  unsigned life = 0;  // of the agent: what an earlier one waits for is lost
  Duration agent_since{}, last_tick{};
  Lasting dead{.glance = kGlance}, alive{.glance = 6500ms}, ill;
  Duration thawed{};        // the last time
  Duration awake_since{};   // no freeze, no stall since then
  Duration steady_since{};  // no freeze, no stall, no refusal since then
  Duration lied_until = -1h, forgot_at = -1h;
  std::vector<unsigned> membership;  // of each peer, as it knows it: odd is gone
  Duration wrote_at{};               // its heartbeat outside
  bool wrote_paused = false;
  std::vector<char> heard_paused;                 // of each peer: its last word to this node's agent
  std::vector<Instant> heard_at;                  // when that was asked for
  std::vector<char> knows_paused;                 // the same, as far as it is kept
  std::map<std::uint64_t, std::uint64_t> grants;  // fence by ticket
  std::optional<Judgement> judge;
  Kept durable;
  bool memory = true;
  bool poked = false;

  Gateways gateways = Gateways::well, said = Gateways::well;
  bool own_can = false, said_paused = false;
  Duration paused_since = kNever;

  // The lease file: lives on the patient, by the patient's clock.
  std::string holder;
  std::uint64_t ticket = 0, fence = 0;
  Instant expires{};
  std::vector<std::pair<Treatment, Duration>> history;
  /// What runs on it: its own agent's treatment, or a sibling's.
  struct Running {
    unsigned by = 0;
    Order order{};
    std::uint64_t ticket = 0;
    Duration left{}, since{};
    unsigned number = 0;
    unsigned life = 0;  // of the healer's agent: its successor has not this session
  };
  std::optional<Running> running;
  unsigned runs = 0;
  Duration last_reset = -24h;

  bool up() const { return off == 0; }
  bool moves() const { return off == 0 && frozen == 0; }
};

class World {
 public:
  World(const Night& night, mesh::Guards guards, bool traced);
  Outcome run();

 private:
  struct Event {
    Duration at;
    std::uint64_t seq;
    int ticks;  // the machine whose agent ticks; -1: anything else
    unsigned life;
    std::function<void()> run;
  };
  static bool later(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.seq > b.seq; }

  std::uint64_t upto(std::uint64_t n) { return random_() % n; }
  Duration ms_upto(std::uint64_t n) { return 1ms * static_cast<std::int64_t>(upto(n)); }
  Instant local(const Machine& m) const { return local_at(m, now_); }
  static Instant local_at(const Machine& m, Duration at);
  std::size_t pair(unsigned a, unsigned b) const { return a * n_ + b; }
  Machine& named(const std::string& name);
  void say(std::string_view who, std::string_view what);
  void broke(std::string promise, std::string how);
  void push(Event e);
  void in(Duration wait, std::function<void()> run);
  void on_agenda(Duration at, std::function<void()> run);

  // The network.
  bool passes(unsigned a, unsigned b) const { return up_[pair(a, b)] != 0; }
  bool touches(unsigned a, unsigned b) const;
  bool world_of(const Machine& m) const { return m.moves() && m.net_down == 0; }
  Duration delay() { return slow_net_ > 0 ? 400ms + ms_upto(200) : 1ms + ms_upto(4); }
  bool lost() { return lossy_ > 0 && upto(10) < 3; }
  /// One that must be there whole: TCP repeats what is lost.
  Duration tcp_delay();
  /// Since when `m` sees `p` without any disturbance; kNever: it does not.
  Duration clear_since(const Machine& m, const Machine& p) const;
  /// So old may be what `m` acts upon.
  Duration sight(const Machine& m, const Machine& p) const;
  void rewire();
  void retouch();
  bool touched_lately(unsigned a, unsigned b, Duration within) const;
  bool touched_for(unsigned a, unsigned b, Duration least) const;

  // Faults.
  void begin(const Fault& f);
  void finish(const Fault& f);
  void sicken(Machine& m, Gateways how, bool own_can);
  void cure(Machine& m);
  void power(Machine& m, bool on);
  void end_agent(Machine& m);
  void begin_agent(Machine& m, bool first);

  // One agent.
  void schedule_tick(Machine& m, Duration wait);
  void tick(Machine& m, unsigned life);
  void judge(Machine& m);
  /// Something came in: judged soon, not only at the next tick.
  void poke(Machine& m);
  void own_healing(Machine& m);
  void gossip(Machine& m);
  void learn_pause(Machine& m, const Machine& p, Instant asked, bool paused);
  Word word_of(const Machine& m);
  void heartbeat(Machine& m, Machine& peer);
  void ask_outside(Machine& m);
  void carry_out(Machine& m, const Decision& d);
  void question(Machine& m, Machine& witness, const Question& q);
  void lie(Testimony& said);
  Duration answers_ssh_within(const Machine& m, const Machine& peer);
  void knock(Machine& m, Machine& peer);
  void probe(Machine& m, Machine& peer);

  // Leases and treatments.
  struct StoreLease {
    std::string holder;
    std::uint64_t ticket = 0;
    Duration expires{};
  };
  void ask_lease(Machine& m, Machine& p, const Decision& d);
  void release(Machine& m, Machine& p, const Decision& d);
  void treat(Machine& m, Machine& p, const Decision& d);
  void report(Machine& m, Machine& p, std::uint64_t ticket, Verdict verdict);
  void lost_soon(Machine& m, Machine& p, std::uint64_t ticket);
  void start(Machine& p, Machine::Running run);
  /// Every five seconds: the lease is renewed, or the treatment ends with it.
  void go_on(Machine& p, unsigned number);
  void renew(Machine& p, unsigned number);
  void renew_now(Machine& p, unsigned number);
  Verdict take_effect(Machine& p, const Machine::Running& run);
  void reset(Machine& m, Machine& p, const Decision& d);

  // The promises.
  void judge_order(Machine& m, Machine& p, const Decision& d);
  void check_eyes(const Machine& m, const Decision& d, const std::string& who);
  void check_pause(const Machine& m, const Machine& p, const std::string& who);
  void check_patient(const Machine& m, const Machine& p, const Decision& d, const std::string& who);
  void check_reset(const Machine& m, const Machine& p, const std::string& who);
  void check_budget(const Machine& p, bool reset, const std::string& who);
  unsigned members_for(const Machine& m) const;
  void check_storm(Machine& p, Machine& m, const std::string& who);
  void check_brake(Machine& p, Machine& healer);
  bool in_touch(unsigned a, unsigned b) const;
  bool can_know(unsigned a, unsigned b) const;
  /// A fault that comes alone has a bound, and a storm that does is told.
  bool comes_alone(const Fault& f, Duration bound) const;
  void expect_healed(const Fault& f);
  void expect_told(const Fault& f);
  void note_speed(Machine& p);
  /// Some time after the last fault: who could be healed is healed, and nobody is at work.
  void calm();
  /// Nothing is wrong and nothing under way: on to a little before the next fault, as if all had slept.
  void skip();

  const Night& night_;
  Guards guards_;
  bool traced_;
  unsigned n_;
  std::mt19937_64 random_;
  MeshLimits limits_;
  std::vector<Machine> machines_;
  std::vector<char> up_, beats_, touch_;
  std::vector<Duration> touch_since_, touch_end_;
  std::vector<Event> events_;
  std::uint64_t seq_ = 0;
  std::size_t pending_ = 0;
  std::vector<std::pair<Duration, std::function<void()>>> agenda_;
  std::size_t agenda_at_ = 0;
  std::vector<Fault> active_;
  int slow_net_ = 0, lossy_ = 0;
  Duration now_{}, last_change_{}, last_outside_{}, quiet_since_{}, net_clear_since_{};
  std::map<unsigned, Duration> gossip_at_, alone_;
  std::optional<unsigned> last_healer_;
  Duration last_order_{};
  std::map<unsigned, StoreLease> store_;
  std::uint64_t store_fence_ = 0;
  std::set<std::pair<std::string, std::uint64_t>> orders_;
  struct Acted {
    Duration at{};  // of the order, and of its end once it has one
    Duration ordered{};
    std::uint64_t ticket = 0;
    unsigned healer = 0;
  };
  std::map<unsigned, std::vector<Acted>> acts_;
  Outcome out_;
};

}  // namespace meshops::sim
