#include "audit/report_parse.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace meshops::audit {

namespace {

using Json = nlohmann::json;

/// Longer texts are cut, and of longer lists the rest is an error: nobody reads so much.
constexpr std::size_t kLongest = 64U << 10;
constexpr std::size_t kMostFindings = 100'000;

std::string text_in(const Json& json, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return {};
  return found->get<std::string>().substr(0, kLongest);
}
std::size_t number_in(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}
const Json& list_in(const Json& json, const char* key) {
  static const Json none = Json::array();
  auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : none;
}

Result<Finding> finding_of(const Json& json) {
  const auto* rule = json.is_object() ? find_rule(text_in(json, "rule")) : nullptr;
  auto severity = json.is_object() ? parse_severity(text_in(json, "severity")) : std::nullopt;
  if (rule == nullptr || !severity)
    return fail(AuditCode::io, "its report has a finding of no rule that we know");
  Finding out{.rule = rule->id, .severity = *severity};
  out.at = {text_in(json, "file"), number_in(json, "line"), number_in(json, "column")};
  out.found = text_in(json, "found");
  out.wanted = text_in(json, "wanted");
  out.message = text_in(json, "message");
  out.fix = text_in(json, "fix");
  out.fingerprint = text_in(json, "fingerprint");
  return out;
}

}  // namespace

Result<Report> parse_report(std::string_view text, const Wanted& wanted) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_in(json, "schema") != "meshops.audit/1")
    return fail(AuditCode::io, "its report is no meshops.audit/1");
  const auto& targets = list_in(json, "targets");
  auto at =
      targets.size() == 1 && targets[0].is_object() ? parse_iso8601(text_in(targets[0], "at")) : std::nullopt;
  if (!at) return fail(AuditCode::io, "its report is not about one machine at one time");
  Report out{.target = text_in(targets[0], "target"), .ground = Ground::live, .at = *at};
  for (const auto* list : {"findings", "allowed"})
    for (const auto& one : list_in(json, list)) {
      if (out.findings.size() >= kMostFindings)
        return fail(AuditCode::io, "its report has more than {} findings", kMostFindings);
      auto finding = TRY(finding_of(one));
      if (std::string_view(list) == "allowed") finding.allowed = text_in(one, "reason");
      out.findings.push_back(std::move(finding));
    }
  for (const auto& one : list_in(json, "skipped")) {
    if (!one.is_object() || out.skips.size() >= kMostFindings) continue;
    out.skips.push_back({text_in(one, "rule"), text_in(one, "what"), text_in(one, "reason")});
  }
  out.ran = rules_asked(Ground::live, wanted);
  sort_findings(out.findings);
  return out;
}

}  // namespace meshops::audit
