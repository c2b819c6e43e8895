#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/text.h"
#include "host/host.h"
#include "host/journal.h"
#include "host/list_directory.h"
#include "host/proc.h"
#include "host/rooted_files.h"

namespace meshops {

namespace fs = std::filesystem;

namespace {

/// Absolute or not, it is meant from the root on.
fs::path below_root(const fs::path& path) { return fs::path(".") / path.relative_path(); }

/// The way back to an open file by name, which also reopens an O_PATH descriptor.
fs::path by_descriptor(const Fd& fd) { return fmt::format("/proc/self/fd/{}", fd.get()); }

Result<Fd> open_by_hand(const fs::path& root, const fs::path& path, bool follow_last) {
  auto real = [](const fs::path& p) -> std::unique_ptr<char, decltype(&std::free)> {
    return {::realpath(p.c_str(), nullptr), &std::free};
  };
  auto top = real(root);
  auto full = root / below_root(path);
  // A last link that is to be opened itself: only the way to it must be inside.
  auto found = real(follow_last ? full : full.parent_path());
  if (!top || !found) return fail(file_error(errno, "open", path));
  std::string_view inside(found.get()), outer(top.get());
  bool within = outer == "/" ||
                (inside.starts_with(outer) && (inside.size() == outer.size() || inside[outer.size()] == '/'));
  if (!within)
    return fail(HostCode::not_permitted, "cannot open {}: a symbolic link leads out of {}", path.string(),
                root.string());
  auto target = follow_last ? fs::path(inside) : fs::path(inside) / full.filename();
  Fd fd(::open(target.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail(file_error(errno, "open", path));
  return fd;
}

}  // namespace

Result<Fd> open_in_root(const fs::path& root, const fs::path& path, bool follow_last, Resolver resolver) {
  if (resolver == Resolver::by_hand) return open_by_hand(root, path, follow_last);
  Fd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) return fail(file_error(errno, "open the root", root));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (follow_last ? 0U : static_cast<unsigned>(O_NOFOLLOW));
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  auto below = below_root(path);
  Fd fd(static_cast<int>(::syscall(SYS_openat2, top.get(), below.c_str(), &how, sizeof how)));
  if (fd) return fd;
  // Old sandboxes answer EPERM to calls they do not know.
  if (errno == ENOSYS || errno == EPERM) return open_by_hand(root, path, follow_last);
  return fail(file_error(errno, "open", path));
}

namespace {

class RootedHost final : public Host {
 public:
  explicit RootedHost(fs::path root) : root_(std::move(root)) {}

  bool live() const override { return false; }

  Result<std::string> read(const fs::path& path, std::size_t limit) const override {
    auto fd = TRY(open_in_root(root_, path, true));
    return shown(path, "read", read_file(by_descriptor(fd), limit));
  }

  Result<FilePart> read_part(const fs::path& path, std::int64_t from, std::size_t most) const override {
    auto found = TRY(open_in_root(root_, path, true));
    Fd fd(::open(by_descriptor(found).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail(file_error(errno, "read", path));
    return read_part_of(fd, path, from, most);
  }

  Status write(const fs::path& path, std::string_view bytes, const WriteOptions& options) override {
    // write_file_atomic() would follow a last link out of the root, so it is followed here, inside.
    auto target = path;
    for (int links = 0;; ++links) {
      if (links == 16) return fail(file_error(ELOOP, "write", path));
      auto next = read_link(target);
      if (!next) break;
      target = target.parent_path() / *next;  // an absolute one replaces it all: absolute means from the root
    }
    if (!target.has_filename() || target.filename() == "." || target.filename() == "..")
      return fail(FileCode::not_regular, "cannot write {}: it is not a regular file", path.string());
    auto parent = TRY(open_in_root(root_, target.parent_path(), true));
    return shown(path, "write", write_file_atomic(by_descriptor(parent) / target.filename(), bytes, options));
  }

  // A mounted image is looked at, and its files may be written whole; healing is for machines that run.
  Status rename(const fs::path& /*from*/, const fs::path& /*to*/) override {
    return fail(only_live("rename"));
  }
  Status remove(const fs::path& /*path*/) override { return fail(only_live("remove")); }
  Status set_access(const fs::path& /*path*/, mode_t /*mode*/, uid_t /*uid*/, gid_t /*gid*/) override {
    return fail(only_live("change the owner of"));
  }
  Status trim(const fs::path& /*path*/, std::uint64_t /*keep*/) override { return fail(only_live("trim")); }

  Result<FileInfo> stat(const fs::path& path) const override {
    auto fd = TRY(open_in_root(root_, path, false));
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "look at", path));
    return file_info(st);
  }

  Result<std::vector<std::string>> list(const fs::path& path) const override {
    return list_directory(TRY(open_directory(path)), path);
  }

  Result<std::string> read_link(const fs::path& path) const override {
    auto fd = TRY(open_in_root(root_, path, false));
    std::array<char, 4096> target;  // PATH_MAX
    ssize_t n = ::readlinkat(fd.get(), "", target.data(), target.size());
    // Of anything but a link the kernel says "no such file", which it is not.
    if (n < 0) return fail(file_error(errno == ENOENT ? EINVAL : errno, "read the link", path));
    return std::string(target.data(), static_cast<std::size_t>(n));
  }

  Result<std::vector<Account>> accounts() const override {
    return proc::parse_passwd(TRY(read("/etc/passwd", kReadLimit)));
  }

  Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const override {
    return read_journal_in(TRY(open_directory("/var/log/journal")), query);
  }

  Result<std::vector<ProcessInfo>> processes() const override { return fail(nothing_runs("processes")); }
  Result<ProcessInfo> process(pid_t /*pid*/) const override { return fail(nothing_runs("processes")); }
  Result<ProcessInfo> process_details(pid_t /*pid*/) const override {
    return fail(nothing_runs("processes"));
  }
  Result<Environment> process_environment(pid_t /*pid*/,
                                          const std::vector<std::string>& /*names*/) const override {
    return fail(nothing_runs("processes"));
  }
  Result<std::vector<ListenerInfo>> listeners() const override { return fail(nothing_runs("sockets")); }
  Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t /*port*/, Owners /*owners*/) const override {
    return fail(nothing_runs("sockets"));
  }
  Result<std::vector<FileSystemInfo>> file_systems() const override { return fail(nothing_runs("mounts")); }

 private:
  Error nothing_runs(std::string_view what) const {
    return error(HostCode::not_here,
                 "{} is a directory with a root file system: nothing runs in it, so it has no {}",
                 root_.string(), what);
  }

  Error only_live(std::string_view what) const {
    return error(HostCode::not_here,
                 "{} is a directory with a root file system: meshops does not {} files in it", root_.string(),
                 what);
  }

  Result<Fd> open_directory(const fs::path& path) const {
    auto fd = TRY(open_in_root(root_, path, true));
    Fd open(::openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!open) return fail(file_error(errno, "list", path));
    return open;
  }

  /// People know the path they asked for, not the descriptor it was opened by.
  template <class T>
  static Result<T> shown(const fs::path& path, std::string_view doing, Result<T> result) {
    if (result) return result;
    const Error* first = &result.error();
    while (first->cause() != nullptr) first = first->cause();
    auto reason =
        first == &result.error() ? std::string("it is too large or not a regular file") : first->sentence();
    return fail(Error(result.error().code(), fmt::format("cannot {} {}: {}", doing, path.string(), reason)));
  }

  fs::path root_;
};

}  // namespace

std::unique_ptr<Host> rooted_host(fs::path root) { return std::make_unique<RootedHost>(std::move(root)); }

}  // namespace meshops
