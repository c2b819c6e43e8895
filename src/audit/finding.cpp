#include "audit/finding.h"

#include <algorithm>
#include <array>

namespace meshops::audit {

namespace {
constexpr std::array<std::string_view, 5> kSeverities = {"info", "low", "medium", "high", "critical"};
}

std::string_view text(Severity severity) { return kSeverities[static_cast<std::size_t>(severity)]; }

std::optional<Severity> parse_severity(std::string_view text) {
  const auto* at = std::ranges::find(kSeverities, text);
  if (at == kSeverities.end()) return std::nullopt;
  return static_cast<Severity>(at - kSeverities.begin());
}

}  // namespace meshops::audit
