// SARIF 2.1.0 (OASIS, with errata 01), so that GitHub's code scanning and SARIF viewers show what we mean.
// tests/sarif_test.py checks it against the schema.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "audit/report.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using Json = nlohmann::ordered_json;

/// As SARIF knows them; what is critical is told by security-severity.
std::string_view level(Severity severity) {
  switch (severity) {
    case Severity::critical:
    case Severity::high:
      return "error";
    case Severity::medium:
      return "warning";
    case Severity::low:
    case Severity::info:
      return "note";
  }
  return "none";
}
/// GitHub's bounds: over 9.0 critical, from 7.0 high, from 4.0 medium, else low.
std::string_view security_severity(Severity severity) {
  constexpr std::string_view kScores[] = {"0.5", "3.0", "5.5", "8.0", "9.5"};
  return kScores[static_cast<std::size_t>(severity)];
}

/// What GitHub files an alert under: the words that other tools use.
Json tags_of(const Domain& domain) {
  constexpr std::string_view kSecurity[] = {"docker", "gcp", "network", "security", "ssh"};
  auto tags = Json::array({domain.name});
  if (domain.name != "security")
    tags.push_back(std::ranges::find(kSecurity, domain.name) != std::end(kSecurity) ? "security"
                                                                                    : "reliability");
  return tags;
}

/// "A sentence" or "A sentence." as a sentence.
std::string sentence(std::string_view text) {
  auto bare = trim(text);
  bool ended = bare.ends_with('.') || bare.ends_with('!') || bare.ends_with('?');
  return std::string(bare) + (bare.empty() || ended ? "" : ".");
}

Json rule_of(const Rule& rule, const Domain& domain) {
  auto quiet = rule.not_when.empty() ? "" : fmt::format("Silent about: {}", sentence(rule.not_when));
  auto text =
      fmt::format("{} {}{}{}", sentence(rule.why), sentence(rule.remedy), quiet.empty() ? "" : " ", quiet);
  auto markdown = fmt::format("{}\n\n**What to do:** {}\n{}{}\n`meshops explain {}` says the same.",
                              sentence(rule.why), sentence(rule.remedy), quiet.empty() ? "" : "\n" + quiet,
                              quiet.empty() ? "" : "\n", rule.id);
  return {{"id", rule.id},
          {"shortDescription", {{"text", sentence(rule.title)}}},
          {"fullDescription", {{"text", sentence(rule.why)}}},
          {"help", {{"text", text}, {"markdown", markdown}}},
          {"defaultConfiguration", {{"level", level(rule.severity)}}},
          {"properties",
           {{"tags", tags_of(domain)},
            {"precision", "high"},
            {"problem.severity", level(rule.severity) == "note" ? "recommendation" : level(rule.severity)},
            {"security-severity", security_severity(rule.severity)}}}};
}

/// A URI reference (RFC 3986). Of a folder it is relative to the top of its checkout, which is where GitHub
/// looks; of a root file system to that root; of a machine it names the file on it.
Json artifact(const Report& report, std::string_view file) {
  constexpr std::string_view kKeep = "/@+=,";
  if (report.ground == Ground::live) return {{"uri", "file://" + percent_encoded(file, kKeep)}};
  auto path =
      (report.inside.empty() ? "" : report.inside + "/") + std::string(file.substr(file.starts_with('/')));
  return {{"uri", percent_encoded(path, kKeep)}, {"uriBaseId", "%SRCROOT%"}};
}

Json location(const Report& report, const Finding& f) {
  // Seen on the running machine: what it is about stands in the message.
  if (f.at.file.empty())
    return {
        {"logicalLocations", Json::array({{{"fullyQualifiedName", report.target}, {"kind", "resource"}}})}};
  Json physical = {{"artifactLocation", artifact(report, f.at.file)}};
  if (f.at.line > 0) {
    physical["region"] = {{"startLine", f.at.line}};
    if (f.utf16_column > 0) physical["region"]["startColumn"] = f.utf16_column;
  }
  return {{"physicalLocation", std::move(physical)}};
}

Json result_of(const Report& report, const Finding& f, std::size_t index) {
  auto message = sentence(f.message);
  if (!f.found.empty()) message += fmt::format(" Found: {}", sentence(f.found));
  if (!f.wanted.empty()) message += fmt::format(" Wanted: {}", sentence(f.wanted));
  if (!f.fix.empty()) message += " " + sentence(f.fix);
  Json result = {{"ruleId", f.rule},
                 {"ruleIndex", index},
                 {"level", level(f.severity)},
                 {"message", {{"text", message}}},
                 {"locations", Json::array({location(report, f)})},
                 {"partialFingerprints", {{"meshops/v1", f.fingerprint}}},
                 {"properties", {{"severity", text(f.severity)}, {"mendable", f.mend.has_value()}}}};
  if (f.allowed)
    result["suppressions"] = Json::array({{{"kind", f.allowed_elsewhere ? "external" : "inSource"},
                                           {"status", "accepted"},
                                           {"justification", *f.allowed}}});
  return result;
}

}  // namespace

std::string to_sarif(const std::vector<Report>& reports) {
  Json rules = Json::array();
  std::map<std::string_view, std::size_t> index;
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules) {
      index[rule.id] = rules.size();
      rules.push_back(rule_of(rule, domain));
    }
  Json runs = Json::array();
  for (const auto& report : reports) {
    Json results = Json::array();
    for (const auto& finding : report.findings)
      results.push_back(result_of(report, finding, index[finding.rule]));
    Json notes = Json::array();
    for (const auto& skip : report.skips) {
      Json note = {
          {"level", "note"},
          {"message", {{"text", sentence(fmt::format("{} was not looked at: {}", skip.what, skip.reason))}}}};
      if (!skip.rule.empty() && index.contains(skip.rule))
        note["associatedRule"] = {{"id", skip.rule}, {"index", index[skip.rule]}};
      notes.push_back(std::move(note));
    }
    Json driver = {{"name", "meshops"},
                   {"version", MESHOPS_VERSION},
                   {"semanticVersion", MESHOPS_VERSION},
                   {"rules", rules}};
    runs.push_back({{"tool", {{"driver", std::move(driver)}}},
                    // GitHub keeps the alerts of two runs apart by it.
                    {"automationDetails", {{"id", fmt::format("meshops/{}/", report.target)}}},
                    {"invocations", Json::array({{{"executionSuccessful", !report.left_behind},
                                                  {"endTimeUtc", iso8601(report.at)},
                                                  {"toolExecutionNotifications", notes}}})},
                    {"columnKind", "utf16CodeUnits"},
                    {"properties", {{"target", report.target}}},
                    {"results", results}});
  }
  Json log = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", runs}};
  return log.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace meshops::audit
