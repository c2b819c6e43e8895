#include "agent/leases.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "mesh/view.h"

namespace meshops {

using namespace std::chrono_literals;
using mesh::BotLease;
using Act = BotLease::Verdict::Act;
using Because = BotLease::Verdict::Because;

namespace {

/// Its agent lived when its node was last heard, if it had spoken so lately.
constexpr Duration kLived = 10s;
/// A node of a larger mesh watches a few others and has the rest from gossip, which may take so long to miss
/// them.
constexpr Duration kGossipMisses = 2min;

std::string label(std::string_view node, std::string_view gateway) {
  return fmt::format("{}/{}", node, gateway);
}
std::string node_of(const std::string& label) { return label.substr(0, label.find('/')); }
std::string gateway_of(const std::string& label) { return label.substr(label.find('/') + 1); }

}  // namespace

Leases::Leases(const Mesh& mesh, const mesh::MeshLimits& limits, const Clock& clock, Records& records,
               Home home)
    : mesh_(mesh),
      limits_(limits),
      clock_(clock),
      records_(records),
      home_(std::move(home)),
      touch_(limits.sight_fresh, limits.stall) {
  for (const auto& spec : mesh_.gateways_of(mesh_.node))
    promises_ = promises_ || spec.yields_alone > Duration::zero();
  // An agent that begins anew has not been in touch since.
  if (auto text = read_file(touch_file(), 64); promises_ && text)
    if (auto at = to_number<std::int64_t>(trim(*text)))
      if (Instant then{Duration(*at)}; then <= clock_.now()) touch_.recall(then);
}

bool Leases::concerns(const Mesh& mesh, const GatewaySpec& spec) {
  if (!spec.stands_by_for.empty()) return true;
  return std::ranges::any_of(mesh.gateways, [&](const GatewaySpec& other) {
    return other.enabled && other.stands_by_for == label(mesh.node, spec.name);
  });
}

void Leases::hear(const std::vector<serf::Member>& members) {
  said_.clear();
  for (const auto& member : members) {
    auto tag = member.tags.find(std::string(mesh::kLeaseTag));
    said_[member.name] = {member.state == serf::MemberState::alive,
                          tag == member.tags.end() ? std::map<std::string, mesh::LeaseWord>{}
                                                   : mesh::parse_lease_tag(tag->second)};
  }
}

/// Empty: it shares no bot. Who stands by for it may be told by another node's file alone.
std::string Leases::primary_of(const GatewaySpec& spec) const {
  if (!spec.stands_by_for.empty()) return spec.stands_by_for;
  if (concerns(mesh_, spec)) return label(mesh_.node, spec.name);
  auto group = mesh::lease_group(mesh_.node, spec.name);
  bool named = std::ranges::any_of(
      said_, [&](const auto& said) { return said.first != mesh_.node && said.second.words.contains(group); });
  return named ? label(mesh_.node, spec.name) : std::string();
}

std::set<std::string> Leases::sharers(const std::string& primary, const std::string& group) const {
  std::set<std::string> out = {node_of(primary)};
  for (const auto& other : mesh_.gateways)
    if (other.enabled && other.stands_by_for == primary) out.insert(other.node);
  for (const auto& [node, said] : said_)
    if (said.words.contains(group)) out.insert(node);
  out.erase(mesh_.node);
  return out;
}

BotLease::Other Leases::look_at(const std::string& node, const std::string& primary, const std::string& group,
                                Instant now, const mesh::Judgement& judgement) const {
  BotLease::Other out{.node = node, .primary = node == node_of(primary)};
  const auto* view = judgement.view(node);
  if (view == nullptr) return out;
  auto said = said_.find(node);
  bool alive = said != said_.end() && said->second.alive;
  if (view->heard) {
    // A tag outlives the agent that set it: it counts while that agent is heard.
    out.heard = alive && view->heard->fresh(now, limits_.sight_fresh) &&
                view->heard->what.agent_age <= limits_.agent_stale;
    out.agent_lived = view->heard->what.agent_age <= kLived;
  }
  if (out.heard)
    if (auto word = said->second.words.find(group); word != said->second.words.end()) out.says = word->second;
  out.missed = !alive && judgement.against_acting_about(now, node) == mesh::Reason::well;
  return out;
}

/// Matters only to whoever has promised something for the time alone.
void Leases::watch_touch(Instant now, const mesh::Judgement& judgement) {
  if (!promises_) return;
  std::size_t watched = 1, reached = 1, members = 1, alive = 1;
  for (const auto& node : mesh_.nodes) {
    const auto* view = node.name == mesh_.node ? nullptr : judgement.view(node.name);
    if (view == nullptr || view->gossip == mesh::Gossip::left) continue;
    ++members;
    alive += view->gossip == mesh::Gossip::alive ? 1U : 0U;
  }
  for (const auto& name : judgement.watches(now)) {
    const auto* view = judgement.view(name);
    if (view == nullptr || view->gossip == mesh::Gossip::left) continue;
    ++watched;
    reached += mesh::reached(*view, now, limits_) ? 1U : 0U;
  }
  touch_.saw(now, !said_.empty() && 2 * reached > watched && (watched == members || 2 * alive > members));
  auto text = fmt::format("{}\n", touch_.last()->since_boot.count());
  if (auto kept = write_file_atomic(touch_file(), text); !kept) log::warn("mesh.bot", kept.error().text());
}

void Leases::tick(Instant now, const mesh::Judgement& judgement) {
  watch_touch(now, judgement);
  nodes_.clear();
  std::map<std::string, mesh::LeaseWord> words;
  for (const auto& gateway : home_.gateways()) {
    const auto& spec = gateway.spec;
    auto primary = primary_of(spec);
    if (primary.empty()) {
      // Nobody stands by for it any more.
      if (shared_.erase(spec.name) > 0) home_.obey(spec.name, {.act = Act::poll});
      continue;
    }
    if (!gateway.polls) continue;
    auto group = mesh::lease_group(node_of(primary), gateway_of(primary));
    auto at = shared_.find(spec.name);
    if (at == shared_.end()) {
      Shared fresh{.lease = {group, mesh_.node, spec.stands_by_for.empty(), {}, now},
                   .primary = primary,
                   .nodes = {},
                   .last = {}};
      std::error_code failed;
      fresh.rightful = std::filesystem::exists(mark_of(spec.name), failed);
      fresh.told = fresh.rightful;
      at = shared_.emplace(spec.name, std::move(fresh)).first;
    }
    auto& shared = at->second;
    shared.nodes = sharers(primary, group);
    nodes_.insert(shared.nodes.begin(), shared.nodes.end());
    std::vector<BotLease::Other> others;
    for (const auto& node : shared.nodes) others.push_back(look_at(node, primary, group, now, judgement));
    auto verdict = shared.lease.decide(now,
                                       {.polls = *gateway.polls,
                                        .asked = gateway.asked,
                                        .rightful = shared.rightful,
                                        .alone = touch_.alone(now),
                                        .yields_alone = spec.yields_alone},
                                       others);
    bool promises = spec.yields_alone > Duration::zero() && gateway.ends_within > Duration::zero();
    auto ends = spec.yields_alone + gateway.ends_within;
    if (mesh_.nodes.size() > limits_.watchers + 1) ends += kGossipMisses;
    words[group] = {verdict.say, promises ? ends : Duration::zero()};
    settle(gateway, shared, verdict);
    home_.obey(spec.name, verdict);
  }
  tag_ = mesh::lease_tag(words);
}

/// By the clock of this boot, in memory.
std::filesystem::path Leases::touch_file() const { return mesh_.socket.parent_path() / "in-touch"; }

/// For one boot: a gateway that runs after the next one was not started by us.
std::filesystem::path Leases::mark_of(const std::string& gateway) const {
  return mesh_.socket.parent_path() / ("took-over-" + gateway);
}

void Leases::settle(const Gateway& gateway, Shared& shared, const BotLease::Verdict& verdict) {
  const auto& name = gateway.spec.name;
  if (verdict.act != shared.last.act || verdict.because != shared.last.because ||
      verdict.node != shared.last.node)
    log::info("mesh.bot", fmt::format("{}: {} ({})", name, sentence(verdict), mesh::text(verdict.say)),
              {{"gateway", name}});
  shared.last = verdict;
  if (shared.lease.primary()) return;
  bool runs = *gateway.polls == mesh::Polls::runs;
  if (verdict.act == Act::poll && !shared.rightful) {
    shared.rightful = true;
    if (auto kept = write_file_atomic(mark_of(name), ""); !kept) log::warn("mesh.bot", kept.error().text());
    if (verdict.took_over && !gateway.asked) tell(gateway, shared, false), shared.told = true;
  }
  if (verdict.act == Act::yield || (verdict.act == Act::hold && !runs)) {
    if (std::exchange(shared.rightful, false)) {
      std::error_code ignored;
      std::filesystem::remove(mark_of(name), ignored);
    }
    if (verdict.because == Because::has_it && !runs && std::exchange(shared.told, false))
      tell(gateway, shared, true);
  }
}

void Leases::tell(const Gateway& gateway, const Shared& shared, bool over) {
  const auto& name = gateway.spec.name;
  auto headline = over ? fmt::format("{} has its bot again; {} stands by", shared.primary, name)
                       : fmt::format("{} takes over from {}, which is proven stopped", name, shared.primary);
  log::warn("mesh.bot", headline, {{"gateway", name}});
  alert::Alert out{.kind = over ? alert::Alert::Kind::recovered : alert::Alert::Kind::noticed,
                   .mesh = mesh_.name,
                   .node = mesh_.node,
                   .gateway = name,
                   .cause = {},
                   .headline = std::move(headline),
                   .lines = {},
                   .command = "meshops status",
                   .incident = {},
                   .at = clock_.wall()};
  if (!over)
    out.lines = {fmt::format("{} answers for the bot until {} is back", name, shared.primary),
                 "it has its own memory and workspace: what the other one was told, it does not know"};
  records_.tell(std::move(out));
}

bool Leases::agreed(const std::string& gateway, const std::string& node) const {
  auto shared = shared_.find(gateway);
  return shared != shared_.end() && shared->second.nodes.contains(node);
}

}  // namespace meshops
