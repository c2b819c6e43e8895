// ObjectStore over a directory that every node has mounted. Its clock is that of whoever serves the
// directory: the time that a file gets which is written now.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <functional>
#include <mutex>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "store/object_store.h"

namespace meshops::store {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr Duration kLimit = 5s;
constexpr unsigned kMostWaiting = 8;
constexpr auto kLockLimit = 3s;

Error not_reached(std::string_view doing, Error why) {
  return error(ObjectCode::not_reached, "cannot {}", doing)
      .because(std::move(why))
      .hint("see that the directory under [store] is mounted, and that its server answers");
}

Duration time_of(const timespec& t) {
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

/// Another for each put(): a file that replaces one is made while that one is still there, so the number of
/// its inode differs; and where a number comes back later, the time is another.
std::string version_of(const struct stat& st) {
  return fmt::format("{}-{}-{}", st.st_ino, time_of(st.st_mtim).count(), st.st_size);
}

/// Removes a file of ours, whatever comes of it.
struct Temporary {
  std::string path;
  ~Temporary() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

/// A new file beside `path` with these bytes, on the disk.
Result<struct stat> write_beside(const fs::path& path, std::string_view bytes, Temporary& made) {
  auto name = (path.parent_path() / fmt::format(".{}-XXXXXX", path.filename().string())).string();
  Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail(file_error(errno, "make a file in", path.parent_path()));
  made.path = name;
  for (auto rest = bytes; !rest.empty();) {
    auto n = ::write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(file_error(errno, "write", made.path));
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  struct stat st{};
  if (::fsync(fd.get()) != 0 || ::fstat(fd.get(), &st) != 0)
    return fail(file_error(errno, "write", made.path));
  return st;
}

/// Never made by us: where it is missing, nothing is mounted, and an empty store would be a lie.
Status must_be_there(const fs::path& root) {
  struct stat st{};
  if (::stat(root.c_str(), &st) != 0) return fail(file_error(errno, "open", root));
  if (!S_ISDIR(st.st_mode)) return fail(FileCode::not_regular, "{} is no directory", root.string());
  return ok();
}

Result<std::optional<Object>> read_now(const fs::path& root, const fs::path& path, const std::string& doing) {
  if (auto there = must_be_there(root); !there) return fail(not_reached(doing, std::move(there).error()));
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return fail(not_reached(doing, file_error(errno, "open", path)));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return fail(not_reached(doing, file_error(errno, "look at", path)));
  if (!S_ISREG(st.st_mode))
    return fail(ObjectCode::not_understood, "cannot {}: {} is no file", doing, path.string());
  std::string bytes(kMostObjectBytes + 1, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    auto n = ::read(fd.get(), bytes.data() + got, bytes.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(not_reached(doing, file_error(errno, "read", path)));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  if (got > kMostObjectBytes)
    return fail(ObjectCode::too_large, "cannot {}: it is larger than {}", doing,
                bytes_text(kMostObjectBytes));
  bytes.resize(got);
  Temporary now;
  auto written = write_beside(path, {}, now);
  if (!written) return fail(not_reached(doing, std::move(written).error()));
  auto age = std::max(time_of(written->st_mtim) - time_of(st.st_mtim), Duration::zero());
  return Object{.bytes = std::move(bytes), .version = version_of(st), .age = age};
}

/// All who write an object hold this while they compare and replace; the kernel takes it from who dies.
Result<Fd> lock(const fs::path& path) {
  auto beside = path.parent_path() / fmt::format(".{}.lock", path.filename().string());
  Fd fd(::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(file_error(errno, "open", beside));
  auto began = std::chrono::steady_clock::now();
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(file_error(errno, "lock", beside));
    if (std::chrono::steady_clock::now() - began > kLockLimit)
      return fail(FileCode::io, "{} is held by another", beside.string());
    std::this_thread::sleep_for(10ms);
  }
  return fd;
}

Result<std::string> write_now(const fs::path& root, const fs::path& path, std::string_view bytes,
                              const PutIf& condition, const std::string& doing) {
  if (auto there = must_be_there(root); !there) return fail(not_reached(doing, std::move(there).error()));
  auto made = make_directories(path.parent_path());
  if (!made) return fail(not_reached(doing, std::move(made).error()));
  auto held = lock(path);
  if (!held) return fail(not_reached(doing, std::move(held).error()));
  auto changed = [&] { return fail(ObjectCode::changed, "cannot {}: it was changed meanwhile", doing); };
  // Opened, not only looked at: over NFS that asks the server.
  Fd there(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st{};
  bool exists = there && ::fstat(there.get(), &st) == 0;
  if (condition.is == PutIf::Is::absent && exists) return changed();
  if (condition.is == PutIf::Is::version && (!exists || version_of(st) != condition.of)) return changed();
  Temporary fresh;
  auto written = write_beside(path, bytes, fresh);
  if (!written) return fail(not_reached(doing, std::move(written).error()));
  if (condition.is == PutIf::Is::absent) {
    // Where locks do not reach another machine, this still refuses the second.
    if (::link(fresh.path.c_str(), path.c_str()) != 0) {
      if (errno == EEXIST) return changed();
      return fail(not_reached(doing, file_error(errno, "link", path)));
    }
  } else {
    if (::rename(fresh.path.c_str(), path.c_str()) != 0)
      return fail(not_reached(doing, file_error(errno, "replace", path)));
    fresh.path.clear();
  }
  Fd directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return version_of(*written);
}

class DirectoryStore final : public ObjectStore, public std::enable_shared_from_this<DirectoryStore> {
 public:
  explicit DirectoryStore(fs::path directory) : directory_(std::move(directory)) {}
  DirectoryStore(const DirectoryStore&) = delete;
  DirectoryStore& operator=(const DirectoryStore&) = delete;
  ~DirectoryStore() override {
    std::lock_guard lock(gate_->mutex);
    gate_->open = false;
  }

  asio::awaitable<Result<std::optional<Object>>> get(std::string key) override {
    auto alive = shared_from_this();
    if (!is_object_key(key)) co_return fail(ObjectCode::bad_name, "{} is no name of an object", quote(key));
    auto path = directory_ / key;
    auto doing = fmt::format("read {}", path.string());
    std::function<Result<std::optional<Object>>()> work = [root = directory_, path, doing] {
      return read_now(root, path, doing);
    };
    co_return co_await beside_the_loop(std::move(work), doing);
  }

  asio::awaitable<Result<std::string>> put(std::string key, std::string bytes, PutIf condition) override {
    auto alive = shared_from_this();
    if (!is_object_key(key)) co_return fail(ObjectCode::bad_name, "{} is no name of an object", quote(key));
    auto path = directory_ / key;
    auto doing = fmt::format("write {}", path.string());
    if (bytes.size() > kMostObjectBytes)
      co_return fail(ObjectCode::too_large, "cannot {}: it would be larger than {}", doing,
                     bytes_text(kMostObjectBytes));
    std::function<Result<std::string>()> work = [root = directory_, path, bytes = std::move(bytes), condition,
                                                 doing] {
      return write_now(root, path, bytes, condition, doing);
    };
    co_return co_await beside_the_loop(std::move(work), doing);
  }

  std::string text() const override { return "dir:" + directory_.string(); }

 private:
  /// A mount whose server is gone holds whoever touches it, for as long as it likes: so that is a thread of
  /// its own, which nobody waits for longer than the limit.
  template <class T>
  asio::awaitable<Result<T>> beside_the_loop(std::function<Result<T>()> work, std::string doing) {
    struct State {
      explicit State(const asio::any_io_executor& executor) : timer(executor) {}
      asio::steady_timer timer;
      std::optional<Result<T>> out;
    };
    if (gate_->waiting >= kMostWaiting)
      co_return fail(
          not_reached(doing, error(FileCode::io, "{} does not answer any more", directory_.string())));
    auto executor = co_await asio::this_coro::executor;
    auto state = std::make_shared<State>(executor);
    state->timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(kLimit));
    ++gate_->waiting;
    // Nothing of the loop's belongs to the thread, which may outlive it.
    std::thread([work = std::move(work), weak = std::weak_ptr(state), executor, gate = gate_]() mutable {
      auto out = work();
      std::lock_guard lock(gate->mutex);
      --gate->waiting;
      if (!gate->open) return;
      asio::post(executor, [weak = std::move(weak), out = std::move(out)]() mutable {
        auto waits = weak.lock();
        if (!waits) return;
        waits->out.emplace(std::move(out));
        waits->timer.cancel();
      });
    }).detach();
    boost::system::error_code woken;
    co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (state->out) co_return std::move(*state->out);
    co_return fail(not_reached(doing, error(FileCode::io, "{} does not answer within {}", directory_.string(),
                                            duration_text(kLimit))));
  }

  /// Shut when the store goes, which is before its loop does: nothing is posted after that.
  struct Gate {
    std::mutex mutex;
    bool open = true;
    std::atomic<unsigned> waiting = 0;
  };

  fs::path directory_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
};

}  // namespace

std::shared_ptr<ObjectStore> directory_store(fs::path directory) {
  return std::make_shared<DirectoryStore>(std::move(directory));
}

}  // namespace meshops::store
