// Diagnosis: from log text and facts to ranked hypotheses with their evidence. Called by `meshops diagnose`
// and the healer. Pure: no clock, no file, no socket; the same input gives the same answer. Never calls a
// language model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnose/causes.h"
#include "diagnose/facts.h"

namespace meshops::diagnose {

struct Input {
  std::string_view log;
  Facts facts;
};

struct Evidence {
  std::string id;        // of the signature, fact or combination
  std::size_t line = 0;  // of the log, from 1; 0 for facts and combinations
  std::string text;      // without keys, printable, at most kEvidenceShown bytes
  int percent = 0;       // how sure it alone makes of the cause
};
constexpr std::size_t kEvidenceShown = 240;

struct Hypothesis {
  Cause cause{};
  double score = 0;  // 0..1
  std::vector<Evidence> evidence;
  std::vector<Evidence> against;
  std::vector<Cause> explains;  // causes with evidence of their own that this one makes secondary
  std::vector<std::string_view> remedies;
};

/// How far the first hypothesis can be trusted.
enum class Confidence { inconclusive, low, medium, high };
std::string_view text(Confidence confidence);

struct Diagnosis {
  Confidence confidence = Confidence::inconclusive;
  std::vector<Hypothesis> hypotheses;  // best first, at most kHypotheses
  std::vector<Evidence> symptoms;      // what is seen with almost any cause
};
constexpr std::size_t kHypotheses = 5;
/// A hypothesis below this is not worth a word; a best one below kConclusive is no answer.
constexpr double kWorthAWord = 0.12;
constexpr double kConclusive = 0.28;

Diagnosis diagnose(const Input& input);

/// meshops.diagnosis/1
std::string to_json(const Diagnosis& diagnosis);
/// The inverse, of at most 1 MiB; a cause that this version does not know is left out. Remedies are this
/// version's.
Result<Diagnosis> parse_diagnosis(std::string_view json);
/// A few lines for each of the best three.
std::string for_people(const Diagnosis& diagnosis);

}  // namespace meshops::diagnose
