// Siblings: the lease on a patient, and what is done to it under one.
#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "agent/siblings.h"
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

asio::awaitable<void> Siblings::take_lease(Decision decision) {
  std::weak_ptr<int> alive = alive_;
  const auto peer = decision.peer;
  mesh::RemoteSession::Question question{.verb = Verb::lease, .ticket = decision.ticket, .within = kAsk};
  auto answer = co_await ask(peer, std::move(question));
  if (alive.expired()) co_return;
  auto lease = answer && answer->good
                   ? mesh::parse_lease_report(answer->result, peer)
                   : Result<mesh::LeaseReport>(fail(RemoteCode::no_lease, "{}", why_not(answer)));
  if (!lease) {
    log::info("mesh.lease", fmt::format("{} gives no lease: {}", peer, lease.error().text()),
              {{"node", peer}});
    judgement_.lease_refused(now(), peer, decision.ticket);
    co_return poke();
  }
  seen(peer).fences[decision.ticket] = lease->fence;
  judgement_.lease_granted(now(), peer, decision.ticket, lease->fence, lease->history);
  poke();
}

asio::awaitable<void> Siblings::give_back(std::string peer, std::uint64_t ticket) {
  auto& fences = seen(peer).fences;
  auto held = fences.find(ticket);
  if (held == fences.end()) co_return;  // it was never granted; if it comes later, Judgement says so again
  auto fence = held->second;
  fences.erase(held);
  mesh::RemoteSession::Question question{.verb = Verb::release, .fence = fence, .within = kAsk};
  auto answer = co_await ask(peer, std::move(question));
  // It ends by itself when its time is over.
  if (!answer || !answer->good)
    log::debug("mesh.lease", fmt::format("{}: {}", peer, why_not(answer)), {{"node", peer}});
}

/// Until `over`; a lease that is lost makes it so.
asio::awaitable<void> Siblings::keep_lease(std::string peer, std::uint64_t ticket, std::uint64_t fence,
                                           Lost over) {
  std::weak_ptr<int> alive = alive_;
  while (true) {
    co_await rest(limits_.lease_term / 3);
    if (alive.expired() || *over) co_return;
    mesh::RemoteSession::Question question{
        .verb = Verb::lease, .fence = fence, .ticket = ticket, .within = kAsk};
    auto answer = co_await ask(peer, std::move(question));
    if (alive.expired() || *over) co_return;
    // One that does not answer just now may answer the next time; one that says no has given it to another.
    bool lost =
        answer && !answer->good &&
        (answer->code == code_name(RemoteCode::no_lease) || answer->code == code_name(RemoteCode::leased));
    if (!lost) continue;
    *over = true;
    log::warn("mesh.lease", fmt::format("the lease on {} is lost: {}", peer, answer->message),
              {{"node", peer}});
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
  if (decision.fence != 0) spawn(keep_lease(peer, decision.ticket, decision.fence, over));
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
