#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "diagnose/diagnosis.h"

namespace meshops::diagnose {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kDiagnosisLimit = 4U << 20;
constexpr std::size_t kMostEvidence = 200;

std::string text_at(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

double number_at(const Json& json, const char* key) {
  auto at = json.find(key);
  return at != json.end() && at->is_number() ? at->get<double>() : 0;
}

std::vector<Evidence> evidence_at(const Json& json, const char* key) {
  std::vector<Evidence> out;
  auto list = json.find(key);
  if (list == json.end() || !list->is_array()) return out;
  for (const auto& one : *list) {
    if (!one.is_object() || out.size() == kMostEvidence) continue;
    out.push_back({.id = text_at(one, "id"),
                   .line = static_cast<std::size_t>(std::clamp(number_at(one, "line"), 0.0, 1e12)),
                   .text = printable(text_at(one, "text").substr(0, kEvidenceShown)),
                   .percent = static_cast<int>(std::clamp(number_at(one, "percent"), 0.0, 100.0))});
  }
  return out;
}

}  // namespace

Result<Diagnosis> parse_diagnosis(std::string_view text) {
  if (text.size() > kDiagnosisLimit)
    return fail(DiagnoseCode::too_large, "the diagnosis is {}, more than {}", bytes_text(text.size()),
                bytes_text(kDiagnosisLimit));
  auto json = Json::parse(text, [](int depth, Json::parse_event_t, Json&) { return depth < 32; }, false);
  if (json.is_discarded()) return fail(DiagnoseCode::not_json, "the diagnosis is not JSON");
  if (!json.is_object() || text_at(json, "schema") != "meshops.diagnosis/1")
    return fail(DiagnoseCode::not_an_object, "the diagnosis is no meshops.diagnosis/1");
  Diagnosis out;
  auto said = text_at(json, "confidence");
  for (auto c : {Confidence::inconclusive, Confidence::low, Confidence::medium, Confidence::high})
    if (diagnose::text(c) == said) out.confidence = c;
  out.symptoms = evidence_at(json, "symptoms");
  auto list = json.find("hypotheses");
  if (list == json.end() || !list->is_array()) return out;
  for (const auto& one : *list) {
    if (!one.is_object() || out.hypotheses.size() == kHypotheses) continue;
    auto name = text_at(one, "cause");
    auto cause = parse_cause(name);
    if (!cause)
      return fail(DiagnoseCode::unknown_cause, "the diagnosis names {}, which is no cause we know",
                  quote(name));
    Hypothesis h{.cause = *cause,
                 .score = std::clamp(number_at(one, "score"), 0.0, 1.0),
                 .evidence = evidence_at(one, "evidence"),
                 .against = evidence_at(one, "against"),
                 .explains = {},
                 .remedies = {}};
    if (auto explains = one.find("explains"); explains != one.end() && explains->is_array())
      for (const auto& other : *explains)
        if (auto known = other.is_string() ? parse_cause(other.get<std::string>()) : std::nullopt)
          h.explains.push_back(*known);
    for (const auto& remedy : about(*cause).remedies) h.remedies.push_back(remedy.id);
    out.hypotheses.push_back(std::move(h));
  }
  return out;
}

}  // namespace meshops::diagnose
