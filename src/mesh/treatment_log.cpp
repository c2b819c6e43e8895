#include "mesh/treatment_log.h"

#include <algorithm>

#include "base/text.h"
#include "config/values.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kSchema = "meshops.treatments/1";
constexpr auto kRemembered = 1h;
constexpr std::string_view kOpen = "-";

std::int64_t milliseconds_of(Instant at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.since_boot).count();
}

/// Of this boot, so not after now.
std::optional<Instant> instant(std::string_view text, Instant now) {
  auto ms = to_number<std::int64_t>(text);
  if (!ms || *ms < 0) return std::nullopt;
  constexpr std::int64_t kMost = std::int64_t{1} << 42;
  return std::min(now, Instant{std::chrono::milliseconds(std::min(*ms, kMost))});
}

bool is_deed(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
  });
}

}  // namespace

Result<TreatmentLog> TreatmentLog::parse(std::string_view text, const std::string& boot, Instant now) {
  TreatmentLog out;
  out.boot_ = boot;
  if (text.empty()) return out;
  auto damaged = [](std::string_view line) {
    return fail(RemoteCode::not_kept, "the memory of treatments is damaged: {}", quote(line));
  };
  auto lines = split(text, '\n');
  auto head = words(lines[0]);
  if (head.empty() || head.size() > 2 || head[0] != kSchema) return damaged(lines[0]);
  bool this_boot = head.size() == 2 && head[1] == boot;
  for (auto line : std::span(lines).subspan(1)) {
    if (line.empty()) continue;
    auto parts = words(line);
    if (parts.size() != 6 || values::name(parts[0])) return damaged(line);
    Visit visit{.healer = std::string(parts[0]), .begun = now, .ended = now};
    auto ticket = to_number<std::uint64_t>(parts[1]), fence = to_number<std::uint64_t>(parts[2]);
    auto begun = instant(parts[3], now);
    auto ended = parts[4] == kOpen ? std::nullopt : instant(parts[4], now);
    if (!ticket || !fence || !begun || (parts[4] != kOpen && !ended)) return damaged(line);
    visit.ticket = *ticket;
    visit.fence = *fence;
    if (this_boot) visit.begun = *begun, visit.ended = ended;
    for (auto deed : split(parts[5], ',')) {
      if (!is_deed(deed)) return damaged(line);
      visit.deeds.emplace_back(deed);
    }
    out.visits_.push_back(std::move(visit));
  }
  out.forget(now);
  return out;
}

std::string TreatmentLog::text() const {
  auto out = fmt::format("{} {}\n", kSchema, boot_);
  for (const auto& p : visits_)
    out += fmt::format("{} {} {} {} {} {}\n", p.healer, p.ticket, p.fence, milliseconds_of(p.begun),
                       p.ended ? std::to_string(milliseconds_of(*p.ended)) : std::string(kOpen),
                       join(p.deeds, ","));
  return out;
}

void TreatmentLog::forget(Instant now) {
  std::erase_if(visits_, [now](const Visit& p) { return p.ended && now - *p.ended >= kRemembered; });
  if (visits_.size() > kMost)
    visits_.erase(visits_.begin(), visits_.end() - static_cast<std::ptrdiff_t>(kMost));
}

Status TreatmentLog::begin(const std::string& healer, std::uint64_t ticket, std::uint64_t fence,
                           const std::string& deed, unsigned per_hour, Instant now) {
  forget(now);
  for (auto& p : visits_)
    if (!p.ended && p.fence == fence && std::ranges::find(p.deeds, deed) == p.deeds.end()) {
      p.deeds.push_back(deed);
      return ok();
    }
  if (visits_.size() >= per_hour)
    return fail(error(RemoteCode::spent,
                      "siblings have treated this node {} times within the hour, and {} are "
                      "allowed",
                      visits_.size(), per_hour)
                    .hint("a person should look at it now: meshops ledger, meshops status"));
  visits_.push_back(
      {.healer = healer, .ticket = ticket, .fence = fence, .begun = now, .ended = {}, .deeds = {deed}});
  return ok();
}

void TreatmentLog::close_but(std::uint64_t fence, Instant at) {
  for (auto& p : visits_)
    if (!p.ended && p.fence != fence) p.ended = std::max(at, p.begun);
}

std::vector<Treatment> TreatmentLog::history(const std::string& patient, Instant now) const {
  std::vector<Treatment> out;
  for (const auto& p : visits_)
    out.push_back({.patient = patient,
                   .healer = p.healer,
                   .number = p.ticket,
                   .age = now - p.ended.value_or(p.begun),
                   .over = p.ended.has_value()});
  return out;
}

}  // namespace meshops::mesh
