// The ledger as JSON (meshops.ledger/1) and for a terminal. Pure.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "store/ledger.h"

namespace meshops::store {

using Json = nlohmann::ordered_json;

namespace {

/// JSON that was recorded as text; if it is none of that shape, the text itself, so that nothing is hidden.
Json recorded(const std::string& text, bool (Json::*shape)() const noexcept) {
  auto json = Json::parse(text, nullptr, false);
  return (json.*shape)() ? json : Json(text);
}

Json json_of(const Step& step) {
  return {{"number", step.number},
          {"words", step.words},
          {"action", step.action.empty() ? Json(nullptr) : recorded(step.action, &Json::is_object)},
          {"deed", text(step.deed)},
          {"at", iso8601(step.at)},
          {"took_ms", milliseconds(step.took)},
          {"error", step.error}};
}

Json json_of(const Entry& entry) {
  Json json = {
      {"id", entry.id},
      {"gateway", entry.gateway},
      {"cause", entry.cause},
      {"score", entry.score},
      {"remedy", entry.remedy},
      {"sentence", entry.sentence},
      {"evidence", entry.evidence.empty() ? Json::array() : recorded(entry.evidence, &Json::is_array)},
      {"incident", entry.incident},
      {"by", entry.by},
      {"began", iso8601(entry.began)},
      {"ended", entry.ended ? Json(iso8601(*entry.ended)) : Json(nullptr)},
      {"took_s", entry.ended ? Json(seconds(*entry.ended - entry.began)) : Json(nullptr)},
      {"verdict", text(entry.verdict)},
      {"note", entry.note}};
  json["steps"] = Json::array();
  for (const auto& step : entry.steps) json["steps"].push_back(json_of(step));
  return json;
}

/// One line of a terminal: printable, and cut between two letters if it is long.
std::string line(std::string_view text, std::size_t at_most = 200) {
  auto out = printable(text);
  if (out.size() <= at_most) return out;
  auto end = at_most;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

std::string when(WallTime then, WallTime now) {
  // After the clock went back, "in 3 h" would be nonsense.
  return then > now ? iso8601(then) : about(now - then) + " ago";
}

std::string_view words_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::open:
      return "under way";
    case Verdict::helped:
      return "helped";
    case Verdict::no_help:
      return "did not help";
    case Verdict::failed:
      return "failed";
    case Verdict::interrupted:
      return "was interrupted";
    case Verdict::undone:
      return "was undone";
  }
  return {};
}

std::string words_for(const Step& step) {
  switch (step.deed) {
    case Deed::intended:
      return step.words + " (begun)";
    case Deed::done:
      return step.words;
    case Deed::failed:
      return step.words + (step.error.empty() ? " (failed)" : " (failed: " + step.error + ")");
    case Deed::undone:
      return step.words + " (undone)";
  }
  return {};
}

std::string steps_line(const std::vector<Step>& steps) {
  constexpr std::size_t kShown = 4;
  if (steps.empty()) return "no step was taken";
  std::string out;
  for (std::size_t i = 0; i < std::min(steps.size(), kShown); ++i)
    out += (i == 0 ? "" : "; ") + line(words_for(steps[i]), 90);
  if (steps.size() > kShown) out += fmt::format("; and {} more", steps.size() - kShown);
  return out;
}

/// The first piece of evidence, and how many more there are; empty if there is none.
std::string evidence_line(const std::string& evidence) {
  auto json = Json::parse(evidence, nullptr, false);
  if (!json.is_array() || json.empty() || !json[0].is_string()) return {};
  auto out = line(json[0].get<std::string>(), 140);
  return json.size() == 1 ? out : fmt::format("{} (and {} more)", out, json.size() - 1);
}

}  // namespace

std::string to_json(const std::vector<Entry>& entries) {
  Json json = {{"schema", "meshops.ledger/1"}, {"entries", Json::array()}};
  for (const auto& entry : entries) json["entries"].push_back(json_of(entry));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string for_people(const std::vector<Entry>& entries, WallTime now) {
  if (entries.empty()) return "nothing was done to any gateway yet\n";
  std::string out;
  for (const auto& entry : entries) {
    if (!out.empty()) out += "\n";
    out += fmt::format(
        "{}  {}  {} → {}  {}, {}{}\n", entry.id, line(entry.gateway), line(entry.cause), line(entry.remedy),
        words_for(entry.verdict), when(entry.began, now),
        entry.ended && *entry.ended >= entry.began ? ", took " + about(*entry.ended - entry.began) : "");
    out += fmt::format("    {}\n", line(entry.sentence));
    if (auto why = evidence_line(entry.evidence); !why.empty()) out += fmt::format("    because: {}\n", why);
    // What was done to a node is one order over SSH, which the note tells of.
    if (!entry.steps.empty() || !entry.gateway.starts_with("node "))
      out += fmt::format("    did: {}\n", steps_line(entry.steps));
    if (!entry.note.empty()) out += fmt::format("    {}\n", line(entry.note));
  }
  return out;
}

}  // namespace meshops::store
