#include "mesh/spare_binary.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "config/values.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSumLimit = 8192;
constexpr std::size_t kDigits = 64;

bool is_sha256(std::string_view text) {
  return text.size() == kDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// All of it, a piece at a time: the agent stays small. Into `to` too, unless that is negative.
Result<std::string> digest_of(int from, int to, const fs::path& file) {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return fail(RemoteCode::cannot, "SHA-256 is not to be had");
  std::vector<char> piece(256U << 10);
  while (true) {
    auto got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(file_error(errno, "read", file));
    if (got == 0) break;
    auto size = static_cast<std::size_t>(got);
    EVP_DigestUpdate(context.get(), piece.data(), size);
    for (std::size_t done = 0; to >= 0 && done < size;) {
      auto n = ::write(to, piece.data() + done, size - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(file_error(errno, "write a copy of", file));
      done += static_cast<std::size_t>(n);
    }
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

Result<Fd> open_regular(const fs::path& file) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(file_error(errno, "read", file));
  struct stat is{};
  if (::fstat(fd.get(), &is) != 0) return fail(file_error(errno, "read", file));
  if (!S_ISREG(is.st_mode)) return fail(FileCode::not_regular, "{} is not a regular file", file.string());
  return fd;
}

/// A copy beside `to`, durable and checked, not yet under its name. Gives its path.
Result<fs::path> copy_beside(const fs::path& from, const fs::path& to, const std::string& sha256,
                             mode_t mode) {
  auto source = TRY(open_regular(from));
  auto path = to.string() + ".meshops-XXXXXX";
  Fd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd) return fail(file_error(errno, "write beside", to));
  auto copied = digest_of(source.get(), fd.get(), from);
  Status good = copied ? ok() : Status(fail(copied.error()));
  if (good && (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0))
    good = fail(file_error(errno, "write", path));
  // What the disk gives back counts, not what was written.
  if (good) {
    auto written = sha256_of(path);
    if (!written)
      good = fail(written.error());
    else if (*written != sha256)
      good = fail(RemoteCode::cannot, "the copy at {} is not what was copied", path);
  }
  if (good) return fs::path(path);
  ::unlink(path.c_str());
  return fail(good.error());
}

Status put(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    auto why = errno;
    ::unlink(from.c_str());
    return fail(file_error(why, "replace", to));
  }
  Fd directory(::open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) (void)::fsync(directory.get());
  return ok();
}

}  // namespace

Result<std::string> sha256_of(const fs::path& file) {
  auto fd = TRY(open_regular(file));
  return digest_of(fd.get(), -1, file);
}

Status SpareBinary::keep(const fs::path& image, const fs::path& target) const {
  if (values::path(target.string()) || target.string().find(' ') != std::string::npos)
    return fail(RemoteCode::cannot, "{} is no place for a program", quote(target.string()));
  auto sha256 = TRY(sha256_of(image));
  if (auto known = pinned(); known && known->sha256 == sha256 && known->target == target) return ok();
  CHECK_OK(make_directories(directory_, 0700));
  // A kill between the two leaves a spare that does not fit its checksum: that is no spare, and is made anew.
  CHECK_OK(put(TRY(copy_beside(image, copy(), sha256, 0700)), copy()));
  return write_file_atomic(sum(), fmt::format("{}  {}\n", sha256, target.string()), {.mode = 0600});
}

Result<SpareBinary::Pinned> SpareBinary::pinned() const {
  auto no_spare = [this](const Error& why) {
    return fail(error(RemoteCode::cannot, "there is no copy of meshops in {} that could be put back",
                      directory_.string())
                    .because(why)
                    .hint("while meshops works here: meshops mesh keys install; else install it by hand"));
  };
  auto line = read_file(sum(), kSumLimit);
  if (!line) return no_spare(line.error());
  auto parts = words(*line);
  if (parts.size() != 2 || !is_sha256(parts[0]) || values::path(parts[1]))
    return no_spare(error(RemoteCode::cannot, "{} is damaged", sum().string()));
  auto is = sha256_of(copy());
  if (!is) return no_spare(is.error());
  if (*is != parts[0])
    return no_spare(error(RemoteCode::cannot, "{} is not what its checksum says", copy().string()));
  return Pinned{*is, fs::path(parts[1])};
}

Result<SpareBinary::Restored> SpareBinary::restore() const {
  auto wanted = TRY(pinned());
  Restored out{.target = wanted.target, .before = {}, .was_right = false};
  auto is = sha256_of(out.target);
  struct stat old{};
  bool exists = ::lstat(out.target.c_str(), &old) == 0;
  if (is && *is == wanted.sha256 && (old.st_mode & 0111) == 0111) {
    out.was_right = true;
    return out;
  }
  auto fresh = TRY(copy_beside(copy(), out.target, wanted.sha256, 0755));
  if (exists) {
    // A second name costs no room, and the target is never missing.
    out.before = out.target.string() + ".before-reinstall";
    ::unlink(out.before->c_str());
    if (::link(out.target.c_str(), out.before->c_str()) != 0) {
      auto why = errno;
      ::unlink(fresh.c_str());
      return fail(file_error(why, "keep the old bytes of", out.target));
    }
  }
  CHECK_OK(put(fresh, out.target));
  auto now = sha256_of(out.target);
  if (now && *now == wanted.sha256) return out;
  auto why = now ? error(RemoteCode::cannot, "what stands there now is not what was written") : now.error();
  if (auto back = roll_back(out); !back) return fail(std::move(why).because(back.error()));
  return fail(
      error(RemoteCode::cannot, "{} could not be put back", out.target.string()).because(std::move(why)));
}

Status SpareBinary::roll_back(const Restored& restored) {
  if (!restored.before) return ok();
  return put(*restored.before, restored.target);
}

}  // namespace meshops::mesh
