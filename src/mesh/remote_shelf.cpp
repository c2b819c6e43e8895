#include "mesh/remote_shelf.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "mesh/remote_request.h"

namespace meshops::mesh {

namespace {
constexpr std::size_t kMost = 1U << 20;
}

Result<RemoteShelf::Copy> RemoteShelf::read_copy(const std::filesystem::path& file) {
  auto bytes = read_file(file, kMost);
  if (!bytes) {
    if (bytes.error().is(code_name(FileCode::not_found))) return Copy{};
    return fail(bytes.error());
  }
  auto end = bytes->find('\n');
  auto number = to_number<std::uint64_t>(std::string_view(*bytes).substr(0, end));
  if (end == std::string::npos || !number || *number == 0)
    return fail(error(RemoteCode::not_kept, "{} is damaged", file.string())
                    .hint("if nobody heals this node just now, remove it: rm {}", file.string()));
  return Copy{*number, bytes->substr(end + 1)};
}

Result<RemoteShelf::Copy> RemoteShelf::newest() const {
  auto first = TRY(read_copy(first_));
  auto spare = TRY(read_copy(spare_));
  return spare.number > first.number ? std::move(spare) : std::move(first);
}

Result<std::string> RemoteShelf::read() const { return TRY(newest()).text; }

Status RemoteShelf::write(std::string_view text) {
  auto number = TRY(newest()).number + 1;
  auto bytes = fmt::format("{}\n{}", number, text);
  Status kept = make_directories(first_.parent_path());
  if (kept) kept = write_file_atomic(first_, bytes);
  if (kept) return kept;
  Status spared = make_directories(spare_.parent_path(), 0755);
  if (spared) spared = write_file_atomic(spare_, bytes);
  if (spared) return spared;
  return fail(
      error(RemoteCode::not_kept, "neither {} nor {} can be written", first_.string(), spare_.string())
          .because(kept.error())
          .hint("see which disk is full or read-only: df -h; mount"));
}

Result<Fd> lock_shelves(const RemotePlaces& places, Duration wait) {
  auto path = places.run / "remote.lock";
  CHECK_OK(make_directories(places.run, 0755));
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(file_error(errno, "open", path));
  using namespace std::chrono_literals;
  for (auto until = std::chrono::steady_clock::now() + wait;;) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(file_error(errno, "lock", path));
    if (std::chrono::steady_clock::now() > until)
      return fail(error(RemoteCode::not_kept, "{} is held by another process", path.string())
                      .hint("see which: fuser {}", path.string()));
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace meshops::mesh
