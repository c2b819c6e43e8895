#include "agent/rounds.h"

#include "base/text.h"

namespace meshops {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using diagnose::Cause;

namespace {

/// From here on old logs and caches go; at `grave` a write may fail any minute, and people must know.
constexpr double kHygiene = 60, kGrave = 90;
constexpr auto kHygieneEvery = 6h;
/// Of its memory limit: soon the kernel would kill.
constexpr double kMemory = 92;
constexpr auto kRestartEvery = 6h;
constexpr auto kLingerEvery = 24h;
/// A notice stands this long, so that its remedy has time to be planned and carried out.
constexpr auto kStands = 5min;

const FileSystemInfo* holding(const std::vector<FileSystemInfo>& all, const fs::path& path) {
  const FileSystemInfo* best = nullptr;
  for (const auto& f : all) {
    bool below = f.mount_point == "/" || path.string() == f.mount_point ||
                 path.string().starts_with(f.mount_point + "/");
    if (below && f.bytes > 0 && (best == nullptr || f.mount_point.size() >= best->mount_point.size()))
      best = &f;
  }
  return best;
}

}  // namespace

std::vector<Notice> Rounds::look(const GatewaySpec& spec, const Identity& identity, const ProcessView& view,
                                 const Host& host, Instant now) {
  std::vector<Notice> out;
  if (!view.running) return out;
  for (auto found : {disk(identity, host, now), memory(view, host, now), linger(spec, host, now), bans(host)})
    if (found) out.push_back(std::move(*found));
  return out;
}

std::optional<Notice> Rounds::disk(const Identity& identity, const Host& host, Instant now) {
  if (identity.state_dir.empty()) return std::nullopt;
  auto mounted = host.file_systems();
  if (!mounted) return std::nullopt;
  const auto* fs = holding(*mounted, identity.state_dir);
  if (fs == nullptr || fs->read_only) return std::nullopt;
  auto used = 100.0 * static_cast<double>(fs->bytes - fs->bytes_free) / static_cast<double>(fs->bytes);
  if (used < kHygiene) {
    cleaned_.reset();
    return std::nullopt;
  }
  auto words = fmt::format("{} is {:.0f} % full, {} left", fs->mount_point, used, bytes_text(fs->bytes_free));
  if (used >= kGrave) return Notice{Cause::disk_full, words, true};
  if (!cleaned_ || now - *cleaned_ >= kHygieneEvery) cleaned_ = now;
  return now - *cleaned_ < kStands ? std::optional(Notice{Cause::disk_full, words, false}) : std::nullopt;
}

std::optional<Notice> Rounds::memory(const ProcessView& view, const Host& host, Instant now) {
  if (!view.info || view.info->cgroup.empty() || view.info->cgroup == "/") return std::nullopt;
  auto number = [&](const char* file) -> std::optional<std::uint64_t> {
    auto text =
        host.read(fs::path("/sys/fs/cgroup") / fs::path(view.info->cgroup).relative_path() / file, 64);
    return text ? to_number<std::uint64_t>(trim(*text)) : std::nullopt;  // "max": no limit
  };
  auto limit = number("memory.max"), current = number("memory.current");
  if (!limit || !current || *limit == 0) return std::nullopt;
  // Page cache is given back on its own: only what the process itself holds counts.
  auto held = std::min(*current, view.info->rss);
  auto used = 100.0 * static_cast<double>(held) / static_cast<double>(*limit);
  if (used < kMemory) return std::nullopt;
  if (!restarted_ || now - *restarted_ >= kRestartEvery) restarted_ = now;
  if (now - *restarted_ >= kStands) return std::nullopt;
  return Notice{Cause::oom_killer,
                fmt::format("it holds {} of the {} that its control group may have", bytes_text(held),
                            bytes_text(*limit)),
                true};
}

std::optional<Notice> Rounds::linger(const GatewaySpec& spec, const Host& host, Instant now) {
  if (spec.runtime != RuntimeKind::systemd_user || spec.user.empty()) return std::nullopt;
  if (host.stat(fs::path("/var/lib/systemd/linger") / spec.user)) {
    linger_told_.reset();
    return std::nullopt;
  }
  if (!linger_told_ || now - *linger_told_ >= kLingerEvery) linger_told_ = now;
  if (now - *linger_told_ >= kStands) return std::nullopt;
  return Notice{
      Cause::user_session_bus,
      fmt::format("linger is off for {}: its service manager, and the gateway, end with the last login",
                  spec.user)};
}

/// A node of the mesh that fail2ban keeps out: read from its log, which says every ban and its end.
std::optional<Notice> Rounds::bans(const Host& host) const {
  if (peers_.empty()) return std::nullopt;
  constexpr std::size_t kTail = 64U << 10;
  auto tail = host.read_part("/var/log/fail2ban.log", -static_cast<std::int64_t>(kTail), kTail);
  if (!tail) return std::nullopt;  // it does not run here
  for (const auto& peer : peers_) {
    std::string_view banned;
    for (auto line : split(tail->bytes, '\n')) {
      line = trim(line);
      if (line.ends_with(fmt::format("] Ban {}", peer)) ||
          line.ends_with(fmt::format("] Restore Ban {}", peer)))
        banned = line;
      else if (line.ends_with(fmt::format("] Unban {}", peer)))
        banned = {};
    }
    if (!banned.empty())
      return Notice{Cause::fail2ban_self_ban,
                    fmt::format("fail2ban keeps a node of the mesh out: {}",
                                banned.substr(banned.rfind('[', banned.rfind(']'))))};
  }
  return std::nullopt;
}

}  // namespace meshops
