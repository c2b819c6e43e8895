#include "base/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/text.h"

namespace meshops {

Result<Secret> read_secret_file(const std::filesystem::path& path, std::string_view what, Links links) {
  constexpr std::size_t kMost = 16U << 10;
  // O_NONBLOCK: a FIFO in its place must not hold us.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == Links::refuse ? O_NOFOLLOW : 0)));
  if (!fd) return fail(file_error(errno, "open", path));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode))
    return fail(FileCode::not_regular, "{} is no file, expected {}", path.string(), what);
  if ((st.st_uid != 0 && st.st_uid != ::geteuid()) || (st.st_mode & 077) != 0)
    return fail(error(FileCode::not_permitted,
                      "{} can be read or changed by others, so the key in it is not used", path.string())
                    .hint("chown root {} && chmod 600 {}; and make a new key, if others were there",
                          path.string(), path.string()));
  std::string bytes(kMost + 1, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    auto n = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "read", path));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(std::min(got, kMost));
  Secret secret{std::string(trim(bytes))};
  ::explicit_bzero(bytes.data(), bytes.size());
  if (secret.empty() || got > kMost)
    return fail(got > kMost ? FileCode::too_large : FileCode::empty, "{} is {}, expected {}", path.string(),
                got > kMost ? "larger than 16 KiB" : "empty", what);
  return secret;
}

}  // namespace meshops
