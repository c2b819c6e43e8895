// Siblings: the lease on a patient, and what is done to it under one.
#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "agent/siblings.h"
#include "agent/within.h"
#include "base/log.h"
#include "base/text.h"
#include "mesh/found.h"

namespace meshops {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using mesh::Decision;
using mesh::Order;
using mesh::RemoteAnswer;
using mesh::RemoteCode;
using mesh::Trouble;
using mesh::Verb;
using Json = nlohmann::ordered_json;

namespace {

constexpr Duration kAsk = 12s;     // for an answer about the lease: less than Judgement waits
constexpr Duration kRevive = 60s;  // an agent has half a minute to answer after its start
constexpr Duration kReinstall = 3min;
constexpr Duration kFallback = 3min;
constexpr auto kProbeEvery = 3s;

asio::awaitable<void> rest(Duration d) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(d));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

store::Verdict in_ledger(mesh::Verdict verdict) {
  switch (verdict) {
    case mesh::Verdict::helped:
      return store::Verdict::helped;
    case mesh::Verdict::no_help:
      return store::Verdict::no_help;
    case mesh::Verdict::failed:
      break;
  }
  return store::Verdict::failed;
}

std::string why_not(const Result<RemoteAnswer>& answer) {
  if (!answer) return answer.error().text();
  return answer->message + (answer->hint.empty() ? "" : "; " + answer->hint);
}

}  // namespace

/// Of a patient that is reached, its own lease counts, and the store's beside it; of one that nobody reaches,
/// the store's is all there is.
asio::awaitable<Result<Siblings::Granted>> Siblings::lease_on(Decision decision) {
  std::weak_ptr<int> alive = alive_;
  const auto peer = decision.peer;
  const auto began = now();
  Granted out;
  if (decision.trouble != Trouble::unreachable) {
    mesh::RemoteSession::Question question{.verb = Verb::lease, .ticket = decision.ticket, .within = kAsk};
    auto answer = co_await ask(peer, std::move(question));
    if (alive.expired()) co_return fail(RemoteCode::no_lease, "the agent ends");
    if (!answer || !answer->good) co_return fail(RemoteCode::no_lease, "{}", why_not(answer));
    auto lease = mesh::parse_lease_report(answer->result, peer);
    if (!lease) co_return fail(std::move(lease).error());
    out.held.on_patient = lease->fence;
    out.history = std::move(lease->history);
  }
  auto refused = co_await take_in_store(decision, began, out.held);
  if (alive.expired()) co_return fail(RemoteCode::no_lease, "the agent ends");
  if (refused.empty()) co_return out;
  if (out.held.on_patient) spawn(give_back(peer, out.held));
  co_return fail(RemoteCode::leased, "{}", refused);
}

asio::awaitable<void> Siblings::take_lease(Decision decision) {
  std::weak_ptr<int> alive = alive_;
  const auto peer = decision.peer;
  auto lease = co_await lease_on(decision);
  if (alive.expired()) co_return;
  if (!lease) {
    log::info("mesh.lease", fmt::format("no lease on {}: {}", peer, lease.error().text()), {{"node", peer}});
    judgement_.lease_refused(now(), peer, decision.ticket);
    co_return poke();
  }
  seen(peer).held[decision.ticket] = lease->held;
  judgement_.lease_granted(now(), peer, decision.ticket, lease->held.fence(), lease->history);
  poke();
}

/// Why it must not be; empty: go on, with or without it.
asio::awaitable<std::string> Siblings::take_in_store(const Decision& decision, Instant began, Held& held) {
  using Is = OutsideWorld::Lease::Is;
  std::weak_ptr<int> alive = alive_;
  // A patient that is slow to give its own lease leaves less time for the store's.
  auto left = std::max<Duration>(kAsk - (now() - began), 1s);
  auto answer = co_await within(left, outside_.take(decision.peer, decision.ticket));
  if (alive.expired()) co_return std::string();
  auto lease = answer.value_or(
      OutsideWorld::Lease{.is = Is::not_reached, .said = "the object store does not answer in time"});
  if (lease.is == Is::held) held.in_store = lease.fence;
  if (lease.is == Is::refused) co_return std::move(lease.said);
  if (lease.is == Is::not_reached && !held.on_patient) co_return std::move(lease.said);
  if (!lease.said.empty())
    log::info("mesh.lease",
              fmt::format("goes on without the store's lease on {}: {}", decision.peer, lease.said),
              {{"node", decision.peer}});
  co_return std::string();
}

asio::awaitable<void> Siblings::give_back(std::string peer, std::uint64_t ticket) {
  auto& all = seen(peer).held;
  auto held = all.find(ticket);
  if (held == all.end()) co_return;  // it was never granted; if it comes later, Judgement says so again
  auto both = held->second;
  all.erase(held);
  co_await give_back(std::move(peer), both);
}

/// Each ends by itself when its time is over.
asio::awaitable<void> Siblings::give_back(std::string peer, Held held) {
  if (held.in_store) spawn(outside_.give_back(peer, *held.in_store));
  if (!held.on_patient) co_return;
  mesh::RemoteSession::Question question{.verb = Verb::release, .fence = *held.on_patient, .within = kAsk};
  auto answer = co_await ask(peer, std::move(question));
  if (!answer || !answer->good)
    log::debug("mesh.lease", fmt::format("{}: {}", peer, why_not(answer)), {{"node", peer}});
}

/// Until `over`; a lease that is lost makes it so.
asio::awaitable<void> Siblings::keep_lease(std::string peer, std::uint64_t ticket, Lost over) {
  using Is = OutsideWorld::Lease::Is;
  std::weak_ptr<int> alive = alive_;
  auto renewed = now();
  while (true) {
    co_await rest(limits_.lease_term / 3);
    if (alive.expired() || *over) co_return;
    auto found = seen(peer).held.find(ticket);
    if (found == seen(peer).held.end()) co_return;
    const auto held = found->second;
    std::string lost;
    if (held.on_patient) {
      mesh::RemoteSession::Question question{
          .verb = Verb::lease, .fence = *held.on_patient, .ticket = ticket, .within = kAsk};
      auto answer = co_await ask(peer, std::move(question));
      if (alive.expired() || *over) co_return;
      // One that does not answer just now may answer the next time; one that says no has given it to another.
      if (answer && !answer->good &&
          (answer->code == code_name(RemoteCode::no_lease) || answer->code == code_name(RemoteCode::leased)))
        lost = answer->message;
    }
    if (held.in_store && lost.empty()) {
      auto answer = co_await outside_.renew(peer, *held.in_store);
      if (alive.expired() || *over) co_return;
      if (answer.is == Is::held) renewed = now();
      // Where nobody reaches the patient, another may take it by now.
      bool ended = answer.is == Is::refused || now() - renewed >= limits_.lease_term;
      if (ended && !held.on_patient) lost = answer.said;
      if (ended && held.on_patient) {
        log::warn("mesh.lease",
                  fmt::format("the store's lease on {} is lost, its own counts: {}", peer, answer.said),
                  {{"node", peer}});
        if (auto still = seen(peer).held.find(ticket); still != seen(peer).held.end())
          still->second.in_store.reset();
      }
    }
    if (lost.empty()) continue;
    *over = true;
    log::warn("mesh.lease", fmt::format("the lease on {} is lost: {}", peer, lost), {{"node", peer}});
    co_return judgement_.lease_lost(now(), peer, ticket);
  }
}

Result<std::int64_t> Siblings::record(const Decision& decision, const std::string& by) {
  auto& of = seen(decision.peer);
  Json evidence = Json::array();
  evidence.push_back(fmt::format("{} {}", decision.peer, text(decision.trouble)));
  if (!of.said.empty()) evidence.push_back(of.said);
  if (of.report) {
    if (!of.report->agent_said.empty()) evidence.push_back("its agent: " + of.report->agent_said);
    for (const auto& gateway : of.report->gateways)
      if (mesh::is_ill(gateway)) evidence.push_back(fmt::format("{}: {}", gateway.name, gateway.summary));
  }
  return records_.ledger.begin(
      {.gateway = "node " + decision.peer,
       .cause = std::string(name(decision.trouble)),
       .score = 1,
       .remedy = std::string(text(decision.order)),
       .sentence = fmt::format("{}, under lease {}", sentence(decision), decision.fence),
       .evidence = evidence.dump(-1, ' ', false, Json::error_handler_t::replace),
       .by = by,
       .began = machine_.clock().wall()});
}

void Siblings::close_what_was_open() {
  auto open = records_.ledger.list({.gateway = {}, .since = {}, .only_open = true, .at_most = 1000});
  if (!open) return log::error("mesh.ledger", open.error().text());
  for (const auto& entry : *open)
    if (entry.gateway.starts_with("node "))
      (void)records_.ledger.end(entry.id, store::Verdict::interrupted, machine_.clock().wall(),
                                "meshops ended here meanwhile; the patient goes on by itself");
}

asio::awaitable<void> Siblings::treat(Decision decision, std::string by) {
  std::weak_ptr<int> alive = alive_;
  const auto peer = decision.peer;
  seen(peer).treating = true;
  log::warn("mesh.treats", sentence(decision),
            {{"node", peer}, {"order", std::string(text(decision.order))}});
  auto entry = record(decision, by);
  if (!entry) log::error("mesh.ledger", entry.error().text());
  auto over = std::make_shared<bool>(false);
  if (decision.fence != 0) spawn(keep_lease(peer, decision.ticket, over));
  auto outcome = co_await follow(decision, over);
  if (alive.expired()) co_return;
  bool lost = std::exchange(*over, true);
  auto& of = seen(peer);
  of.treating = false;
  if (lost) outcome = {mesh::Verdict::failed, "the lease was lost: " + outcome.said};
  log::warn("mesh.treated", fmt::format("{} on {}: {}", text(decision.order), peer, outcome.said),
            {{"node", peer}});
  if (entry) {
    auto ended =
        records_.ledger.end(*entry, in_ledger(outcome.verdict), machine_.clock().wall(), outcome.said);
    if (!ended) log::error("mesh.ledger", ended.error().text());
  }
  if (!lost) judgement_.treated(now(), peer, decision.ticket, outcome.verdict);
}

asio::awaitable<Siblings::Outcome> Siblings::follow(const Decision& decision, Lost over) {
  switch (decision.order) {
    case Order::revive: {
      auto out = co_await one(decision, Verb::agent, kRevive);
      co_return out;
    }
    case Order::heal: {
      auto out = co_await heal(decision, over);
      co_return out;
    }
    case Order::reinstall: {
      auto out = co_await one(decision, Verb::reinstall, kReinstall);
      co_return out;
    }
    case Order::fallback: {
      auto out = co_await one(decision, Verb::fallback, kFallback);
      co_return out;
    }
    case Order::reset: {
      auto out = co_await reset(decision.peer);
      co_return out;
    }
  }
  co_return Outcome{mesh::Verdict::failed, "there is no such order"};
}

asio::awaitable<Siblings::Outcome> Siblings::reset(const std::string& peer) {
  auto node = std::ranges::find(mesh_.nodes, peer, &NodeSpec::name);
  auto provider = mesh::provider_of(mesh_, *node, machine_.net(), machine_.clock());
  if (!provider) co_return Outcome{mesh::Verdict::failed, provider.error().text()};
  auto done = co_await (*provider)->reset();
  if (!done) co_return Outcome{mesh::Verdict::failed, done.error().text()};
  co_return Outcome{mesh::Verdict::helped, fmt::format("its provider has reset {}", node->instance)};
}

/// One deed, as long as it takes.
asio::awaitable<Siblings::Outcome> Siblings::one(const Decision& decision, Verb verb, Duration within) {
  mesh::RemoteSession::Question question{.verb = verb, .fence = decision.fence, .within = within};
  auto answer = co_await ask(decision.peer, std::move(question));
  if (!answer || !answer->good) co_return Outcome{mesh::Verdict::failed, why_not(answer)};
  auto report = mesh::parse_deed_report(answer->result);
  if (!report) co_return Outcome{mesh::Verdict::failed, report.error().text()};
  bool helped = report->outcome != mesh::DeedReport::Outcome::nothing;
  co_return Outcome{helped ? mesh::Verdict::helped : mesh::Verdict::no_help,
                    fmt::format("{}{}{}{}", text(report->outcome), report->said.empty() ? "" : ": ",
                                report->said, report->by_fallback ? " (by the script beside meshops)" : "")};
}

/// Each ill gateway in turn: the patient's own ladder runs there, and is watched until it ends.
asio::awaitable<Siblings::Outcome> Siblings::heal(const Decision& decision, Lost over) {
  std::weak_ptr<int> alive = alive_;
  const auto& peer = decision.peer;
  std::vector<std::string> ill;
  if (const auto& report = seen(peer).report)
    for (const auto& gateway : report->gateways)
      if (mesh::is_ill(gateway)) ill.push_back(gateway.name);
  if (ill.empty()) co_return Outcome{mesh::Verdict::failed, "it is not known which gateway is ill"};
  const auto until = now() + limits_.heal_bound;
  std::string said;
  bool all_well = true;
  for (const auto& name : ill) {
    mesh::RemoteSession::Question question{
        .verb = Verb::heal, .gateway = name, .fence = decision.fence, .within = until - now()};
    auto answer = co_await ask(peer, std::move(question));
    if (alive.expired() || *over) co_return Outcome{mesh::Verdict::failed, said};
    auto report = answer && answer->good
                      ? mesh::parse_heal_report(answer->result)
                      : Result<mesh::HealReport>(fail(RemoteCode::cannot, "{}", why_not(answer)));
    if (!report) {
      said += fmt::format("{}{}: {}", said.empty() ? "" : "; ", name, report.error().text());
      all_well = false;
      continue;
    }
    auto ended = *report;
    // Its agent goes on after it has answered.
    while (ended.outcome == mesh::HealReport::Outcome::at_it && now() < until) {
      co_await rest(kProbeEvery);
      co_await look(peer);
      if (alive.expired() || *over) co_return Outcome{mesh::Verdict::failed, said};
      const auto& seen_now = seen(peer).report;
      auto one = seen_now ? std::ranges::find(seen_now->gateways, name, &mesh::ProbeReport::Gateway::name)
                          : std::vector<mesh::ProbeReport::Gateway>::const_iterator{};
      if (!seen_now || one == seen_now->gateways.end()) continue;
      ended.said = one->summary;
      if (one->healing == "told") ended.outcome = mesh::HealReport::Outcome::told;
      if (one->state == "ready" && one->healing == "well") ended.outcome = mesh::HealReport::Outcome::healed;
    }
    bool well = ended.outcome == mesh::HealReport::Outcome::healed ||
                ended.outcome == mesh::HealReport::Outcome::nothing;
    all_well = all_well && well;
    said += fmt::format("{}{}: {} ({})", said.empty() ? "" : "; ", name, text(ended.outcome), ended.said);
  }
  co_return Outcome{all_well ? mesh::Verdict::helped : mesh::Verdict::no_help, said};
}

}  // namespace meshops
