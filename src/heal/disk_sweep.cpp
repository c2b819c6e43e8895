#include "heal/disk_sweep.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/openclaw_files.h"
#include "heal/planning.h"

namespace meshops::heal {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostEntries = 10'000;
constexpr auto kLogAge = 7 * 24h;
constexpr auto kArchiveAge = 30 * 24h;
constexpr auto kScratchAge = 24h;
constexpr std::uint64_t kTooLarge = 256ULL << 20U;  // the gateway itself rotates at 100 MB
constexpr std::uint64_t kKept = 16ULL << 20U;
const fs::path kSharedLogs = "/tmp/openclaw";  // T12: where every gateway of a user logs by default

unsigned percent(std::uint64_t all, std::uint64_t free) {
  if (all == 0) return 0;
  // Rounded up, as df does: 100 means full.
  auto used = static_cast<double>(all - std::min(all, free)) * 100.0 / static_cast<double>(all);
  return static_cast<unsigned>(used) + (used > static_cast<unsigned>(used) ? 1U : 0U);
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

bool rotated(std::string_view name) {
  if (has(name, ".log") && name.ends_with(".gz")) return true;
  auto dot = name.rfind('.');
  return dot != name.npos && has(name.substr(0, dot), ".log") && to_number<unsigned>(name.substr(dot + 1));
}

}  // namespace

Fullness fullness(unsigned used) {
  if (used >= 85) return Fullness::consent;
  if (used >= 75) return Fullness::archives;
  return used >= 60 ? Fullness::logs : Fullness::free;
}

std::optional<FileSystemInfo> file_system_of(const std::vector<FileSystemInfo>& all, const fs::path& path) {
  const FileSystemInfo* best = nullptr;
  for (const auto& fs : all)
    if (is_below(path, fs.mount_point) &&
        (best == nullptr || fs.mount_point.size() >= best->mount_point.size()))
      best = &fs;
  return best != nullptr ? std::optional(*best) : std::nullopt;
}

unsigned used_percent(const FileSystemInfo& fs) { return percent(fs.bytes, fs.bytes_free); }
unsigned used_inodes_percent(const FileSystemInfo& fs) { return percent(fs.inodes, fs.inodes_free); }

bool untouchable(const fs::path& path, const fs::path& state_dir, const std::vector<fs::path>& workspaces) {
  auto name = lower(path.filename().string());
  for (auto part : {".sqlite", ".lock", ".key", ".pem", ".env", "secret", "credential"})
    if (has(name, part)) return true;
  if (name.starts_with("openclaw.json") || name.starts_with("auth-profiles")) return true;
  for (const auto& workspace : workspaces)
    if (is_below(path, workspace)) return true;
  // The names above the state are nobody's choice here; elsewhere every name counts.
  auto names = path.lexically_normal();
  if (is_below(path, state_dir)) names = names.lexically_relative(state_dir.lexically_normal());
  for (const auto& part : names) {
    auto word = lower(part.string());
    if (word.starts_with("workspace") || word.starts_with("credential") || word.starts_with("secret") ||
        word == "memory" || word == "state" || word == "identity" || word == "devices" || word == "media" ||
        word == "telegram" || word == "cron")
      return true;
  }
  return false;
}

std::vector<fs::path> workspaces_of(const Patient& patient, const Host& host) {
  std::vector<fs::path> out;
  auto where = openclaw::Places{patient.identity.state_dir, patient.identity.config, {}};
  auto config = openclaw::read_config(patient.spec, where, host);
  auto add = [&](const json5::Value& value) {
    auto text = value.as_string().value_or("");
    if (text.empty()) return;
    out.push_back(text.starts_with("~/") ? patient.owner.home / text.substr(2) : fs::path(text));
  };
  auto agents = config.root.at("agents");
  for (auto key : {"workspace", "agentDir"}) {
    add(agents.find("defaults", key));
    for (const auto& member : agents.at("entries").members()) add(member.value.at(key));
    for (const auto& item : agents.at("list").items()) add(item.at(key));
  }
  return out;
}

std::vector<Entry> entries_below(const Host& host, const fs::path& directory, std::size_t& budget,
                                 unsigned depth) {
  std::vector<Entry> out;
  if (depth == 0 || !is_directory(host, directory)) return out;
  for (const auto& name : host.list(directory).value_or(std::vector<std::string>{})) {
    if (budget == 0) break;
    --budget;
    auto path = directory / name;
    auto info = host.stat(path);
    if (!info) continue;
    if (info->kind == FileInfo::Kind::directory) {
      auto below = entries_below(host, path, budget, depth - 1);
      std::ranges::move(below, std::back_inserter(out));
    } else if (info->kind == FileInfo::Kind::regular) {
      out.push_back({std::move(path), *info});
    }
  }
  return out;
}

namespace {

/// Collects what may go, one kind after the other.
class Sweeper {
 public:
  Sweeper(const Patient& patient, const Host& host)
      : patient_(patient), host_(host), workspaces_(workspaces_of(patient, host)) {
    mounts_ = host.file_systems().value_or(std::vector<FileSystemInfo>{});
    if (auto mount = file_system_of(mounts_, patient.identity.state_dir)) mount_ = mount->mount_point;
  }

  template <class Wanted>
  void take(std::string what, const std::vector<fs::path>& directories, Wanted&& wanted, unsigned depth = 8) {
    RemoveFiles kind{.files = {}, .what = std::move(what)};
    for (const auto& directory : directories) {
      auto mount = file_system_of(mounts_, directory);
      // On another file system it would free nothing.
      if (!mount || mount->mount_point != mount_) continue;
      for (const auto& entry : entries_below(host_, directory, budget_, depth)) {
        if (untouchable(entry.path, patient_.identity.state_dir, workspaces_)) continue;
        if (wanted(entry.path.filename().string(), entry.info, patient_.now - entry.info.modified))
          kind.files.push_back({entry.path, entry.info.size});
      }
    }
    if (!kind.files.empty()) kinds_.push_back(std::move(kind));
  }
  std::vector<RemoveFiles> kinds() && { return std::move(kinds_); }

 private:
  const Patient& patient_;
  const Host& host_;
  std::vector<fs::path> workspaces_;
  std::vector<FileSystemInfo> mounts_;
  std::string mount_;
  std::size_t budget_ = kMostEntries;
  std::vector<RemoveFiles> kinds_;
};

std::vector<fs::path> session_directories(const Patient& patient, const Host& host) {
  std::vector<fs::path> out;
  auto agents = patient.identity.state_dir / "agents";
  if (!is_directory(host, agents)) return out;
  for (const auto& agent : host.list(agents).value_or(std::vector<std::string>{}))
    if (is_directory(host, agents / agent)) out.push_back(agents / agent / "sessions");
  return out;
}

/// A transcript that was closed: deleted, reset, or written anew. The gateway reads none of them again.
bool archived_session(std::string_view name) {
  for (auto word : {".jsonl.deleted.", ".jsonl.reset.", ".jsonl.bak"})
    if (has(name, word)) return true;
  return false;
}

}  // namespace

std::vector<RemoveFiles> sweep(const Patient& patient, const Host& host, Fullness full) {
  const auto& state = patient.identity.state_dir;
  if (full == Fullness::free || state.empty()) return {};
  auto logs = state / "logs";
  Sweeper sweeper(patient, host);
  sweeper.take("logs older than 7 days, and rotated ones older than a day", {logs},
               [](const std::string& name, const FileInfo&, Duration age) {
                 return rotated(name) ? age > kScratchAge : name.ends_with(".log") && age > kLogAge;
               });
  sweeper.take("the gateway's own files in /tmp/openclaw older than 7 days", {kSharedLogs},
               [&](const std::string&, const FileInfo& info, Duration age) {
                 return info.uid == patient.owner.uid && age > kLogAge;
               });
  sweeper.take("temporary files older than a day", {state / "tmp"},
               [](const std::string&, const FileInfo&, Duration age) { return age > kScratchAge; });
  // A running gateway serves its web pages from the cache; it is made again at the next start.
  if (!patient.running || full >= Fullness::archives)
    sweeper.take("caches that are made again", {state / "cache"},
                 [](const std::string&, const FileInfo&, Duration) { return true; });
  if (full >= Fullness::archives) {
    sweeper.take("stability reports older than 30 days", {logs / "stability"},
                 [](const std::string& name, const FileInfo&, Duration age) {
                   return name.ends_with(".json") && age > kArchiveAge;
                 });
    sweeper.take(
        "archived sessions older than 30 days", session_directories(patient, host),
        [](const std::string& name, const FileInfo&, Duration age) {
          return archived_session(name) && age > kArchiveAge;
        },
        1);
  }
  return std::move(sweeper).kinds();
}

std::vector<TrimFile> oversized_logs(const Patient& patient, const Host& host) {
  std::vector<TrimFile> out;
  const auto& state = patient.identity.state_dir;
  if (state.empty()) return out;
  auto workspaces = workspaces_of(patient, host);
  auto mounted = host.file_systems();
  auto take = [&](const fs::path& path, const FileInfo& info) {
    // Of a small disk that is nearly full, a fifth in one log is too much.
    auto limit = kTooLarge;
    if (auto fs = mounted ? file_system_of(*mounted, path) : std::nullopt;
        fs && fullness(used_percent(*fs)) == Fullness::consent)
      limit = std::min(limit, fs->bytes / 5);
    if (info.kind != FileInfo::Kind::regular || info.size <= limit) return;
    if (!path.filename().string().ends_with(".log") || untouchable(path, state, workspaces)) return;
    if (info.uid != patient.owner.uid) return;
    for (const auto& known : out)
      if (known.path == path) return;
    out.push_back({.path = path, .bytes = info.size, .keep = std::min(kKept, info.size / 16)});
  };
  std::size_t budget = kMostEntries;
  for (const auto& directory : {state / "logs", kSharedLogs})
    for (const auto& entry : entries_below(host, directory, budget)) take(entry.path, entry.info);
  auto where = openclaw::Places{state, patient.identity.config, {}};
  auto file = openclaw::read_config(patient.spec, where, host).root.find("logging", "file").as_string();
  if (file && file->starts_with('/'))
    if (auto info = host.stat(*file)) take(fs::path(*file).lexically_normal(), *info);
  return out;
}

}  // namespace meshops::heal
