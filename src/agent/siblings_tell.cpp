// Siblings: what people are told, and what they ask for.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/siblings.h"
#include "base/log.h"
#include "base/text.h"
#include "mesh/found.h"

namespace meshops {

namespace asio = boost::asio;
using mesh::Decision;
using mesh::Order;
using mesh::Trouble;
using mesh::Verb;
using Json = nlohmann::ordered_json;

namespace {

/// Seconds with three digits after the point.
Json age(Duration d) { return std::round(milliseconds(d)) / 1000; }

/// What a person would order, seeing this: the first rung.
std::optional<Order> order_for(const mesh::ProbeReport& report) {
  auto found = mesh::found_in(report);
  if (!found.agent_runs) return Order::revive;
  if (found.gateways == mesh::Gateways::ill || found.gateways == mesh::Gateways::given_up) return Order::heal;
  return std::nullopt;
}

}  // namespace

void Siblings::tell(const Decision& decision) {
  bool over = decision.act == Decision::Act::recovered;
  auto headline = sentence(decision);
  log::warn(over ? "mesh.recovered" : "mesh.tells", headline, {{"node", decision.peer}});
  alert::Alert out{.kind = over ? alert::Alert::Kind::recovered : alert::Alert::Kind::stopped,
                   .mesh = mesh_.name,
                   .node = decision.peer.empty() ? mesh_.node : decision.peer,
                   .gateway = {},
                   .cause = {},
                   .headline = std::move(headline),
                   .lines = {},
                   .command = decision.peer.empty()
                                  ? "meshops status"
                                  : fmt::format("meshops path {} {}", mesh_.node, decision.peer),
                   .incident = {},
                   .at = machine_.clock().wall()};
  if (!over && !decision.peer.empty()) {
    const auto& of = seen(decision.peer);
    if (!of.said.empty()) out.lines.push_back(of.said);
    if (of.report && !of.report->agent_said.empty()) out.lines.push_back(of.report->agent_said);
  }
  records_.tell(std::move(out));
}

void Siblings::look_at_bots() {
  bots_at_ = now();
  if (mark_key_.empty()) return;
  bots_.clear();
  for (const auto& spec : home_.running())
    for (const auto& bot : bots_of(spec, machine_.host()))
      bots_.push_back({mesh::mark_of(bot, mark_key_), spec.name, bot.channel});
}

/// Of the two nodes, the first by name tells; the other one only where that one's agent is not heard.
void Siblings::tell_of_twins(const std::vector<serf::Member>& members) {
  auto found = mesh::twins(bots_, mesh_.node, members);
  // Where the owner has said which of the two stands by, one of them gives way.
  std::erase_if(found, [&](const mesh::Twin& t) { return leases_.agreed(t.own.gateway, t.node); });
  for (const auto& twin : found) {
    const auto* other = judgement_.view(twin.node);
    bool other_tells = twin.node < mesh_.node && other != nullptr && other->heard &&
                       other->heard->fresh(now(), limits_.sight_fresh) &&
                       other->heard->what.agent_age <= limits_.agent_stale;
    if (other_tells || std::ranges::find(told_twins_, twin) != told_twins_.end()) continue;
    told_twins_.push_back(twin);
    auto headline = fmt::format("{} here and a gateway of node {} are the same {} bot: messages get lost",
                                twin.own.gateway, twin.node, twin.own.channel);
    log::warn("mesh.twins", headline, {{"gateway", twin.own.gateway}, {"node", twin.node}});
    records_.tell({.kind = alert::Alert::Kind::noticed,
                   .mesh = mesh_.name,
                   .node = mesh_.node,
                   .gateway = twin.own.gateway,
                   .cause = "channel_token_conflict",
                   .headline = std::move(headline),
                   .lines = {"each of them takes the other's connection every half minute",
                             "give one of them a bot of its own, or switch the channel off there"},
                   .command = fmt::format("meshops stop {}   (here, or the other one on {})",
                                          twin.own.gateway, twin.node),
                   .incident = {},
                   .at = machine_.clock().wall()});
  }
  std::erase_if(told_twins_, [&](const mesh::Twin& twin) {
    if (std::ranges::find(found, twin) != found.end()) return false;
    log::info("mesh.twins",
              fmt::format("{} is the only {} bot of its kind again", twin.own.gateway, twin.own.channel));
    return true;
  });
}

std::string Siblings::trouble() const {
  const auto& serf = serf_.trouble();
  if (!serf.sentence().empty()) return serf.text();
  return member_ ? std::string() : std::string("it has not heard of the others yet");
}

Json Siblings::status() const {
  Json out = Json::array();
  if (!member_) return out;
  const auto watched = judgement_.watches(now());
  for (const auto& standing : judgement_.standings()) {
    const auto* view = judgement_.view(standing.peer);
    if (view == nullptr) continue;
    auto known = seen_.find(standing.peer);
    Json node = {{"name", standing.peer},
                 {"self", false},
                 {"trouble", name(standing.trouble)},
                 {"summary", standing.trouble == Trouble::none ? "well" : text(standing.trouble)},
                 {"gossip", text(view->gossip)},
                 // In a larger mesh, others watch it: then what was heard is as old as it is.
                 {"watched", std::ranges::find(watched, standing.peer) != watched.end()},
                 {"heard_s_ago", view->heard ? age(now() - view->heard->asked) : Json(nullptr)},
                 {"agent_s_ago", view->heard ? age(now() - view->heard->asked + view->heard->what.agent_age)
                                             : Json(nullptr)},
                 {"looked_s_ago", view->probed ? age(now() - view->probed->asked) : Json(nullptr)},
                 {"gateways_are", text(gateways_of(*view))},
                 {"paused", paused(*view)},
                 {"heals_itself", heals_itself(*view)}};
    // Of one that is well nothing is to be explained.
    if (standing.trouble != Trouble::none) {
      node["stage"] = text(standing.stage);
      node["reason"] = text(standing.reason);
      node["why"] = sentence(standing.reason);
    }
    node["gateways"] = Json::array();
    if (known != seen_.end() && known->second.report) {
      node["gateways_s_ago"] = age(now() - known->second.reported_at);
      for (const auto& gateway : known->second.report->gateways)
        node["gateways"].push_back({{"name", gateway.name},
                                    {"state", gateway.state},
                                    {"summary", gateway.summary},
                                    {"healing", gateway.healing}});
    }
    if (known != seen_.end() && !known->second.said.empty()) node["said"] = known->second.said;
    out.push_back(std::move(node));
  }
  return out;
}

Result<std::string> Siblings::person_asks(const std::string& node, std::string by) {
  if (limits_.profile == Profile::observe_only)
    return fail(error(GatewayCode::not_supported, "this node only observes")
                    .hint("[limits] profile in {} says so", mesh_.source.string()));
  if (seen(node).treating) return fmt::format("{} is under treatment already", node);
  seen(node).treating = true;
  spawn(treat_for_person(node, std::move(by)));
  return std::string("it is looked at, and treated if it is ill; what is done stands in: meshops ledger");
}

asio::awaitable<void> Siblings::treat_for_person(std::string node, std::string by) {
  std::weak_ptr<int> alive = alive_;
  co_await look(node);
  if (alive.expired()) co_return;
  auto& of = seen(node);
  of.treating = false;
  auto order = of.report && of.said.empty() ? order_for(*of.report) : std::nullopt;
  if (!order)
    co_return log::info("mesh.person",
                        fmt::format("nothing is done on {}: {}", node,
                                    of.said.empty() ? "its agent runs and its gateways are well" : of.said));
  Decision decision{.act = Decision::Act::treat,
                    .peer = node,
                    .reason = mesh::Reason::treats,
                    .trouble = *order == Order::revive ? Trouble::agent_dead : Trouble::gateways_ill,
                    .order = *order,
                    .ticket = static_cast<std::uint64_t>(now().since_boot.count())};
  // Judgement has not asked for it, and would give it back.
  auto lease = co_await lease_on(decision);
  if (alive.expired()) co_return;
  if (!lease)
    co_return log::info("mesh.person", fmt::format("nothing is done on {}: {}", node, lease.error().text()));
  seen(node).held[decision.ticket] = lease->held;
  decision.fence = lease->held.fence();
  co_await treat(decision, std::move(by));
  if (alive.expired()) co_return;
  co_await give_back(node, decision.ticket);
}

asio::awaitable<Result<Json>> Siblings::rehearse(std::string node) {
  co_await look(node);
  Json out = {{"schema", "meshops.heal-node/1"}, {"node", node}};
  for (const auto& standing : judgement_.standings())
    if (standing.peer == node) {
      out["trouble"] = name(standing.trouble);
      out["stage"] = text(standing.stage);
      out["reason"] = text(standing.reason);
      out["why"] = sentence(standing.reason);
    }
  const auto& of = seen(node);
  out["said"] = of.said;
  auto order = of.report && of.said.empty() ? order_for(*of.report) : std::nullopt;
  out["order"] = order ? Json(text(*order)) : Json(nullptr);
  out["gateways"] = Json::array();
  if (of.report)
    for (const auto& gateway : of.report->gateways)
      out["gateways"].push_back(
          {{"name", gateway.name}, {"state", gateway.state}, {"summary", gateway.summary}});
  co_return out;
}

}  // namespace meshops
