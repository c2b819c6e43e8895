// The watch over files by fanotify(7). Marks are on inodes, not on directories: /etc holds files that every
// program opens. Directories have an inotify watch for new names only, so that a file that replaces another
// is marked within the moment it takes to be told.
//
// A thread of its own: what a short-lived reader was can only be seen while it lives, some hundred
// microseconds, and the agent's loop may be busy that long (docs/decisions/018-who-reads-secrets.md).
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "host/access_events.h"
#include "host/access_watch.h"
#include "host/proc.h"
#include "host/recent_readers.h"

namespace meshops {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kAccess = FAN_OPEN | FAN_ACCESS;
constexpr std::uint32_t kNewNames =
    IN_MOVED_TO | IN_CREATE | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW;
// Marks are set anew so often, in case something went unnoticed; sooner while a file or directory is missing.
constexpr int kRoundMs = 60'000, kSoonMs = 5'000;

/// Before whoever runs as usual: a reader may be gone in a moment. This thread sleeps nearly always, and does
/// little when it does not. A failure costs only names of readers.
void be_woken_first() {
  constexpr int kNice = -10;
  ::setpriority(PRIO_PROCESS, 0, kNice);  // with 0 Linux means this thread
  // A short slice is what the scheduler of Linux 6.12 and later goes by; older ones do not look at it.
  struct {
    std::uint32_t size = 48, policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = kNice;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 100'000, deadline = 0, period = 0;
  } wanted;  // struct sched_attr, which glibc 2.36 has not
  ::syscall(SYS_sched_setattr, 0, &wanted, 0U);
}

std::string link_target(const std::string& link) {
  std::string target(4096, '\0');
  auto size = ::readlink(link.c_str(), target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

/// As much as can still be seen of it, what vanishes first first.
Reader look_at(pid_t pid, pid_t& parent) {
  Reader reader{.pid = pid};
  auto directory = fmt::format("/proc/{}", pid);
  reader.exe = link_target(directory + "/exe");
  if (auto info = proc::read_process(pid, proc::Depth::basics)) {
    reader.start_ticks = info->start_ticks;
    reader.comm = info->comm;
    reader.cgroup = info->cgroup;
    parent = info->parent;
  }
  if (auto status = read_file(directory + "/status", 64U << 10)) reader.uid = proc::parse_real_uid(*status);
  // Not in every kernel; 4294967295: nobody has logged in.
  if (auto login = read_file(directory + "/loginuid", 64))
    if (auto id = to_number<uid_t>(trim(*login)); id && *id != static_cast<uid_t>(-1)) reader.login = id;
  return reader;
}

class FanotifyWatch final : public AccessWatch {
 public:
  FanotifyWatch(Fd events, Fd names, Fd end, std::function<void()> stirred)
      : events_(std::move(events)),
        names_(std::move(names)),
        end_(std::move(end)),
        stirred_(std::move(stirred)),
        own_program_(link_target("/proc/self/exe")) {
    // Signals are for the thread with the event loop.
    sigset_t all{}, before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  FanotifyWatch(const FanotifyWatch&) = delete;
  FanotifyWatch& operator=(const FanotifyWatch&) = delete;
  ~FanotifyWatch() override {
    std::uint64_t one = 1;
    (void)!::write(end_.get(), &one, sizeof one);
    thread_.join();
  }

  std::vector<std::pair<fs::path, Error>> watch(const std::set<fs::path>& files) override {
    std::scoped_lock lock(mutex_);
    for (const auto& [path, id] : marked_)
      if (!files.contains(path)) unmark(path);
    std::erase_if(marked_, [&](const auto& entry) { return !files.contains(entry.first); });
    std::erase_if(paths_, [&](const auto& entry) { return !files.contains(entry.second); });
    files_ = files;
    std::vector<std::pair<fs::path, Error>> failed;
    mark_all(&failed);
    return failed;
  }

  FileAccesses take() override {
    std::scoped_lock lock(mutex_);
    return tally_.take();
  }

 private:
  using Id = std::pair<dev_t, ino_t>;

  void run() {
    be_woken_first();
    while (true) {
      std::array<pollfd, 3> ready{
          {{events_.get(), POLLIN, 0}, {names_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
      int count = ::poll(ready.data(), ready.size(), pause_ms());
      if (count < 0 && errno != EINTR) return broke("the watch could not wait any longer");
      if (ready[2].revents != 0) return;
      if (ready[0].revents != 0 && !fetch_events()) return broke("the kernel gave no more events");
      if (ready[1].revents != 0) fetch_names();
      if (count == 0) {
        std::scoped_lock lock(mutex_);
        mark_all(nullptr);
      }
    }
  }

  int pause_ms() {
    std::scoped_lock lock(mutex_);
    return missing_ ? kSoonMs : kRoundMs;
  }

  void broke(std::string_view how) {
    note([&] { tally_.missed(fmt::format("{}: restart the agent", how)); });
  }

  /// Changes the tally, and tells that there is something in it.
  template <class F>
  void note(F change) {
    bool first = false;
    {
      std::scoped_lock lock(mutex_);
      first = tally_.empty();
      change();
      first = first && !tally_.empty();
    }
    if (first) stirred_();
  }

  bool fetch_events() {
    // 128 events: each brings two descriptors, and one that finds none left is lost without a word.
    alignas(fanotify_event_metadata) std::array<char, 4096> buffer;
    while (true) {
      auto size = ::read(events_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return true;
      if (size < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        // The event is lost, the ones behind it are not.
        note([&] { tally_.missed("there were no file descriptors or memory left to be told of an access"); });
        return true;
      }
      if (size <= 0) return false;
      // Nothing: one of ours. Not for longer: a process may become another program.
      std::map<pid_t, std::optional<Reader>> seen;
      auto events = parse_access_events({buffer.data(), static_cast<std::size_t>(size)});
      for (const auto& event : events.all) happened(event, seen);
      if (events.broken) note([&] { tally_.missed("the kernel told of an access in a way we do not know"); });
    }
  }

  void happened(const AccessEvent& event, std::map<pid_t, std::optional<Reader>>& seen) {
    Fd file(event.fd), process(event.pidfd);
    if (event.overflow) {
      note([&] { tally_.missed("more files were opened at once than the kernel keeps in mind"); });
      return;
    }
    if (!file || event.pid == ::getpid()) return;
    auto at = SystemClock().wall();
    auto known = seen.find(event.pid);
    if (known == seen.end()) known = seen.emplace(event.pid, reader_of(event)).first;
    if (!known->second) return;
    auto path = path_of(file);
    if (path.empty()) return;
    note([&] { tally_.add(path, *known->second, event.opened, event.read, at); });
  }

  /// Nothing: it is this program, run by ourselves to list the secrets.
  std::optional<Reader> reader_of(const AccessEvent& event) {
    auto now = SystemClock().now();
    if (event.ended || event.pid <= 0) return recent_.complete(Reader{.pid = event.pid}, now);
    pid_t parent = 0;
    auto reader = look_at(event.pid, parent);
    if (parent == ::getpid() && reader.exe == own_program_) return std::nullopt;
    return recent_.complete(std::move(reader), now);
  }

  fs::path path_of(const Fd& file) {
    struct stat st{};
    if (::fstat(file.get(), &st) != 0) return {};
    std::scoped_lock lock(mutex_);
    if (auto found = paths_.find({st.st_dev, st.st_ino}); found != paths_.end()) return found->second;
    // One that has been replaced just now, or was renamed.
    auto name = link_target(fmt::format("/proc/self/fd/{}", file.get()));
    constexpr std::string_view kGone = " (deleted)";
    if (name.ends_with(kGone)) name.resize(name.size() - kGone.size());
    return name;
  }

  void fetch_names() {
    alignas(inotify_event) std::array<char, 16U << 10> buffer;
    std::scoped_lock lock(mutex_);
    bool all = false;
    while (true) {
      auto size = ::read(names_.get(), buffer.data(), buffer.size());
      if (size <= 0) break;
      for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
        auto directory = directories_.find(event->wd);
        if ((event->mask & IN_IGNORED) != 0 && directory != directories_.end()) {
          directories_.erase(directory);
          all = true;
        } else if (event->len == 0 || directory == directories_.end()) {
          all = true;  // the directory went, or the queue was full
        } else if (auto path = directory->second / event->name; files_.contains(path)) {
          mark(path);
        }
      }
    }
    if (all) mark_all(nullptr);
  }

  // Below: with the lock held.

  void mark_all(std::vector<std::pair<fs::path, Error>>* failed) {
    missing_ = false;
    std::set<fs::path> wanted;
    for (const auto& file : files_) wanted.insert(file.parent_path());
    // Directories first: what is renamed into one meanwhile is told of afterwards.
    std::map<int, fs::path> now;
    for (const auto& directory : wanted) {
      int watch = ::inotify_add_watch(names_.get(), directory.c_str(), kNewNames);
      if (watch >= 0)
        now[watch] = directory;
      else
        missing_ = true;
    }
    for (const auto& [watch, directory] : directories_)
      if (!now.contains(watch)) ::inotify_rm_watch(names_.get(), watch);
    directories_ = std::move(now);
    for (const auto& file : files_) {
      auto done = mark(file);
      if (done) continue;
      missing_ = missing_ || done.error().is(code_name(FileCode::not_found));
      if (failed != nullptr) failed->emplace_back(file, done.error());
    }
  }

  /// Again is harmless, and needed: a new file may have got the number of the old one, but not its mark.
  Status mark(const fs::path& path) {
    Fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file) return fail(file_error(errno, "watch", path));
    struct stat st{};
    if (::fstat(file.get(), &st) != 0) return fail(file_error(errno, "watch", path));
    if (!S_ISREG(st.st_mode))
      return fail(FileCode::not_regular, "cannot watch {}: it is not a regular file", path.string());
    // By its descriptor: the name may mean another file by now.
    auto opened = fmt::format("/proc/self/fd/{}", file.get());
    if (::fanotify_mark(events_.get(), FAN_MARK_ADD, kAccess, AT_FDCWD, opened.c_str()) != 0)
      return fail(file_error(errno, "watch", path));
    Id id{st.st_dev, st.st_ino};
    auto& before = marked_[path];
    if (before != id) paths_.erase(before);
    before = id;
    paths_[id] = path;
    return ok();
  }

  void unmark(const fs::path& path) {
    Fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    auto opened = fmt::format("/proc/self/fd/{}", file.get());
    if (file) ::fanotify_mark(events_.get(), FAN_MARK_REMOVE, kAccess, AT_FDCWD, opened.c_str());
  }

  Fd events_, names_, end_;
  std::function<void()> stirred_;
  std::string own_program_;
  RecentReaders recent_;  // of the thread alone
  std::mutex mutex_;
  std::set<fs::path> files_;
  std::map<fs::path, Id> marked_;
  std::map<Id, fs::path> paths_;
  std::map<int, fs::path> directories_;  // by inotify's number
  bool missing_ = false;
  AccessTally tally_;
  std::thread thread_;  // last: it uses all of the above
};

Error refused() {
  bool have_right = ::geteuid() == 0 && ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1;
  if (have_right)
    return error(HostCode::not_permitted,
                 "the kernel does not let us see who opens files, although we have CAP_SYS_ADMIN: a filter "
                 "of system "
                 "calls or a user namespace is in the way")
        .hint(
            "systemd-nspawn takes --system-call-filter='fanotify_init fanotify_mark'; where root is not the "
            "machine's "
            "root, run the agent outside");
  return error(HostCode::not_permitted,
               "the kernel does not let us see who opens files: that needs CAP_SYS_ADMIN")
      .hint(
          "run the agent as root; in a container with --cap-add SYS_ADMIN, or on the machine outside of it");
}

}  // namespace

Result<std::unique_ptr<AccessWatch>> fanotify_watch(std::function<void()> stirred) {
  // O_NOATIME: being watched must not look like being read.
  constexpr unsigned kOpenAs = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME;
  constexpr unsigned kClass = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
  Fd events(::fanotify_init(kClass | FAN_REPORT_PIDFD, kOpenAs));
  // Before Linux 5.15 the pid alone must do.
  if (!events && errno == EINVAL) events = Fd(::fanotify_init(kClass, kOpenAs));
  if (!events && errno == EPERM) return fail(refused());
  if (!events && errno == ENOSYS)
    return fail(HostCode::not_here, "this kernel cannot tell who opens files: it was built without fanotify");
  if (!events) return fail(file_error(errno, "watch files with", "fanotify"));
  Fd names(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!names) return fail(file_error(errno, "watch directories with", "inotify"));
  Fd end(::eventfd(0, EFD_CLOEXEC));
  if (!end) return fail(file_error(errno, "make", "an eventfd"));
  return std::make_unique<FanotifyWatch>(std::move(events), std::move(names), std::move(end),
                                         std::move(stirred));
}

}  // namespace meshops
