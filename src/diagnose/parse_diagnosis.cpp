// A diagnosis read back: the agent has it from a child (docs/decisions/012-judged-in-a-child.md).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "diagnose/diagnosis.h"

namespace meshops::diagnose {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostEvidence = 256;

std::string text_in(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::size_t count_in(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}

std::vector<Evidence> evidence_in(const Json& object, const char* key) {
  std::vector<Evidence> out;
  auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return out;
  for (const auto& item : *list) {
    if (!item.is_object() || out.size() == kMostEvidence) continue;
    out.push_back({.id = text_in(item, "id"),
                   .line = count_in(item, "line"),
                   .text = text_in(item, "text").substr(0, kEvidenceShown),
                   .percent = static_cast<int>(std::min<std::size_t>(count_in(item, "percent"), 100))});
  }
  return out;
}

}  // namespace

Result<Diagnosis> parse_diagnosis(std::string_view text) {
  if (text.size() > kFactsLimit) return fail(DiagnoseCode::too_large, "the diagnosis is too large");
  auto json = Json::parse(text, [](int depth, Json::parse_event_t, Json&) { return depth < 32; }, false);
  if (json.is_discarded()) return fail(DiagnoseCode::not_json, "the diagnosis is not JSON, or was cut short");
  if (!json.is_object() || text_in(json, "schema") != "meshops.diagnosis/1")
    return fail(DiagnoseCode::not_an_object, "this is JSON, but no meshops.diagnosis/1");
  Diagnosis out;
  auto confidence = text_in(json, "confidence");
  for (auto known : {Confidence::low, Confidence::medium, Confidence::high})
    if (confidence == meshops::diagnose::text(known)) out.confidence = known;
  if (auto list = json.find("hypotheses"); list != json.end() && list->is_array())
    for (const auto& item : *list) {
      // A cause of a later version is none that this one could act on.
      auto cause = item.is_object() ? parse_cause(text_in(item, "cause")) : std::nullopt;
      if (!cause || out.hypotheses.size() == kHypotheses) continue;
      Hypothesis hypothesis{.cause = *cause,
                            .evidence = evidence_in(item, "evidence"),
                            .against = evidence_in(item, "against")};
      if (auto score = item.find("score"); score != item.end() && score->is_number())
        hypothesis.score = std::clamp(score->get<double>(), 0.0, 1.0);
      if (auto explains = item.find("explains"); explains != item.end() && explains->is_array())
        for (const auto& name : *explains)
          if (auto other = name.is_string() ? parse_cause(name.get<std::string>()) : std::nullopt;
              other && hypothesis.explains.size() < kCauses)
            hypothesis.explains.push_back(*other);
      for (const auto& remedy : about(*cause).remedies) hypothesis.remedies.push_back(remedy.id);
      out.hypotheses.push_back(std::move(hypothesis));
    }
  out.symptoms = evidence_in(json, "symptoms");
  return out;
}

}  // namespace meshops::diagnose
