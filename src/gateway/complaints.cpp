#include "gateway/complaints.h"

#include <fmt/format.h>

namespace meshops {

void Complaints::saw(const Complaint& complaint, WallTime at) {
  auto& kind = kinds_[complaint.about];
  // Counted from the first one on; after a silence, or when the count has grown old, from this one.
  bool enough = kind.count >= kind.enough;
  if (at - kind.last > kWindow || (!enough && at - kind.first > kWindow)) kind = {.first = at};
  kind.enough = complaint.enough;
  kind.of_starts = complaint.of_starts;
  ++kind.count;
  kind.last = at;
  kind.line = complaint.line;
}

void Complaints::started() {
  std::erase_if(kinds_, [](const auto& kind) { return !kind.second.of_starts; });
}

std::optional<std::string> Complaints::serious(WallTime now) const {
  const std::pair<const std::string, Kind>* latest = nullptr;
  for (const auto& kind : kinds_) {
    bool counts = kind.second.count >= kind.second.enough && now - kind.second.last <= kWindow;
    if (counts && (latest == nullptr || kind.second.last > latest->second.last)) latest = &kind;
  }
  if (latest == nullptr) return std::nullopt;
  return fmt::format("complains of {}: {}", latest->first, latest->second.line);
}

}  // namespace meshops
