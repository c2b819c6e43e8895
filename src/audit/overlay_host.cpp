#include "audit/overlay_host.h"

#include <algorithm>

#include "audit/site.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {
Status nothing_here(const fs::path& path) {
  return fail(AuditCode::refused, "{} is not changed while mends are only tried", path.string());
}
}  // namespace

void OverlayHost::change(const fs::path& path, const Changed& change) {
  auto& now = changes_[path.lexically_normal()];
  if (change.bytes) now.bytes = change.bytes;
  if (change.mode) now.mode = change.mode;
  if (change.uid) now.uid = change.uid;
  if (change.gid) now.gid = change.gid;
}

Result<std::string> OverlayHost::read(const fs::path& path, std::size_t limit) const {
  auto changed = changes_.find(path.lexically_normal());
  if (changed == changes_.end() || !changed->second.bytes) return base_.read(path, limit);
  if (changed->second.bytes->size() > limit)
    return fail(FileCode::too_large, "cannot read {}: it has more than {} bytes", path.string(), limit);
  return *changed->second.bytes;
}

Result<FilePart> OverlayHost::read_part(const fs::path& path, std::int64_t from, std::size_t most) const {
  auto changed = changes_.find(path.lexically_normal());
  if (changed == changes_.end() || !changed->second.bytes) {
    auto part = base_.read_part(path, from, most);
    if (part)
      if (auto info = stat(path)) part->file = *info;
    return part;
  }
  const auto& bytes = *changed->second.bytes;
  auto size = static_cast<std::int64_t>(bytes.size());
  auto begin = std::min(from >= 0 ? from : std::max<std::int64_t>(0, size + from), size);
  return FilePart{TRY(stat(path)), bytes.substr(static_cast<std::size_t>(begin), most)};
}

Result<FileInfo> OverlayHost::stat(const fs::path& path) const {
  auto info = base_.stat(path);
  auto changed = changes_.find(path.lexically_normal());
  if (changed == changes_.end()) {
    if (!info)
      for (const auto& [file, change] : changes_)
        if (change.bytes && file.string().starts_with(path.lexically_normal().string() + "/"))
          return FileInfo{.kind = FileInfo::Kind::directory, .mode = 0755};
    return info;
  }
  const auto& change = changed->second;
  if (!info) {
    if (!change.bytes) return info;
    info = FileInfo{.kind = FileInfo::Kind::regular, .mode = 0644};
  }
  if (change.bytes) info->size = change.bytes->size();
  info->mode = change.mode.value_or(info->mode);
  info->uid = change.uid.value_or(info->uid);
  info->gid = change.gid.value_or(info->gid);
  return info;
}

Result<std::vector<std::string>> OverlayHost::list(const fs::path& directory) const {
  auto names = base_.list(directory);
  auto prefix = directory.lexically_normal().string();
  if (!prefix.ends_with('/')) prefix += '/';
  std::vector<std::string> more;
  for (const auto& [file, change] : changes_)
    if (auto text = file.string(); change.bytes && text.starts_with(prefix))
      more.push_back(text.substr(prefix.size(), text.find('/', prefix.size()) - prefix.size()));
  if (more.empty()) return names;
  if (names) more.insert(more.end(), names->begin(), names->end());
  std::ranges::sort(more);
  auto twice = std::ranges::unique(more);
  more.erase(twice.begin(), twice.end());
  return more;
}

Status OverlayHost::write(const fs::path& path, std::string_view, const WriteOptions&) {
  return nothing_here(path);
}
Status OverlayHost::rename(const fs::path& from, const fs::path&) { return nothing_here(from); }
Status OverlayHost::remove(const fs::path& path) { return nothing_here(path); }
Status OverlayHost::set_access(const fs::path& path, mode_t, uid_t, gid_t) { return nothing_here(path); }
Status OverlayHost::trim(const fs::path& path, std::uint64_t) { return nothing_here(path); }

}  // namespace meshops::audit
