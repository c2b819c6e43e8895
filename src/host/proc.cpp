#include "host/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "base/fd.h"
#include "base/text.h"

namespace meshops {

namespace {

/// Kernel ticks as a duration; a nonsense count saturates.
Duration from_ticks(std::uint64_t ticks, std::uint64_t per_second) {
  const std::uint64_t tick_ns = 1'000'000'000U / per_second;
  const auto most = static_cast<std::uint64_t>(Duration::max().count());
  return Duration(static_cast<Duration::rep>(ticks > most / tick_ns ? most : ticks * tick_ns));
}

}  // namespace

Result<ProcessInfo> parse_proc_stat(std::string_view text) {
  static const proc::Units own{static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)),
                               static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  return proc::parse_stat(text, own);
}

Result<ProcessInfo> proc::parse_stat(std::string_view text, const Units& units) {
  auto broken = [&] { return fail(HostCode::parse, "cannot read the process state {}", quote(text)); };
  // The name stands in parentheses and may itself hold blanks and parentheses: the last one closes it.
  auto open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return broken();

  ProcessInfo p;
  auto pid = to_number<pid_t>(trim(text.substr(0, open)));
  if (!pid || *pid <= 0) return broken();
  p.pid = *pid;
  p.comm = text.substr(open + 1, close - open - 1);

  // Field numbers are those of proc(5); the first one after the name is 3.
  std::array<std::string_view, 22> fields;  // 3 … 24
  std::size_t count = 0;
  auto rest = text.substr(close + 1);
  for (std::size_t at = 0; count < fields.size();) {
    at = rest.find_first_not_of(" \n", at);
    if (at == std::string_view::npos) break;
    auto end = std::min(rest.find_first_of(" \n", at), rest.size());
    fields[count++] = rest.substr(at, end - at);
    at = end;
  }
  if (count < fields.size()) return broken();
  auto field = [&](std::size_t number) { return fields[number - 3]; };

  if (field(3).size() != 1) return broken();
  p.state = field(3)[0];
  auto parent = to_number<pid_t>(field(4));
  auto user_ticks = to_number<std::uint64_t>(field(14)), system_ticks = to_number<std::uint64_t>(field(15));
  auto started = to_number<std::uint64_t>(field(22));
  auto pages = to_number<std::int64_t>(field(24));
  if (!parent || !user_ticks || !system_ticks || !started || !pages) return broken();
  p.parent = *parent;
  auto user = from_ticks(*user_ticks, units.ticks_per_second),
       system = from_ticks(*system_ticks, units.ticks_per_second);
  p.cpu = user > Duration::max() - system ? Duration::max() : user + system;
  p.start_ticks = *started;
  p.started = from_ticks(*started, units.ticks_per_second);
  const auto page = units.page_bytes;
  if (*pages > 0 && static_cast<std::uint64_t>(*pages) <= std::numeric_limits<std::uint64_t>::max() / page)
    p.rss = static_cast<std::uint64_t>(*pages) * page;
  return p;
}

namespace proc {

namespace {

constexpr std::size_t kCommandLineLimit = 32U << 10;  // the kernel allows 2 MiB and more per process
constexpr std::size_t kEnvironmentLimit = 2U << 20;

Error gone(pid_t pid) { return error(ProcessCode::gone, "there is no process {}", pid); }

Error cannot_read(pid_t pid, int error_number, std::string_view what) {
  if (error_number == ENOENT || error_number == ESRCH) return gone(pid);
  auto code = error_number == EACCES || error_number == EPERM ? HostCode::not_permitted : HostCode::io;
  return error(code, "cannot read the {} of process {}: {}", what, pid, std::strerror(error_number));
}

/// Up to `limit` bytes of a file of /proc/PID (more is left out); errno when negative.
ssize_t read_small(int directory, const char* name, char* buffer, std::size_t size, bool until_end) {
  Fd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!fd) return -1;
  std::size_t have = 0;
  while (have < size) {
    ssize_t n = ::read(fd.get(), buffer + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    have += static_cast<std::size_t>(n);
    // stat and cgroup are made in one piece by the kernel: what fits comes whole with the first read.
    if (n == 0 || !until_end) break;
  }
  return static_cast<ssize_t>(have);
}

std::string link_of(int directory, const char* name) {
  std::array<char, 4096> buffer;  // PATH_MAX: what d_path() gives at most
  ssize_t n = ::readlinkat(directory, name, buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace

std::vector<std::string> parse_nul_list(std::string_view bytes) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    auto end = std::min(bytes.find('\0'), bytes.size());
    out.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return out;
}

std::string parse_cgroup(std::string_view text) {
  std::string_view unified, systemd;
  for (auto line : split(text, '\n')) {
    if (line.starts_with("0::")) unified = line.substr(3);
    if (auto at = line.find(":name=systemd:"); at != std::string_view::npos) systemd = line.substr(at + 14);
  }
  // On "hybrid" machines both exist and the unified one may be unused.
  return std::string(unified.size() > 1 || systemd.empty() ? unified : systemd);
}

std::optional<uid_t> parse_real_uid(std::string_view status) {
  for (auto line : split(status, '\n'))
    if (line.starts_with("Uid:"))
      if (auto ids = words(line.substr(4)); !ids.empty()) return to_number<uid_t>(ids[0]);
  return std::nullopt;
}

std::vector<Account> parse_passwd(std::string_view text) {
  std::vector<Account> out;
  for (auto line : split(text, '\n')) {
    auto fields = split(line, ':');
    if (line.starts_with('#') || fields.size() < 6 || fields[0].empty()) continue;
    auto uid = to_number<uid_t>(fields[2]);
    auto gid = to_number<gid_t>(fields[3]);
    if (!uid || !gid) continue;
    out.push_back({std::string(fields[0]), *uid, *gid, std::filesystem::path(fields[5])});
  }
  return out;
}

Result<ProcessInfo> read_process(pid_t pid, Depth depth) {
  if (pid <= 0) return fail(gone(pid));
  std::array<char, 32> path;
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}", pid).out = '\0';
  Fd directory(::open(path.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail(cannot_read(pid, errno, "state"));
  struct stat st{};
  if (::fstat(directory.get(), &st) != 0) return fail(cannot_read(pid, errno, "owner"));

  std::array<char, 4096> buffer;
  ssize_t n = read_small(directory.get(), "stat", buffer.data(), buffer.size(), false);
  if (n < 0) return fail(cannot_read(pid, errno, "state"));
  if (n == 0) return fail(gone(pid));
  auto p = TRY(parse_proc_stat({buffer.data(), static_cast<std::size_t>(n)}));
  p.uid = st.st_uid;
  n = read_small(directory.get(), "cgroup", buffer.data(), buffer.size(), false);
  if (n > 0) p.cgroup = parse_cgroup({buffer.data(), static_cast<std::size_t>(n)});
  if (depth == Depth::basics) return p;

  std::string line;
  line.resize_and_overwrite(kCommandLineLimit, [&](char* data, std::size_t size) {
    return static_cast<std::size_t>(
        std::max<ssize_t>(0, read_small(directory.get(), "cmdline", data, size, true)));
  });
  p.argv = parse_nul_list(line);
  p.exe = link_of(directory.get(), "exe");
  p.cwd = link_of(directory.get(), "cwd");
  return p;
}

Result<std::vector<pid_t>> pids() {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  if (!directory) return fail(HostCode::io, "cannot list /proc: {}", std::strerror(errno));
  std::vector<pid_t> out;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (auto pid = to_number<pid_t>(entry->d_name)) out.push_back(*pid);
    if (out.size() == kMostProcesses) break;
  }
  return out;
}

Result<std::vector<ProcessInfo>> read_processes() {
  std::vector<ProcessInfo> out;
  auto all = TRY(pids());
  out.reserve(all.size());
  for (pid_t pid : all)
    if (auto p = read_process(pid, Depth::everything)) out.push_back(std::move(*p));
  return out;
}

Result<Environment> read_environment(pid_t pid, const std::vector<std::string>& names) {
  Fd directory(::open(fmt::format("/proc/{}", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail(cannot_read(pid, errno, "environment"));
  // Other variables may be secrets: they are wiped before anybody else gets this memory.
  std::string bytes(16U << 10, '\0');
  ssize_t n;
  while (true) {
    n = read_small(directory.get(), "environ", bytes.data(), bytes.size(), true);
    if (n < static_cast<ssize_t>(bytes.size()) || bytes.size() >= kEnvironmentLimit) break;
    ::explicit_bzero(bytes.data(), bytes.size());
    bytes.resize(bytes.size() * 4);
  }
  if (n < 0) return fail(cannot_read(pid, errno, "environment"));
  Environment out;
  std::string_view rest(bytes.data(), static_cast<std::size_t>(n));
  while (!rest.empty()) {
    auto end = std::min(rest.find('\0'), rest.size());
    auto entry = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    if (std::ranges::find(names, entry.substr(0, equals)) != names.end())
      out.emplace(std::string(entry.substr(0, equals)), std::string(entry.substr(equals + 1)));
  }
  ::explicit_bzero(bytes.data(), bytes.size());
  return out;
}

}  // namespace proc
}  // namespace meshops
