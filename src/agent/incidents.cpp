#include "agent/incidents.h"

#include <algorithm>
#include <functional>

#include "base/file.h"
#include "base/log.h"

namespace meshops {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t kMost = 50;

/// Ids come from outside, too (`meshops incident ID`): nothing but a name of ours may become a path.
bool is_id(std::string_view id) {
  return !id.empty() && id.size() < 128 && id.front() != '.' && id.find('/') == id.npos &&
         id.find('\0') == id.npos;
}
}  // namespace

Result<std::string> Incidents::open(std::string_view gateway, WallTime at) const {
  std::string stamp;
  for (char c : iso8601(at).substr(0, 19))
    if (c != '-' && c != ':') stamp += c;
  auto id = fmt::format("{}Z-{}", stamp, gateway);
  forget_oldest();
  std::error_code ignored;
  auto free = id;
  for (int n = 2; fs::exists(directory_ / free, ignored) && n < 100; ++n) free = fmt::format("{}-{}", id, n);
  CHECK_OK(make_directories(directory_ / free));
  return free;
}

Status Incidents::put(const std::string& incident, std::string_view name, std::string_view text) const {
  return write_file_atomic(directory_ / incident / name, text);
}

Result<std::string> Incidents::get(const std::string& incident, std::string_view name) const {
  if (!is_id(incident)) return fail(FileCode::not_found, "there is no such incident");
  return read_file(directory_ / incident / name);
}

std::vector<std::string> Incidents::list() const {
  std::vector<std::string> out;
  std::error_code failed;
  for (fs::directory_iterator it(directory_, failed), end; !failed && it != end; it.increment(failed))
    out.push_back(it->path().filename().string());
  std::ranges::sort(out, std::greater{});
  return out;
}

void Incidents::forget_oldest() const {
  auto all = list();
  for (std::size_t i = kMost - 1; i < all.size(); ++i) {
    std::error_code failed;
    fs::remove_all(directory_ / all[i], failed);
    if (failed) log::warn("incident.forget", "cannot remove the incident " + all[i]);
  }
}

}  // namespace meshops
