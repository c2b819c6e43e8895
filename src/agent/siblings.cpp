#include "agent/siblings.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/within.h"
#include "base/log.h"
#include "mesh/found.h"
#include "mesh/heartbeat_keys.h"
#include "mesh/kept_file.h"
#include "mesh/store_of.h"
#include "mesh/word_file.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using mesh::Decision;
using mesh::Verb;
using Act = mesh::Decision::Act;

namespace {

constexpr auto kTurn = 500ms;
constexpr auto kPoke = 20ms;  // what comes in together is judged together
constexpr auto kDoorsEvery = 1min;
constexpr auto kBotsEvery = 5s;
/// Answers count for six seconds from their question: who has not answered by then is not reached, for now.
/// It is waited for longer, so that a slow line has its connection for the next look.
constexpr Duration kLookCounts = 4s, kLookLimit = 15s;
constexpr unsigned kMostLooks = 3;

mesh::Judgement::Setup setup_of(const Mesh& mesh, const mesh::MeshLimits& limits, mesh::Recalled recalled) {
  mesh::Judgement::Setup setup{.self = mesh.node,
                               .members = {},
                               .limits = limits,
                               .resettable = {},
                               .has_store = !mesh.store.url.empty(),
                               .remembers = recalled.remembers,
                               .kept = std::move(recalled.kept),
                               .guards = {}};
  for (const auto& node : mesh.nodes) {
    setup.members.push_back(node.name);
    if (mesh::can_reset(mesh, node)) setup.resettable.push_back(node.name);
  }
  return setup;
}

mesh::Recalled recalled(const Mesh& mesh, const std::string& boot, Instant now) {
  auto out = mesh::recall(mesh::remote_places(mesh), boot, now);
  if (!out.remembers) log::warn("mesh.memory", "begins without its memory of healing: " + out.why_not);
  return out;
}

mesh::Gossip gossip_of(serf::MemberState state) {
  switch (state) {
    case serf::MemberState::leaving:
    case serf::MemberState::left:
      return mesh::Gossip::left;
    case serf::MemberState::failed:
      return mesh::Gossip::failed;
    case serf::MemberState::alive:
    case serf::MemberState::unknown:
      break;
  }
  return mesh::Gossip::alive;
}

}  // namespace

Siblings::Siblings(const Mesh& mesh, Machine& machine, Records& records, Home home)
    : mesh_(mesh),
      machine_(machine),
      records_(records),
      home_(std::move(home)),
      limits_(mesh::MeshLimits::of(mesh.limits.profile)),
      boot_(mesh::boot_id()),
      judgement_(setup_of(mesh, limits_, recalled(mesh, boot_, machine.clock().now())),
                 machine.clock().now()),
      serf_(machine.executor(), mesh,
            {.members = [this](const std::vector<serf::Member>& members) { hear_members(members); },
             .asked =
                 [this](const mesh::Question& question) {
                   auto said = judgement_.asked(now(), question);
                   poke();
                   return said;
                 },
             .testified =
                 [this](const mesh::Testimony& said) {
                   judgement_.testified(said);
                   poke();
                 }}),
      pulse_(machine.executor(), mesh, machine.clock(),
             [this](std::string_view peer, Instant asked, const mesh::Word& word) {
               judgement_.heard(peer, asked, word);
               if (!mesh::well(word, limits_)) poke();
             }),
      echo_(mesh, machine),
      doorkeeper_(mesh, machine, records),
      leases_(mesh, limits_, machine.clock(), records, home_.leases),
      outside_(mesh, machine, boot_, mesh::store_of(mesh, machine.net(), machine.clock())),
      timer_(machine.executor()) {}

Siblings::~Siblings() = default;

void Siblings::spawn(asio::awaitable<void> task) {
  asio::co_spawn(machine_.executor(), std::move(task), asio::detached);
}

Siblings::Seen& Siblings::seen(const std::string& peer) {
  auto& out = seen_[peer];
  if (!out.session) out.session = std::make_unique<mesh::RemoteSession>(mesh_, machine_.clock(), peer);
  return out;
}

asio::awaitable<void> Siblings::run() {
  std::weak_ptr<int> alive = alive_;
  close_what_was_open();
  spawn(serf_.run());
  spawn(outside_.run([this] { return home_.word().paused; }));
  for (bool speaks = true;; speaks = !speaks) {
    if (speaks) tick();
    judge();
    timer_.expires_after(kTurn);
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (alive.expired()) co_return;
  }
}

void Siblings::tick() {
  auto word = home_.word();
  if (auto held = mesh::hold_word(mesh::word_file(mesh_), word_held_); !held)
    log::warn("mesh.word", held.error().text());
  if (auto said = mesh::write_word(mesh::word_file(mesh_), word, machine_.clock()); !said)
    log::warn("mesh.word", said.error().text());
  leases_.tick(now(), judgement_);
  // A plan with several nodes is no mesh yet: who has not joined watches nobody, and alarms nobody.
  if (!member_) return;
  renew_keys();
  judgement_.pause(word.paused);
  judgement_.own_network(pulse_.network());
  judgement_.care_for(now(), leases_.nodes());
  pulse_.beat(judgement_.watches(now()));
  echo_.call();
  if (now() - doors_at_ >= kDoorsEvery) {
    doors_at_ = now();
    spawn(doorkeeper_.look());
  }
  if (now() - bots_at_ >= kBotsEvery) look_at_bots();
  serf_.say(
      {{std::string(mesh::kBotsTag), mesh::bots_tag(bots_)}, {std::string(mesh::kLeaseTag), leases_.tag()}});
}

void Siblings::poke() {
  if (std::exchange(poked_, true)) return;
  spawn([](std::weak_ptr<int> alive, Siblings& self) -> asio::awaitable<void> {
    asio::steady_timer soon(co_await asio::this_coro::executor, kPoke);
    boost::system::error_code woken;
    co_await soon.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (alive.expired()) co_return;
    self.poked_ = false;
    self.judge();
  }(alive_, *this));
}

void Siblings::judge() {
  if (!member_) return;
  auto decisions = judgement_.decide(now());
  // What was decided outlives us from here on; then it is done.
  if (auto memory = judgement_.kept(); memory != saved_) {
    auto kept = mesh::keep(mesh::remote_places(mesh_), memory, boot_);
    if (kept)
      saved_ = std::move(memory);
    else
      log::warn("mesh.memory", kept.error().text());
  }
  for (auto& decision : decisions) carry_out(std::move(decision));
}

void Siblings::hear_members(const std::vector<serf::Member>& members) {
  std::vector<std::pair<std::string, mesh::Gossip>> known;
  for (const auto& node : mesh_.nodes) {
    auto member = std::ranges::find(members, node.name, &serf::Member::name);
    // One that Serf has never heard of may be a node that has not joined yet.
    auto gossip = member == members.end() ? mesh::Gossip::left : gossip_of(member->state);
    known.emplace_back(node.name, gossip);
  }
  if (!std::exchange(member_, true))
    log::info("mesh.member", fmt::format("{} is a member of mesh {}", mesh_.node, mesh_.name));
  judgement_.roster(now(), known);
  leases_.hear(members);
  tell_of_twins(members);
}

void Siblings::renew_keys() {
  auto fresh = heartbeat::refresh_keys(mesh_);
  if (!fresh) {
    if (trouble_ != fresh.error().code()) log::warn("mesh.heartbeat", fresh.error().text());
    trouble_ = fresh.error().code();
    return;
  }
  trouble_.clear();
  if (!fresh->keys.keys.empty()) mark_key_ = fresh->keys.keys.front();
  echo_.use_keys(fresh->keys);
  pulse_.use_keys(std::move(fresh->keys));
  if (!fresh->changed) return;
  log::info("mesh.heartbeat", "the mesh key has changed: who answers heartbeats is started again");
  echo_.start_again();
}

void Siblings::carry_out(Decision decision) {
  switch (decision.act) {
    case Act::nothing:
      return log::info("mesh.judges", sentence(decision), {{"node", decision.peer}});
    case Act::ask:
      return serf_.ask(decision.question, std::move(decision.witnesses));
    case Act::probe:
      spawn(look(decision.peer));
      return spawn(ask_outside(decision.peer));
    case Act::knock:
      return spawn(knock(decision.peer));
    case Act::ask_lease:
      log::info("mesh.judges", sentence(decision), {{"node", decision.peer}});
      return spawn(take_lease(std::move(decision)));
    case Act::treat:
      return spawn(treat(std::move(decision), "meshops"));
    case Act::release:
      return spawn(give_back(decision.peer, decision.ticket));
    case Act::tell:
    case Act::recovered:
      return tell(decision);
  }
}

asio::awaitable<Result<mesh::RemoteAnswer>> Siblings::ask(const std::string& peer,
                                                          mesh::RemoteSession::Question question) {
  auto answer = co_await seen(peer).session->ask(std::move(question));
  co_return answer;
}

asio::awaitable<void> Siblings::look(std::string peer) {
  auto& of = seen(peer);
  if (of.looks >= kMostLooks) co_return;
  std::weak_ptr<int> alive = alive_;
  auto asked = now();
  ++of.looks;
  // Where nobody was reached lately a socket waits, not a process: of fifty that are gone that would be
  // hundreds, and whoever hangs would have them all at its door.
  auto greeted = ok();
  if (!of.reached_at || asked - *of.reached_at > limits_.sight_fresh) {
    greeted = co_await greets(peer);
    if (alive.expired()) co_return;
    if (greeted) asked = now();
  }
  if (greeted) {
    auto answered = co_await within(kLookCounts, look_through(peer, asked));
    if (alive.expired() || answered) co_return;
    of.said = fmt::format("{} does not answer over SSH within {}", peer, duration_text(kLookCounts));
  } else {
    --of.looks;
    of.said = greeted.error().text();
  }
  judgement_.probed(peer, asked, {.ssh = false, .found = {}});
  poke();
}

asio::awaitable<void> Siblings::knock(std::string peer) {
  std::weak_ptr<int> alive = alive_;
  auto asked = now();
  auto greeted = co_await greets(peer);
  if (alive.expired()) co_return;
  judgement_.knocked(peer, asked, greeted.has_value());
  poke();
}

/// As long as somebody greets there, its machine runs and the way to it is open.
asio::awaitable<Status> Siblings::greets(std::string peer) {
  auto node = std::ranges::find(mesh_.nodes, peer, &NodeSpec::name);
  if (node == mesh_.nodes.end())
    co_return fail(error(mesh::RemoteCode::unreachable, "mesh.toml has no node {}", peer));
  Endpoint to{.host = node->address, .port = node->ssh_port, .unix_path = {}};
  auto greeting = co_await machine_.net().first_line(std::move(to), kLookCounts);
  if (!greeting) co_return fail(std::move(greeting).error());
  if (greeting->starts_with("SSH-")) co_return ok();
  co_return fail(error(mesh::RemoteCode::unreachable, "what answers at {}:{} is no SSH server", node->address,
                       node->ssh_port));
}

asio::awaitable<bool> Siblings::look_through(std::string peer, Instant asked) {
  std::weak_ptr<int> alive = alive_;
  mesh::RemoteSession::Question question{.verb = Verb::probe, .within = kLookLimit};
  auto answer = co_await ask(peer, std::move(question));
  if (alive.expired()) co_return false;
  auto& of = seen(peer);
  --of.looks;
  if (!answer)
    of.said = answer.error().text();
  else if (!answer->good)
    of.said = answer->message;
  else if (auto report = mesh::parse_probe_report(answer->result))
    of.report = std::move(*report), of.reported_at = asked, of.said.clear();
  else
    of.said = report.error().text();
  auto probe = mesh::probe_of(answer);
  if (probe.ssh) of.reached_at = asked;
  judgement_.probed(peer, asked, probe);
  poke();
  co_return true;
}

/// Since any layer of it answered us; nothing: none has since this agent began.
std::optional<Duration> Siblings::missed_for(const std::string& peer) {
  const auto* view = judgement_.view(peer);
  auto last = seen(peer).reached_at;
  if (view != nullptr && view->heard && (!last || view->heard->asked > *last)) last = view->heard->asked;
  if (!last) return std::nullopt;
  return now() - *last;
}

asio::awaitable<void> Siblings::ask_outside(std::string peer) {
  std::weak_ptr<int> alive = alive_;
  auto asked = now();
  auto missed = missed_for(peer);
  auto said = co_await outside_.ask(peer, missed);
  if (alive.expired() || !said) co_return;
  judgement_.outside(peer, asked, said->says);
  if (said->paused_ago) judgement_.paused_outside(peer, asked - *said->paused_ago);
  poke();
}

}  // namespace meshops
