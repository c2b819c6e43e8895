#include "agent/visits.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace meshops {

using namespace std::chrono_literals;

namespace {

/// As its healer's ledger calls it.
std::string remedy_of(std::string_view deed) { return deed == "agent" ? "revive" : std::string(deed); }
bool is_of_the_agent(std::string_view deed) {
  return deed == "agent" || deed == "reinstall" || deed == "fallback";
}

}  // namespace

void record_visits(const std::vector<mesh::Visit>& visits, const std::string& node, Instant now,
                   WallTime wall, store::Ledger& ledger) {
  // The numbers of leases grow for ever, so that a sentence tells two treatments apart.
  auto known = ledger.list({.gateway = "node " + node, .since = wall - 24h, .at_most = 200});
  if (!known) return log::error("mesh.ledger", known.error().text());
  for (const auto& visit : visits) {
    std::vector<std::string> remedies;
    for (const auto& deed : visit.deeds)
      if (is_of_the_agent(deed)) remedies.push_back(remedy_of(deed));
    if (remedies.empty()) continue;
    auto sentence = fmt::format("{} brought this node's agent back: {}, under lease {}", visit.healer,
                                join(remedies, ", "), visit.fence);
    if (std::ranges::find(*known, sentence, &store::Entry::sentence) != known->end()) continue;
    auto entry =
        ledger.begin({.gateway = "node " + node,
                      .cause = "agent_dead",
                      .score = 1,
                      .remedy = remedies.back(),
                      .sentence = std::move(sentence),
                      .evidence = "[]",
                      .by = visit.healer,
                      .began = wall - std::chrono::duration_cast<WallTime::duration>(now - visit.begun)});
    if (!entry) return log::error("mesh.ledger", entry.error().text());
    auto ended = ledger.end(*entry, store::Verdict::helped, wall, "its agent runs, and writes this");
    if (!ended) log::error("mesh.ledger", ended.error().text());
  }
}

}  // namespace meshops
