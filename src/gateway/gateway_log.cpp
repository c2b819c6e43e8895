#include "gateway/gateway_log.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"

namespace meshops {

namespace fs = std::filesystem;

Result<Fd> open_gateway_log(const fs::path& path, const std::optional<Account>& owner) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(file_error(errno, "open", path));
  if (owner && ::fchown(fd.get(), owner->uid, owner->gid) != 0)
    return fail(file_error(errno, "give away", path));
  return fd;
}

namespace {

/// Copies the first `count` bytes of `from` into a new file `to`.
Status copy_front(int from, const fs::path& to, std::uint64_t count) {
  Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return fail(file_error(errno, "write", to));
  struct stat st{};
  if (::fstat(from, &st) == 0 && ::fchown(out.get(), st.st_uid, st.st_gid) != 0 && errno != EPERM)
    return fail(file_error(errno, "give away", to));
  off_t at = 0;
  while (static_cast<std::uint64_t>(at) < count) {
    auto n = ::copy_file_range(from, &at, out.get(), nullptr, count - static_cast<std::uint64_t>(at), 0);
    if (n > 0) continue;
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) break;
    std::array<char, 65536> buffer;  // old kernels and odd file systems
    auto want = std::min<std::uint64_t>(buffer.size(), count - static_cast<std::uint64_t>(at));
    auto got = ::pread(from, buffer.data(), want, at);
    if (got <= 0 || ::write(out.get(), buffer.data(), static_cast<std::size_t>(got)) != got)
      return fail(file_error(errno, "write", to));
    at += got;
  }
  if (::fsync(out.get()) != 0) return fail(file_error(errno, "make durable", to));
  return ok();
}

}  // namespace

namespace {
constexpr std::uint64_t kMostOfLog = 1U << 20;
}

Result<std::uint64_t> rotate_gateway_log(const fs::path& path, std::uint64_t max_bytes, unsigned keep) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0 || static_cast<std::uint64_t>(st.st_size) <= max_bytes) return 0;
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail(file_error(errno, "rotate", path));

  auto numbered = [&](unsigned n) { return fs::path(path.string() + "." + std::to_string(n)); };
  for (unsigned n = keep; n > 1; --n) ::rename(numbered(n - 1).c_str(), numbered(n).c_str());

  // Whole blocks only, and never to the very end, which the kernel refuses; the rest stays in the current
  // file.
  auto block = static_cast<std::uint64_t>(std::max<blksize_t>(st.st_blksize, 4096));
  auto count = (static_cast<std::uint64_t>(st.st_size) - 1) / block * block;
  if (keep > 0) CHECK_OK(copy_front(fd.get(), numbered(1), count));
  if (::fallocate(fd.get(), FALLOC_FL_COLLAPSE_RANGE, 0, static_cast<off_t>(count)) == 0) return count;
  // This file system cannot take bytes off the front.
  if (keep > 0) {
    CHECK_OK(copy_front(fd.get(), numbered(1), static_cast<std::uint64_t>(st.st_size)));
  }
  if (::ftruncate(fd.get(), 0) != 0) return fail(file_error(errno, "empty", path));
  return static_cast<std::uint64_t>(st.st_size);
}

Result<std::string> new_lines(const fs::path& path, std::optional<std::uint64_t>& from) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat st{};
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "read", path));
  auto size = static_cast<std::uint64_t>(st.st_size);
  auto wanted = from.value_or(0);
  if (wanted > size) wanted = 0;  // it was emptied
  auto begin = std::max(wanted, size - std::min(size, kMostOfLog));
  const bool cut = begin != wanted;
  std::string text(size - begin, '\0');
  auto n = ::pread(fd.get(), text.data(), text.size(), static_cast<off_t>(begin));
  if (n < 0) return fail(file_error(errno, "read", path));
  text.resize(static_cast<std::size_t>(n));
  text.resize(text.rfind('\n') + 1);  // a line that is being written comes with the next call
  from = begin + text.size();
  if (cut) text.erase(0, text.find('\n') + 1);
  return text;
}

Result<std::string> tail_file(const fs::path& path, std::size_t lines) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st{};
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail(file_error(errno, "read", path));
  auto from = std::max<off_t>(0, st.st_size - static_cast<off_t>(kMostOfLog));
  std::string text(static_cast<std::size_t>(st.st_size - from), '\0');
  auto n = ::pread(fd.get(), text.data(), text.size(), from);
  if (n < 0) return fail(file_error(errno, "read", path));
  text.resize(static_cast<std::size_t>(n));
  auto at = text.size();
  if (at > 0 && text.back() == '\n') --at;
  for (std::size_t i = 0; i < lines && at != 0; ++i) {
    auto found = text.rfind('\n', at - 1);
    if (found == std::string::npos) return text;
    at = found;
  }
  return text.substr(lines == 0 ? text.size() : at == 0 ? 0 : at + 1);
}

}  // namespace meshops
