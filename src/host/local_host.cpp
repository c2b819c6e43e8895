#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "host/file_systems.h"
#include "host/host.h"
#include "host/journal.h"
#include "host/list_directory.h"
#include "host/proc.h"
#include "host/sockets.h"

namespace meshops {

namespace fs = std::filesystem;

FileInfo file_info(const struct stat& st) {
  FileInfo out;
  out.kind = S_ISREG(st.st_mode)    ? FileInfo::Kind::regular
             : S_ISDIR(st.st_mode)  ? FileInfo::Kind::directory
             : S_ISLNK(st.st_mode)  ? FileInfo::Kind::symlink
             : S_ISSOCK(st.st_mode) ? FileInfo::Kind::socket
                                    : FileInfo::Kind::other;
  out.mode = st.st_mode & 07777U;
  out.uid = st.st_uid;
  out.gid = st.st_gid;
  out.size = static_cast<std::uint64_t>(std::max<off_t>(0, st.st_size));
  auto since_epoch = std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec);
  out.modified = WallTime(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch));
  return out;
}

Result<std::vector<std::string>> list_directory(Fd directory, const fs::path& shown) {
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory.get()), ::closedir);
  if (!stream) return fail(file_error(errno, "list", shown));
  directory.release();  // the stream closes it
  std::vector<std::string> out;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    if (out.size() == kMostNames)
      return fail(FileCode::too_large, "cannot list {}: it has more than {} entries", shown.string(),
                  kMostNames);
    out.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return fail(file_error(errno, "list", shown));
  std::ranges::sort(out);
  return out;
}

Result<FilePart> read_part_of(const Fd& file, const fs::path& shown, std::int64_t from, std::size_t most) {
  struct stat st{};
  if (::fstat(file.get(), &st) != 0) return fail(file_error(errno, "read", shown));
  if (!S_ISREG(st.st_mode))
    return fail(FileCode::not_regular, "cannot read {}: it is not a regular file", shown.string());
  FilePart part{.file = file_info(st), .bytes = std::string(most, '\0')};
  auto begin = from >= 0 ? from : std::max<std::int64_t>(0, st.st_size + from);
  std::size_t got = 0;
  while (got < most) {
    auto n = ::pread(file.get(), part.bytes.data() + got, most - got, begin + static_cast<std::int64_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "read", shown));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  part.bytes.resize(got);
  return part;
}

namespace {

/// O_PATH, without a symbolic link anywhere on the way; by hand before Linux 5.6.
Result<Fd> open_plainly(const fs::path& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_NO_SYMLINKS;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (fd) return fd;
  if (errno != ENOSYS && errno != EPERM) return fail(file_error(errno, "open", path));
  Fd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const auto& part : path.relative_path()) {
    Fd next(::openat(at.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return fail(file_error(errno, "open", path));
    at = std::move(next);
  }
  return at;
}

Status trim_file(const fs::path& path, std::uint64_t keep) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st{};
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "trim", path));
  if (!S_ISREG(st.st_mode))
    return fail(FileCode::not_regular, "cannot trim {}: it is not a regular file", path.string());
  auto size = static_cast<std::uint64_t>(st.st_size);
  if (size <= keep) return ok();
  std::uint64_t from = size - keep, to = 0;
  std::array<char, 64U << 10> piece;
  bool in_line = from > 0;  // the rest of a line that is cut goes, too
  while (true) {
    auto n = ::pread(fd.get(), piece.data(), piece.size(), static_cast<off_t>(from));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "trim", path));
    if (n == 0) break;
    std::string_view got(piece.data(), static_cast<std::size_t>(n));
    from += got.size();
    if (in_line) {
      auto end = got.find('\n');
      if (end == got.npos) continue;
      got.remove_prefix(end + 1);
      in_line = false;
    }
    while (!got.empty()) {
      auto w = ::pwrite(fd.get(), got.data(), got.size(), static_cast<off_t>(to));
      if (w < 0 && errno == EINTR) continue;
      if (w < 0) return fail(file_error(errno, "trim", path));
      to += static_cast<std::uint64_t>(w);
      got.remove_prefix(static_cast<std::size_t>(w));
    }
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(to)) != 0) return fail(file_error(errno, "trim", path));
  return ok();
}

class LocalHost final : public Host {
 public:
  bool live() const override { return true; }

  Result<std::string> read(const fs::path& path, std::size_t limit) const override {
    return read_file(path, limit);
  }
  Result<FilePart> read_part(const fs::path& path, std::int64_t from, std::size_t most) const override {
    // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail(file_error(errno, "read", path));
    return read_part_of(fd, path, from, most);
  }
  Status write(const fs::path& path, std::string_view bytes, const WriteOptions& options) override {
    // A first drop-in needs its directory; an existing one is left as it is.
    if (std::error_code none; !fs::exists(path.parent_path(), none))
      CHECK_OK(make_directories(path.parent_path(), 0755));
    return write_file_atomic(path, bytes, options);
  }
  Status rename(const fs::path& from, const fs::path& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
      return fail(file_error(errno, "rename to " + to.string() + " the file", from));
    return ok();
  }
  Status remove(const fs::path& path) override {
    if (::unlink(path.c_str()) != 0) return fail(file_error(errno, "remove", path));
    return ok();
  }
  Status set_access(const fs::path& path, mode_t mode, uid_t uid, gid_t gid) override {
    auto fd = TRY(open_plainly(path));
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "look at", path));
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
      return fail(FileCode::not_regular,
                  "cannot change the owner of {}: it is neither a file nor a directory", path.string());
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
      return fail(FileCode::not_permitted,
                  "cannot change the owner of {}: the file has a second name (hard link)", path.string());
    if ((st.st_uid != uid || st.st_gid != gid) && ::fchownat(fd.get(), "", uid, gid, AT_EMPTY_PATH) != 0)
      return fail(file_error(errno, "change the owner of", path));
    // An O_PATH descriptor takes no fchmod(), but its name in /proc does.
    if (::chmod(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), mode) != 0)
      return fail(file_error(errno, "change the mode of", path));
    return ok();
  }
  Status trim(const fs::path& path, std::uint64_t keep) override { return trim_file(path, keep); }
  Result<FileInfo> stat(const fs::path& path) const override {
    struct stat st{};
    if (::lstat(path.c_str(), &st) != 0) return fail(file_error(errno, "look at", path));
    return file_info(st);
  }
  Result<std::vector<std::string>> list(const fs::path& path) const override {
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail(file_error(errno, "list", path));
    return list_directory(std::move(fd), path);
  }
  Result<std::string> read_link(const fs::path& path) const override {
    std::array<char, 4096> target;  // PATH_MAX
    ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
    if (n < 0) return fail(file_error(errno, "read the link", path));
    return std::string(target.data(), static_cast<std::size_t>(n));
  }

  Result<std::vector<Account>> accounts() const override {
    return proc::parse_passwd(TRY(read_file("/etc/passwd")));
  }
  Result<std::vector<ProcessInfo>> processes() const override { return proc::read_processes(); }
  Result<ProcessInfo> process(pid_t pid) const override {
    return proc::read_process(pid, proc::Depth::basics);
  }
  Result<ProcessInfo> process_details(pid_t pid) const override {
    return proc::read_process(pid, proc::Depth::everything);
  }
  Result<Environment> process_environment(pid_t pid, const std::vector<std::string>& names) const override {
    return proc::read_environment(pid, names);
  }
  Result<std::vector<ListenerInfo>> listeners() const override { return sockets_.all(); }
  Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t port, Owners owners) const override {
    return sockets_.on_port(port, owners);
  }
  Result<std::vector<FileSystemInfo>> file_systems() const override { return local_file_systems(); }
  Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const override {
    return read_journal(query);
  }

 private:
  mutable Sockets sockets_;  // its memory only saves work: what it answers does not depend on it
};

}  // namespace

std::unique_ptr<Host> local_host() { return std::make_unique<LocalHost>(); }

}  // namespace meshops
