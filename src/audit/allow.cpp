#include "audit/allow.h"

#include <fnmatch.h>

#include <algorithm>

#include "audit/rule.h"
#include "base/text.h"
#include "config/values.h"

namespace meshops::audit {

namespace {

constexpr std::string_view kMark = "meshops:allow";
/// Nobody writes a suppression into a larger file.
constexpr std::size_t kLargest = 4U << 20;

/// The whole day of `until` in UTC; nothing if it is no day.
std::optional<WallTime> end_of(std::string_view until) {
  if (values::date(until)) return std::nullopt;
  return *parse_iso8601(std::string(until) + "T00:00:00Z") + std::chrono::hours(24);
}

/// until=… or reason="…" out of what follows the mark.
std::string setting(std::string_view text, std::string_view name) {
  auto at = text.find(std::string(name) + "=");
  if (at == std::string_view::npos) return {};
  auto rest = text.substr(at + name.size() + 1);
  // In a text of JSON the quotes are escaped.
  if (rest.starts_with("\\\"")) rest.remove_prefix(1);
  if (rest.starts_with('"')) {
    auto end = rest.find_first_of("\"\\", 1);
    return std::string(rest.substr(1, end == std::string_view::npos ? end : end - 1));
  }
  return std::string(rest.substr(0, rest.find_first_of(" \t\r")));
}

Allow parse(std::string_view line, std::size_t mark) {
  Allow allow;
  auto rest = line.substr(mark + kMark.size());
  auto before = trim(line.substr(0, mark));
  allow.alone = before.find_first_not_of("#/;-<!*\" \t") == std::string_view::npos;
  for (auto word : words(rest)) {
    if (word.find('=') != std::string_view::npos) break;
    for (auto id : split(word, ','))
      if (!id.empty() &&
          id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == std::string_view::npos)
        allow.rules.emplace_back(id);
  }
  allow.until = setting(rest, "until");
  allow.reason = setting(rest, "reason");
  if (allow.rules.empty())
    allow.fault = "names no rule";
  else if (allow.until.empty())
    allow.fault = "says no day: until=2027-01-31";
  else if (!end_of(allow.until))
    allow.fault = fmt::format("says until={}, which is no day", printable(allow.until));
  else if (trim(allow.reason).empty())
    allow.fault = "says no reason: reason=\"…\"";
  for (const auto& id : allow.rules)
    if (allow.fault.empty() && find_rule(id) == nullptr)
      allow.fault = fmt::format("names {}, which is no rule", id);
  return allow;
}

}  // namespace

bool Allow::holds(WallTime now) const {
  auto end = end_of(until);
  return fault.empty() && end && now < *end;
}

std::vector<Allow> allows_in(std::string_view text, const std::string& shown_file) {
  std::vector<Allow> found;
  std::size_t line_begin = 0, number = 1;
  for (auto at = text.find(kMark); at != std::string_view::npos; at = text.find(kMark, at + kMark.size())) {
    for (auto end = text.find('\n', line_begin); end != std::string_view::npos && end < at;
         end = text.find('\n', line_begin)) {
      line_begin = end + 1;
      ++number;
    }
    auto line = text.substr(line_begin, text.find('\n', line_begin) - line_begin);
    auto allow = parse(line, at - line_begin);
    allow.at = {shown_file, number, at - line_begin + 1};
    found.push_back(std::move(allow));
  }
  return found;
}

Allows Allows::gather(const Site& site) {
  Allows out;
  for (const auto& spec : site.mesh().allows) {
    Allow allow{.rules = {spec.rule},
                .until = spec.until,
                .reason = spec.reason,
                .where = spec.where,
                .in_mesh_toml = true};
    allow.at.file = site.mesh().source.string();
    if (find_rule(spec.rule) == nullptr)
      allow.fault = fmt::format("names {}, which is no rule", printable(spec.rule));
    out.all_.push_back(std::move(allow));
  }
  for (const auto& file : site.files().all()) {
    if (file.info.size > kLargest) continue;
    auto text = site.host().read(file.path, kLargest);
    if (!text) continue;  // who needs the file says that it cannot be read
    for (auto& allow : allows_in(*text, site.shown(file.path))) out.all_.push_back(std::move(allow));
  }
  return out;
}

const Allow* Allows::covering(const Finding& finding, WallTime now) const {
  for (const auto& allow : all_) {
    if (!allow.holds(now) || std::ranges::find(allow.rules, finding.rule) == allow.rules.end()) continue;
    if (allow.in_mesh_toml) {
      if (allow.where.empty() || ::fnmatch(allow.where.c_str(), finding.at.file.c_str(), 0) == 0)
        return &allow;
      continue;
    }
    if (allow.at.file != finding.at.file) continue;
    // A finding about the whole file is allowed anywhere in it.
    if (finding.at.line == 0 || finding.at.line == allow.at.line ||
        (allow.alone && finding.at.line == allow.at.line + 1))
      return &allow;
  }
  return nullptr;
}

}  // namespace meshops::audit
