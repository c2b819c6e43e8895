#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit/report.h"
#include "base/text.h"

namespace meshops::audit {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json number_or_null(std::size_t n) { return n > 0 ? Json(n) : Json(nullptr); }

Json json_of(const Finding& f, const std::string& target) {
  return {{"rule", f.rule},
          {"severity", text(f.severity)},
          {"target", target},
          {"file", f.at.file.empty() ? Json(nullptr) : Json(f.at.file)},
          {"line", number_or_null(f.at.line)},
          {"column", number_or_null(f.at.column)},
          {"found", f.found},
          {"wanted", f.wanted},
          {"message", f.message},
          {"fix", f.fix},
          {"fingerprint", f.fingerprint},
          {"mendable", f.mend.has_value()}};
}

std::string_view ground_text(Ground ground) {
  constexpr std::string_view kNames[] = {"live", "root", "repo", "cloud"};
  return kNames[static_cast<std::size_t>(ground)];
}

Json json_of(const Rule& rule, std::string_view domain) {
  return {{"rule", rule.id},
          {"domain", domain},
          {"severity", text(rule.severity)},
          {"reads", reads_text(rule.reads)},
          {"fix", text(rule.fix)},
          {"title", rule.title},
          {"why", rule.why},
          {"not_when", rule.not_when},
          {"remedy", rule.remedy}};
}

}  // namespace

std::string to_json(const std::vector<Report>& reports, const Change* change) {
  Json json = {{"schema", "meshops.audit/1"}};
  Json findings = Json::array(), allowed = Json::array(), skipped = Json::array(), targets = Json::array();
  std::size_t mendable = 0;
  for (const auto& report : reports) {
    targets.push_back({{"target", report.target},
                       {"ground", ground_text(report.ground)},
                       {"at", iso8601(report.at)},
                       {"rules", report.ran.size()}});
    for (const auto& finding : report.findings) {
      auto one = json_of(finding, report.target);
      if (finding.allowed) {
        one["reason"] = *finding.allowed;
        allowed.push_back(std::move(one));
      } else {
        mendable += finding.mend.has_value();
        findings.push_back(std::move(one));
      }
    }
    for (const auto& skip : report.skips)
      skipped.push_back({{"rule", skip.rule.empty() ? Json(nullptr) : Json(skip.rule)},
                         {"target", report.target},
                         {"what", skip.what},
                         {"reason", skip.reason}});
  }
  Json counts = {{"total", findings.size()}};
  for (auto severity : kWorstFirst) {
    std::size_t n = 0;
    for (const auto& report : reports) n += report.count(severity);
    counts[std::string(text(severity))] = n;
  }
  counts["allowed"] = allowed.size();
  counts["skipped"] = skipped.size();
  counts["mendable"] = mendable;
  json["targets"] = std::move(targets);
  json["findings"] = std::move(findings);
  json["allowed"] = std::move(allowed);
  json["skipped"] = std::move(skipped);
  json["counts"] = std::move(counts);
  if (change != nullptr) {
    Json fresh = Json::array();
    for (const auto* finding : change->fresh) fresh.push_back(finding->fingerprint);
    json["since_last"] = {{"new", fresh}, {"still", change->still.size()}, {"gone", change->gone}};
  }
  return dump(json);
}

std::string rules_json() {
  Json json = {{"schema", "meshops.rules/1"}, {"rules", Json::array()}};
  for (const auto& domain : domains())
    for (const auto& rule : domain.rules) json["rules"].push_back(json_of(rule, domain.name));
  return dump(json);
}

std::string explain_json(const Rule& rule) {
  Json json = {{"schema", "meshops.rule/1"}};
  for (const auto& domain : domains())
    if (std::ranges::any_of(domain.rules, [&](const Rule& r) { return r.id == rule.id; }))
      json.update(json_of(rule, domain.name));
  return dump(json);
}

}  // namespace meshops::audit
