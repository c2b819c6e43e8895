#include "audit/fingerprint_key.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "audit/site.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace meshops::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kDigits = 64;

Result<Secret> read_key(const fs::path& file) {
  struct stat st{};
  if (::lstat(file.c_str(), &st) != 0) return fail(file_error(errno, "read", file));
  if (!S_ISREG(st.st_mode) || (st.st_mode & 077U) != 0 || (st.st_uid != ::geteuid() && st.st_uid != 0))
    return fail(
        error(AuditCode::refused, "{} is not a file that only its owner can read", file.string())
            .hint("chmod 600 {0}; if others have read it, remove it: a new key is made, and older lists "
                  "cannot be compared any more",
                  file.string()));
  auto text = TRY(read_file(file, 4096));
  auto digits = trim(text);
  if (digits.size() != kDigits || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return fail(
        error(AuditCode::refused, "{} is not a key: 64 hexadecimal digits were expected", file.string())
            .hint("copy it again from another node, or remove it: a new one is made"));
  return Secret(std::string(digits));
}

Status make_key(const fs::path& file) {
  std::array<unsigned char, kDigits / 2> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return fail(AuditCode::io, "no random bytes for {} were to be had", file.string());
  std::string text;
  for (auto byte : bytes) text += fmt::format("{:02x}", byte);
  text += '\n';
  Secret kept(std::move(text));
  // Linked to its name when it is whole: two that begin at once must end up with one key.
  auto fresh = file.string() + fmt::format(".{}", ::getpid());
  ::unlink(fresh.c_str());
  Fd made(::open(fresh.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return fail(file_error(errno, "make", fresh));
  const auto& whole = kept.reveal();
  bool written = ::write(made.get(), whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()) &&
                 ::fsync(made.get()) == 0;
  int failed = errno;
  if (written && ::link(fresh.c_str(), file.c_str()) != 0 && errno != EEXIST) {
    written = false;
    failed = errno;
  }
  ::unlink(fresh.c_str());
  return written ? ok() : fail(file_error(failed, "make", file));
}

}  // namespace

Result<Secret> fingerprint_key(const fs::path& state_dir) {
  auto file = state_dir / kFingerprintKeyFile;
  auto known = read_key(file);
  if (known || !known.error().is(code_name(FileCode::not_found))) return known;
  CHECK_OK(make_directories(state_dir));
  CHECK_OK(make_key(file));
  return read_key(file);
}

}  // namespace meshops::audit
