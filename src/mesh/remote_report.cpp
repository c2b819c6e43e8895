#include "mesh/remote_report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "config/values.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::array<std::string_view, 4> kAgents = {"up", "dead", "hangs", "stopped"};
constexpr std::array<std::string_view, 4> kOutcomes = {"nothing", "healed", "told", "at_it"};
constexpr std::array<std::string_view, 5> kDeeds = {"up", "back", "restored", "done", "nothing"};
/// In a result, at `by`, where it is not meshops that answers.
constexpr std::string_view kFallback = "fallback";

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::int64_t ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

std::unexpected<Error> no_answer(std::string_view what) {
  return fail(RemoteCode::no_answer, "the patient's answer is not understood: {}", what);
}

// Of a peer that may lie: a member of another type counts as not there.
std::string text_of(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}
bool is_true(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_boolean() && at->get<bool>();
}
std::uint64_t number_of(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}
Duration ms_of(const Json& json, const char* key) {
  constexpr std::uint64_t kDay = 24ULL * 3600 * 1000;
  return std::chrono::milliseconds(std::min(number_of(json, key), kDay));
}

}  // namespace

std::string_view text(AgentState state) { return kAgents[static_cast<std::size_t>(state)]; }
std::string_view text(HealReport::Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::string_view text(DeedReport::Outcome outcome) { return kDeeds[static_cast<std::size_t>(outcome)]; }

std::string to_json(const ProbeReport& r) {
  Json gateways = Json::array();
  for (const auto& g : r.gateways)
    gateways.push_back({{"name", g.name},
                        {"state", g.state},
                        {"summary", g.summary},
                        {"live", g.live},
                        {"ready", g.ready},
                        {"wanted", g.wanted},
                        {"healing", g.healing}});
  return dump(
      {{"agent", text(r.agent)},
       {"agent_said", r.agent_said},
       {"gateways", gateways},
       {"lease", {{"holder", r.lease_holder}, {"fence", r.lease_fence}, {"left_ms", ms(r.lease_left)}}},
       {"own_treatment", r.own_treatment},
       {"observes_only", r.observes_only},
       {"paused", r.paused},
       {"by", r.by_fallback ? kFallback : "meshops"}});
}

Result<ProbeReport> parse_probe_report(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return no_answer("no probe");
  auto agent = std::ranges::find(kAgents, text_of(json, "agent"));
  if (agent == kAgents.end()) return no_answer("it says not how its agent is");
  ProbeReport r;
  r.agent = static_cast<AgentState>(agent - kAgents.begin());
  r.agent_said = text_of(json, "agent_said");
  if (auto gateways = json.find("gateways"); gateways != json.end() && gateways->is_array())
    for (const auto& g : *gateways)
      if (g.is_object())
        r.gateways.push_back({.name = text_of(g, "name"),
                              .state = text_of(g, "state"),
                              .summary = text_of(g, "summary"),
                              .live = is_true(g, "live"),
                              .ready = is_true(g, "ready"),
                              .wanted = is_true(g, "wanted"),
                              .healing = text_of(g, "healing")});
  if (auto lease = json.find("lease"); lease != json.end() && lease->is_object()) {
    r.lease_holder = text_of(*lease, "holder");
    r.lease_fence = number_of(*lease, "fence");
    r.lease_left = ms_of(*lease, "left_ms");
  }
  r.own_treatment = text_of(json, "own_treatment");
  r.observes_only = is_true(json, "observes_only");
  r.paused = is_true(json, "paused");
  r.by_fallback = text_of(json, "by") == kFallback;
  return r;
}

std::string to_json(const HealReport& r) {
  return dump({{"outcome", text(r.outcome)}, {"said", r.said}, {"by_agent", r.by_agent}});
}

Result<HealReport> parse_heal_report(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return no_answer("no healing");
  auto outcome = std::ranges::find(kOutcomes, text_of(json, "outcome"));
  if (outcome == kOutcomes.end()) return no_answer("it says not how the healing ended");
  return HealReport{.outcome = static_cast<HealReport::Outcome>(outcome - kOutcomes.begin()),
                    .said = text_of(json, "said"),
                    .by_agent = is_true(json, "by_agent")};
}

std::string to_json(const DeedReport& r) {
  return dump(
      {{"outcome", text(r.outcome)}, {"said", r.said}, {"by", r.by_fallback ? kFallback : "meshops"}});
}

Result<DeedReport> parse_deed_report(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return no_answer("no deed");
  auto outcome = std::ranges::find(kDeeds, text_of(json, "outcome"));
  if (outcome == kDeeds.end()) return no_answer("it says not what was done");
  return DeedReport{.outcome = static_cast<DeedReport::Outcome>(outcome - kDeeds.begin()),
                    .said = text_of(json, "said"),
                    .by_fallback = text_of(json, "by") == kFallback};
}

std::string to_json(const LeaseReport& r) {
  Json history = Json::array();
  for (const auto& t : r.history)
    history.push_back({{"healer", t.healer}, {"ticket", t.number}, {"age_ms", ms(t.age)}, {"over", t.over}});
  return dump({{"fence", r.fence}, {"left_ms", ms(r.left)}, {"history", history}});
}

Result<LeaseReport> parse_lease_report(std::string_view text, const std::string& patient) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return no_answer("no lease");
  LeaseReport r{.fence = number_of(json, "fence"), .left = ms_of(json, "left_ms"), .history = {}};
  if (r.fence == 0) return no_answer("a lease without a number");
  if (auto history = json.find("history"); history != json.end() && history->is_array())
    for (const auto& t : *history) {
      if (r.history.size() == TreatmentLog::kMost) break;
      if (!t.is_object() || values::name(text_of(t, "healer"))) continue;
      r.history.push_back({.patient = patient,
                           .healer = text_of(t, "healer"),
                           .number = number_of(t, "ticket"),
                           .age = ms_of(t, "age_ms"),
                           .over = is_true(t, "over")});
    }
  return r;
}

}  // namespace meshops::mesh
