#include "cli/render_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "mesh/limits.h"

namespace meshops::cli {

using Json = nlohmann::ordered_json;

namespace {

constexpr Duration kTerm = mesh::MeshLimits{}.lease_term;

bool fresh(const StoreRow& row) { return row.beat && *row.beat && (*row.beat)->age <= mesh::kBeatFresh; }
bool held(const StoreRead<mesh::StoreLease>& lease) { return !lease.what.released && lease.age < kTerm; }

/// To the second where it matters: whether 90 of them are over.
std::string text_of(Duration age) {
  constexpr auto kExact = std::chrono::minutes(10);
  return age < kExact ? duration_text(std::chrono::floor<std::chrono::seconds>(age)) : about(age);
}

std::string words(const Result<std::optional<StoreRead<mesh::Beat>>>& beat) {
  if (!beat) return printable(beat.error().text());
  if (!*beat) return "no heartbeat yet";
  const auto& [what, age] = **beat;
  return fmt::format("heartbeat {} ago{}{}", text_of(age), age <= mesh::kBeatFresh ? "" : ": too old",
                     what.paused ? "; paused by a person" : "");
}

std::string words(const StoreRead<mesh::StoreLease>& lease) {
  const auto& [what, age] = lease;
  auto is = held(lease)     ? fmt::format("held by {}, renewed {} ago", what.holder, text_of(age))
            : what.released ? fmt::format("given back by {} {} ago", what.holder, text_of(age))
                            : fmt::format("let go by {} {} ago", what.holder, text_of(age));
  return fmt::format("lease number {}: {}", what.fence, is);
}

Json seconds_of(Duration age) { return std::chrono::duration_cast<std::chrono::seconds>(age).count(); }

}  // namespace

bool StoreLook::good() const {
  return conditions.has_value() &&
         std::ranges::all_of(rows, [](const StoreRow& row) { return fresh(row) && row.lease.has_value(); });
}

std::string for_people(const StoreLook& look) {
  auto out = fmt::format("{}: {}\n", look.store,
                         look.conditions ? std::string("gives what was written, and refuses what it must")
                                         : printable(look.conditions.error().text()));
  if (!look.conditions && !look.conditions.error().hint_text().empty())
    out += fmt::format("  → {}\n", printable(look.conditions.error().hint_text()));
  std::size_t width = 0;
  for (const auto& row : look.rows) width = std::max(width, row.node.size());
  for (const auto& row : look.rows) {
    out += fmt::format("{:<{}}  {}\n", row.node, width, words(row.beat));
    if (!row.lease)
      out += fmt::format("{:<{}}  lease: {}\n", "", width, printable(row.lease.error().text()));
    else if (*row.lease)
      out += fmt::format("{:<{}}  {}\n", "", width, words(**row.lease));
  }
  return out;
}

std::string to_json(const StoreLook& look) {
  Json nodes = Json::array();
  for (const auto& row : look.rows) {
    Json node = {{"name", row.node}, {"fresh", fresh(row)}, {"beat", nullptr},
                 {"beat_said", ""},  {"lease", nullptr},    {"lease_said", ""}};
    if (!row.beat)
      node["beat_said"] = row.beat.error().text();
    else if (const auto& beat = *row.beat)
      node["beat"] = {
          {"age_s", seconds_of(beat->age)}, {"boot", beat->what.boot}, {"paused", beat->what.paused}};
    if (!row.lease)
      node["lease_said"] = row.lease.error().text();
    else if (const auto& lease = *row.lease)
      node["lease"] = {{"holder", lease->what.holder},     {"number", lease->what.fence},
                       {"ticket", lease->what.ticket},     {"age_s", seconds_of(lease->age)},
                       {"released", lease->what.released}, {"held", held(*lease)}};
    nodes.push_back(std::move(node));
  }
  Json out = {{"schema", "meshops.mesh-store/1"},
              {"mesh", look.mesh},
              {"store", look.store},
              {"conditions",
               {{"proven", look.conditions.has_value()},
                {"said", look.conditions ? "" : look.conditions.error().text()}}},
              {"nodes", std::move(nodes)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace meshops::cli
