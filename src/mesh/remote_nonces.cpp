#include "mesh/remote_nonces.h"

#include <algorithm>

#include "base/text.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

Result<SeenNonces> SeenNonces::parse(std::string_view text) {
  SeenNonces out;
  for (auto line : split(text, '\n')) {
    if (line.empty()) continue;
    auto parts = words(line);
    auto until = parts.size() == 2 ? to_number<std::int64_t>(parts[1]) : std::nullopt;
    if (!until || parts[0].size() != 32)
      return fail(RemoteCode::not_kept, "the list of requests that were seen is damaged: {}", quote(line));
    out.seen_.push_back({std::string(parts[0]), WallTime(std::chrono::milliseconds(*until))});
  }
  return out;
}

std::string SeenNonces::text() const {
  std::string out;
  for (const auto& seen : seen_)
    out += fmt::format("{} {}\n", seen.nonce, seen.until.time_since_epoch().count());
  return out;
}

Status SeenNonces::see(std::string_view nonce, WallTime until, WallTime now) {
  if (std::ranges::any_of(seen_, [&](const Seen& s) { return s.nonce == nonce; }))
    return fail(RemoteCode::replayed, "this request has been made before");
  // Not only from the front: one clock's time may lie before another's.
  auto spare = seen_.size() >= kKept ? seen_.size() - kKept + 1 : 0;
  for (auto at = seen_.begin(); at != seen_.end() && spare > 0;) {
    if (at->until < now) {
      at = seen_.erase(at);
    } else {
      ++at;
    }
    --spare;
  }
  if (seen_.size() >= kMost)
    return fail(RemoteCode::not_kept, "{} requests within two minutes are too many", kMost);
  seen_.push_back({std::string(nonce), until});
  return ok();
}

}  // namespace meshops::mesh
