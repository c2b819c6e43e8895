#include "mesh/roster.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"

namespace meshops {

namespace {

Presence presence_of(serf::MemberState state) {
  switch (state) {
    case serf::MemberState::alive:
      return Presence::alive;
    case serf::MemberState::leaving:
      return Presence::leaving;
    case serf::MemberState::left:
      return Presence::left;
    case serf::MemberState::failed:
    case serf::MemberState::unknown:
      break;
  }
  return Presence::failed;
}

/// In one form, so that two spellings are equal; empty if it is a name, which nobody resolves here.
std::string plain_address(const std::string& address) {
  std::array<unsigned char, 16> raw{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  for (int family : {AF_INET, AF_INET6})
    if (::inet_pton(family, address.c_str(), raw.data()) == 1 &&
        ::inet_ntop(family, raw.data(), out.data(), out.size()) != nullptr)
      return out.data();
  return {};
}

std::string tag(const serf::Member& member, const char* name) {
  auto found = member.tags.find(name);
  return found == member.tags.end() ? "" : printable(found->second).substr(0, 64);
}

void describe(RosterEntry& entry, const serf::Member& member) {
  entry.presence = presence_of(member.state);
  entry.address = member.address;
  entry.port = member.port;
  entry.version = tag(member, "version");
  entry.plan = tag(member, "plan");
  entry.mesh = tag(member, "mesh");
}

}  // namespace

std::string_view text(Presence presence) {
  switch (presence) {
    case Presence::alive:
      return "alive";
    case Presence::failed:
      return "failed";
    case Presence::leaving:
      return "leaving";
    case Presence::left:
      return "left";
    case Presence::unseen:
      break;
  }
  return "never seen";
}

const RosterEntry* Roster::find(std::string_view name) const {
  auto found = std::ranges::find(entries, name, &RosterEntry::name);
  return found == entries.end() ? nullptr : &*found;
}

std::size_t Roster::alive() const {
  return static_cast<std::size_t>(std::ranges::count(entries, Presence::alive, &RosterEntry::presence));
}

Roster roster(const Roster& before, const Mesh& mesh, const std::vector<serf::Member>& members, Instant at,
              std::string_view own_plan) {
  std::map<std::string_view, const serf::Member*> seen;
  for (const auto& member : members) seen.emplace(member.name, &member);
  std::map<std::string_view, const RosterEntry*> known;
  for (const auto& entry : before.entries) known.emplace(entry.name, &entry);

  Roster out{.node = mesh.node, .mesh = mesh.name, .at = at, .entries = {}};
  out.entries.reserve(std::max(members.size(), mesh.nodes.size()));
  for (const auto& node : mesh.nodes) {
    RosterEntry entry{.name = node.name, .planned = true};
    if (auto found = seen.find(node.name); found != seen.end()) {
      describe(entry, *found->second);
      seen.erase(found);
      auto planned = plain_address(node.address);
      if (!planned.empty() && !entry.address.empty() && planned != plain_address(entry.address))
        entry.remarks.push_back(fmt::format("mesh.toml has it at {}", planned));
    }
    out.entries.push_back(std::move(entry));
  }
  for (const auto& [name, member] : seen) {
    RosterEntry entry{.name = printable(name)};
    describe(entry, *member);
    entry.remarks.emplace_back("not in mesh.toml");
    out.entries.push_back(std::move(entry));
  }

  for (auto& entry : out.entries) {
    auto last = known.find(entry.name);
    entry.since = last != known.end() && last->second->presence == entry.presence ? last->second->since : at;
    if (entry.presence == Presence::alive)
      entry.alive_at = at;
    else if (last != known.end())
      entry.alive_at = last->second->alive_at;
    if (entry.presence != Presence::alive) continue;
    if (entry.mesh != mesh.name)
      entry.remarks.push_back(entry.mesh.empty() ? std::string("no member of meshops")
                                                 : fmt::format("calls its mesh {}", quote(entry.mesh)));
    else if (!own_plan.empty() && entry.plan != own_plan)
      entry.remarks.emplace_back("has another mesh.toml");
  }
  return out;
}

bool asks_again(const serf::Event& event) { return event.kind == serf::Event::Kind::members; }

std::vector<std::string> absent(const Roster& roster) {
  std::vector<std::string> out;
  for (const auto& entry : roster.entries)
    if (entry.presence != Presence::alive && (entry.planned || entry.presence == Presence::failed))
      out.push_back(entry.name);
  return out;
}

}  // namespace meshops
