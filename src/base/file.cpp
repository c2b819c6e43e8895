#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/fd.h"

namespace meshops {

namespace fs = std::filesystem;

Error file_error(int error_number, std::string_view doing, const fs::path& path) {
  auto code = error_number == ENOENT || error_number == ENOTDIR ? FileCode::not_found
              : error_number == EACCES || error_number == EPERM ? FileCode::not_permitted
              : error_number == EFBIG                           ? FileCode::too_large
                                                                : FileCode::io;
  return error(code, "cannot {} {}", doing, path.string())
      .because(error(code, "{}", std::generic_category().message(error_number)));
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  // O_NONBLOCK: opening a FIFO without a writer would wait for ever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(file_error(errno, "read", path));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "read", path));
  if (!S_ISREG(st.st_mode))
    return fail(FileCode::not_regular, "cannot read {}: it is not a regular file", path.string());

  auto too_large = [&] {
    return fail(FileCode::too_large, "cannot read {}: it has more than {} bytes", path.string(), limit);
  };
  constexpr std::size_t kFirst = 4096, kChunk = 64U << 10;
  // Nothing of it is read in vain. Small sizes are not believed: those of /sys are one page, whatever is in
  // it.
  if (auto size = static_cast<std::size_t>(st.st_size); size > limit && size > kChunk) return too_large();
  std::string bytes;
  std::size_t chunk =
      st.st_size > 0 ? std::min<std::size_t>(static_cast<std::size_t>(st.st_size) + 1, limit + 1) : kFirst;
  while (true) {
    auto old = bytes.size();
    bytes.resize(old + chunk);
    ssize_t n = ::read(fd.get(), bytes.data() + old, chunk);
    if (n < 0 && errno == EINTR) {
      bytes.resize(old);
      continue;
    }
    if (n < 0) return fail(file_error(errno, "read", path));
    bytes.resize(old + static_cast<std::size_t>(n));
    if (n == 0) return bytes;
    if (bytes.size() > limit) return too_large();
    // Mostly it ends here: room for more is only made (and zeroed) where there is more.
    chunk = static_cast<std::size_t>(n) < chunk ? kFirst : kChunk;
  }
}

namespace {

Status write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "write", path));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ok();
}

Status sync_directory(const fs::path& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some network file systems cannot fsync a directory; the rename itself has happened.
  if (!fd || (::fsync(fd.get()) != 0 && errno != EINVAL))
    return fail(file_error(errno, "make durable", directory));
  return ok();
}

/// Gives a half-written temp file back to the file system unless it was renamed.
class TempFile {
 public:
  explicit TempFile(const fs::path& beside) : path_(beside.string() + ".meshops-XXXXXX") {
    fd_ = Fd(::mkostemp(path_.data(), O_CLOEXEC));
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() {
    if (fd_ && !kept_) ::unlink(path_.c_str());
  }
  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  bool rename_to(const fs::path& target) {
    kept_ = ::rename(path_.c_str(), target.c_str()) == 0;
    return kept_;
  }

 private:
  std::string path_;
  Fd fd_;
  bool kept_ = false;
};

}  // namespace

Status write_file_atomic(const fs::path& path, std::string_view bytes, const WriteOptions& options) {
  std::error_code ignored;
  fs::path target = fs::is_symlink(path, ignored) ? fs::weakly_canonical(path, ignored) : path;
  if (target.empty()) return fail(file_error(ELOOP, "write", path));

  struct stat old{};
  bool exists = ::stat(target.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode))
    return fail(FileCode::not_regular, "cannot write {}: it is not a regular file", path.string());

  TempFile temp(target);
  if (!temp) return fail(file_error(errno, "write", path));
  CHECK_OK(write_all(temp.fd(), bytes, path));

  auto uid = exists ? old.st_uid : options.uid.value_or(::geteuid());
  auto gid = exists ? old.st_gid : options.gid.value_or(::getegid());
  if (uid != ::geteuid() || gid != ::getegid()) {
    // Losing the owner would lock the gateway out of its own file: better not to write at all.
    if (::fchown(temp.fd(), uid, gid) != 0) return fail(file_error(errno, "keep the owner of", path));
  }
  if (::fchmod(temp.fd(), exists ? (old.st_mode & 07777U) : options.mode) != 0)
    return fail(file_error(errno, "set the mode of", path));
  if (::fsync(temp.fd()) != 0) return fail(file_error(errno, "make durable", path));
  if (!temp.rename_to(target)) return fail(file_error(errno, "replace", path));
  return sync_directory(target.has_parent_path() ? target.parent_path() : fs::path("."));
}

Status make_directories(const fs::path& path, mode_t mode) {
  fs::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), mode) != 0 && errno != EEXIST) {
      int why = errno;
      std::error_code ignored;
      if (!fs::is_directory(so_far, ignored)) return fail(file_error(why, "make the directory", so_far));
    }
  }
  std::error_code failed;
  if (!fs::is_directory(path, failed)) return fail(file_error(ENOTDIR, "make the directory", path));
  return ok();
}

}  // namespace meshops
