#include "diagnose/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "diagnose/reasons.h"
#include "diagnose/scan.h"

namespace meshops::diagnose {

namespace {

/// The second and later pieces of evidence for a cause often say the first again in other words.
constexpr double kFurtherEvidence = 0.6;
/// Facts in words are read by the same signatures as logs, but were written by another hand.
constexpr double kWordsOfFacts = 0.8;
constexpr int kClear = 30;
/// A cause that is not at least this likely explains nothing away.
constexpr double kExplainsFrom = 0.5;

struct Found {
  Evidence evidence;
  const Points* to = nullptr;
  std::size_t points = 0;
  double trust = 1;
};

std::string shown(std::string_view text) {
  auto out = printable(without_keys(trim(text)));
  if (out.size() <= kEvidenceShown) return out;
  auto cut = kEvidenceShown - 3;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
  return out.substr(0, cut) + "…";
}

/// Everything seen, by id; of a signature that was seen more than once, the first.
using Seen = std::map<std::string_view, Found>;

void look_at_text(Seen& seen, std::string_view text, bool facts) {
  for (const auto& hit : scan(text)) {
    const auto& signature = signatures()[hit.signature];
    Found found{.evidence = {.id = std::string(signature.id),
                             .line = facts ? 0 : hit.line,
                             .text = shown(hit.text),
                             .percent = 0},
                .to = signature.to,
                .points = std::size(signature.to),
                .trust = facts && !signature.id.starts_with("fact_") ? kWordsOfFacts : 1.0};
    seen.try_emplace(signature.id, std::move(found));
  }
}

struct Weighed {
  double score = 0;
  std::vector<Evidence> evidence;
  std::vector<Evidence> against;
  std::vector<Cause> explains;
};
using Scales = std::array<Weighed, kCauses>;

std::size_t at(Cause cause) { return static_cast<std::size_t>(cause); }

void put_on(Scales& scales, const Found& found) {
  for (std::size_t i = 0; i < found.points && found.to[i].percent > 0; ++i) {
    auto evidence = found.evidence;
    evidence.percent = static_cast<int>(found.to[i].percent * found.trust);
    scales[at(found.to[i].cause)].evidence.push_back(std::move(evidence));
  }
}

/// Noisy-or: each piece of evidence alone leaves 1 - p of doubt.
void weigh(Weighed& side) {
  std::ranges::sort(side.evidence, {},
                    [](const Evidence& e) { return std::tuple(-e.percent, e.line, std::string_view(e.id)); });
  // What speaks clearly is not made more certain by its own words being there.
  if (!side.evidence.empty() && side.evidence[0].percent >= kClear)
    std::erase_if(side.evidence, [](const Evidence& e) { return is_weak(e.id); });
  double doubt = 1;
  for (std::size_t i = 0; i < side.evidence.size(); ++i)
    doubt *= 1 - side.evidence[i].percent / 100.0 * (i == 0 ? 1.0 : kFurtherEvidence);
  side.score = 1 - doubt;
}

void explain_away(Scales& scales) {
  std::array<double, kCauses> before{};
  for (std::size_t i = 0; i < kCauses; ++i) before[i] = scales[i].score;
  for (const auto& pair : explanations()) {
    auto primary = before[at(pair.primary)];
    auto& secondary = scales[at(pair.secondary)];
    if (primary < kExplainsFrom || before[at(pair.secondary)] < kWorthAWord) continue;
    secondary.score *= 1 - pair.percent / 100.0 * primary;
    scales[at(pair.primary)].explains.push_back(pair.secondary);
  }
}

Confidence confidence_of(const std::vector<Hypothesis>& best) {
  if (best.empty() || best[0].score < kConclusive) return Confidence::inconclusive;
  auto lead = best[0].score - (best.size() > 1 ? best[1].score : 0);
  if (best[0].score >= 0.75 && lead >= 0.2) return Confidence::high;
  if (best[0].score >= 0.5 && lead >= 0.08) return Confidence::medium;
  return Confidence::low;
}

}  // namespace

std::string_view text(Confidence confidence) {
  switch (confidence) {
    case Confidence::inconclusive:
      return "inconclusive";
    case Confidence::low:
      return "low";
    case Confidence::medium:
      return "medium";
    case Confidence::high:
      return "high";
  }
  return "";
}

Diagnosis diagnose(const Input& input) {
  Seen seen;
  look_at_text(seen, input.log, false);
  look_at_text(seen, input.facts.words, true);
  auto facts = signs(input.facts);
  for (const auto& sign : facts)
    seen.try_emplace(sign.id, Found{.evidence = {.id = std::string(sign.id), .text = shown(sign.text)},
                                    .to = sign.to,
                                    .points = std::size(sign.to)});
  Scales scales;
  Diagnosis result;
  for (const auto& [id, found] : seen) {
    put_on(scales, found);
    if (found.to[0].percent == 0) result.symptoms.push_back(found.evidence);
  }
  for (const auto& together : combinations()) {
    bool all = std::ranges::all_of(together.all,
                                   [&](std::string_view id) { return id.empty() || seen.contains(id); });
    if (all)
      put_on(scales, Found{.evidence = {.id = std::string(together.id), .text = std::string(together.why)},
                           .to = together.to,
                           .points = std::size(together.to)});
  }
  for (auto& side : scales) weigh(side);
  for (const auto& contra : contradictions()) {
    auto found = seen.find(contra.id);
    auto& side = scales[at(contra.cause)];
    if (found == seen.end() || side.evidence.empty()) continue;
    side.score *= 1 - contra.percent / 100.0;
    side.against.push_back(found->second.evidence);
    side.against.back().percent = contra.percent;
  }
  explain_away(scales);

  for (std::size_t i = 0; i < kCauses; ++i) {
    auto& side = scales[i];
    if (side.score < kWorthAWord) continue;
    Hypothesis hypothesis{.cause = static_cast<Cause>(i),
                          .score = side.score,
                          .evidence = std::move(side.evidence),
                          .against = std::move(side.against),
                          .explains = std::move(side.explains)};
    for (const auto& remedy : about(hypothesis.cause).remedies) hypothesis.remedies.push_back(remedy.id);
    result.hypotheses.push_back(std::move(hypothesis));
  }
  std::ranges::sort(result.hypotheses, {}, [](const Hypothesis& h) { return std::pair(-h.score, h.cause); });
  if (result.hypotheses.size() > kHypotheses) result.hypotheses.resize(kHypotheses);
  std::ranges::sort(result.symptoms, {},
                    [](const Evidence& e) { return std::pair(e.line, std::string_view(e.id)); });
  result.confidence = confidence_of(result.hypotheses);
  return result;
}

namespace {

nlohmann::ordered_json json_of(const std::vector<Evidence>& list) {
  auto array = nlohmann::ordered_json::array();
  for (const auto& e : list) {
    nlohmann::ordered_json one = {{"id", e.id}};
    if (e.line > 0) one["line"] = e.line;
    one["text"] = e.text;
    if (e.percent > 0) one["percent"] = e.percent;
    array.push_back(std::move(one));
  }
  return array;
}

std::string where(const Evidence& evidence) {
  return evidence.line > 0 ? fmt::format("line {}: {}", evidence.line, evidence.text) : evidence.text;
}

}  // namespace

std::string to_json(const Diagnosis& diagnosis) {
  nlohmann::ordered_json json = {{"schema", "meshops.diagnosis/1"},
                                 {"confidence", text(diagnosis.confidence)}};
  json["hypotheses"] = nlohmann::ordered_json::array();
  for (const auto& h : diagnosis.hypotheses) {
    nlohmann::ordered_json one = {{"cause", text(h.cause)},
                                  {"title", about(h.cause).title},
                                  {"score", std::round(h.score * 1000) / 1000},
                                  {"evidence", json_of(h.evidence)},
                                  {"against", json_of(h.against)}};
    one["explains"] = nlohmann::ordered_json::array();
    for (auto cause : h.explains) one["explains"].push_back(text(cause));
    one["remedies"] = nlohmann::ordered_json::array();
    for (const auto& remedy : about(h.cause).remedies)
      one["remedies"].push_back({{"id", remedy.id}, {"by", text(remedy.by)}, {"what", remedy.sentence}});
    json["hypotheses"].push_back(std::move(one));
  }
  json["symptoms"] = json_of(diagnosis.symptoms);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string for_people(const Diagnosis& diagnosis) {
  if (diagnosis.hypotheses.empty()) return "no known cause in it\n";
  std::string out;
  if (diagnosis.confidence == Confidence::inconclusive)
    out += "inconclusive: nothing points to one cause; weak signs of\n";
  else
    fmt::format_to(std::back_inserter(out), "confidence: {}\n", text(diagnosis.confidence));
  for (std::size_t i = 0; i < std::min<std::size_t>(3, diagnosis.hypotheses.size()); ++i) {
    const auto& h = diagnosis.hypotheses[i];
    fmt::format_to(std::back_inserter(out), "{}. {} ({:.0f} %): {}\n", i + 1, text(h.cause), h.score * 100,
                   about(h.cause).title);
    fmt::format_to(std::back_inserter(out), "     because {}\n", where(h.evidence[0]));
    if (!h.against.empty()) fmt::format_to(std::back_inserter(out), "     but {}\n", where(h.against[0]));
    const auto& remedy = about(h.cause).remedies[0];
    fmt::format_to(std::back_inserter(out), "     do: {} ({})\n", remedy.sentence, text(remedy.by));
  }
  return out;
}

}  // namespace meshops::diagnose
