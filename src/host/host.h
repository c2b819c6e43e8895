// The Host seam: a machine as we read and change it. LocalHost is this one; RootedHost a directory that holds
// a root file system, where nothing can run. Called by rules, diagnosis, discovery and runtimes; decides
// nothing.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(HostCode, "host", not_here, not_permitted, parse, io);

struct FileInfo {
  enum class Kind { regular, directory, symlink, socket, other };
  Kind kind = Kind::other;
  mode_t mode = 0;  // permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint64_t size = 0;
  WallTime modified{};
};

/// A piece of a file, and what that file was when it was read.
struct FilePart {
  FileInfo file;
  std::string bytes;
};

/// One process of /proc.
struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string comm;
  std::vector<std::string> argv;
  std::string exe;  // empty where we may not look
  std::string cwd;
  char state = '?';  // R S D T t Z …, as in proc(5)
  uid_t uid = 0;
  Duration cpu{};                 // user + system so far
  Duration started{};             // since boot
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: with the pid it names a process for ever
  std::uint64_t rss = 0;          // bytes
  std::string cgroup;             // of the unified (or name=systemd) hierarchy: "/system.slice/x.service"
};

/// A listening socket and who holds it.
struct ListenerInfo {
  std::string protocol;  // tcp, tcp6, udp, udp6
  std::string address;   // "127.0.0.1", "::", …
  std::uint16_t port = 0;
  uid_t uid = 0;
  std::uint64_t inode = 0;
  std::vector<pid_t> pids;  // empty where we may not look
};
/// Whether listeners_on() shall say who holds the sockets.
enum class Owners { wanted, unwanted };

struct FileSystemInfo {
  std::string mount_point;
  std::string device;
  std::string type;
  bool read_only = false;
  std::uint64_t bytes = 0, bytes_free = 0;  // free: for an unprivileged user
  std::uint64_t inodes = 0, inodes_free = 0;
};

struct JournalQuery {
  std::string unit;  // _SYSTEMD_UNIT, or _SYSTEMD_USER_UNIT with `uid`; also what systemd says about it
  std::optional<uid_t> uid;  // a user's unit
  std::string identifier;    // SYSLOG_IDENTIFIER
  std::string after_cursor;  // strictly after it
  std::optional<WallTime> since;
  std::size_t last = 0;  // only the last so many; 0 = from the start
  std::size_t at_most = 1000;
};
struct JournalEntry {
  std::string cursor;  // of the last entry of an answer only: reading goes on from there
  WallTime at{};
  std::string message;
};

struct ContainerInfo {
  std::string id;
  std::string name;
  std::string image;
  std::string state;  // running, exited, restarting, paused, dead, created
  pid_t pid = 0;
  int exit_code = 0;
  bool oom_killed = false;
  std::optional<WallTime> started;  // the last start; not in a list
  unsigned restarts = 0;
  std::string restart_policy;
  std::vector<std::string> command;
  std::vector<std::string> environment_names;  // names only: values may be secrets
  struct Port {
    std::string host_address;
    std::uint16_t host_port = 0;
    std::uint16_t container_port = 0;
  };
  std::vector<Port> ports;
  std::vector<std::pair<std::string, std::string>> mounts;  // host path, path inside
};

class Host {
 public:
  virtual ~Host() = default;
  virtual bool live() const = 0;  // false: files only

  virtual Result<std::string> read(const std::filesystem::path& path,
                                   std::size_t limit = kReadLimit) const = 0;
  /// At most `most` bytes of a regular file from `from` on, counted from its end if negative: for files that
  /// are too large for read(). `file` is of the descriptor that was read, so that its owner can be trusted.
  virtual Result<FilePart> read_part(const std::filesystem::path& path, std::int64_t from,
                                     std::size_t most) const = 0;
  virtual Status write(const std::filesystem::path& path, std::string_view bytes,
                       const WriteOptions& options) = 0;
  /// Refuses to replace anything, and to leave the file system.
  virtual Status rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  /// A file or a symbolic link; never a directory.
  virtual Status remove(const std::filesystem::path& path) = 0;
  /// Mode, owner and group of a file or directory. Refuses symbolic links anywhere on the way, and files with
  /// a second name: what is given away must be what it seems.
  virtual Status set_access(const std::filesystem::path& path, mode_t mode, uid_t uid, gid_t gid) = 0;
  /// Keeps the last `keep` bytes from the next line on, in place: who has the file open for appending goes on
  /// writing. What is written meanwhile may be lost: for logs only.
  virtual Status trim(const std::filesystem::path& path, std::uint64_t keep) = 0;
  /// Does not follow a last symbolic link.
  virtual Result<FileInfo> stat(const std::filesystem::path& path) const = 0;
  virtual Result<std::vector<std::string>> list(const std::filesystem::path& directory) const = 0;
  /// Target of a symbolic link.
  virtual Result<std::string> read_link(const std::filesystem::path& path) const = 0;

  /// Of /etc/passwd only: a directory service could be far away, and hang.
  virtual Result<std::vector<Account>> accounts() const = 0;
  /// All of them, with every member filled as far as we may look. Reads several files of each process: not
  /// for probes.
  virtual Result<std::vector<ProcessInfo>> processes() const = 0;
  /// For probes: without argv, exe and cwd. Never waits for the process, however stuck it is. `process.gone`
  /// (ProcessCode) if there is none.
  virtual Result<ProcessInfo> process(pid_t pid) const = 0;
  /// The same with argv, exe and cwd.
  virtual Result<ProcessInfo> process_details(pid_t pid) const = 0;
  /// NAME=value of a running process, only the names asked for; needs to be its owner or root.
  virtual Result<Environment> process_environment(pid_t pid, const std::vector<std::string>& names) const = 0;
  virtual Result<std::vector<ListenerInfo>> listeners() const = 0;
  /// The same for one TCP port, cheap enough for a probe: every process is read only when a socket is seen
  /// for the first time, after that its holders are only checked. A process that inherits the socket later is
  /// not noticed.
  virtual Result<std::vector<ListenerInfo>> listeners_on(std::uint16_t port,
                                                         Owners owners = Owners::wanted) const = 0;
  virtual Result<std::vector<FileSystemInfo>> file_systems() const = 0;
  /// Oldest first. At most 8 MiB of text (of `last` ones the newest), each message at most 64 KiB.
  virtual Result<std::vector<JournalEntry>> journal(const JournalQuery& query) const = 0;
};

std::unique_ptr<Host> local_host();
/// Absolute paths are taken below `root`; a symbolic link cannot lead out of it.
std::unique_ptr<Host> rooted_host(std::filesystem::path root);

/// proc(5) texts, pure: also what RootedHost's tests and the fuzzers call.
Result<ProcessInfo> parse_proc_stat(std::string_view text);

}  // namespace meshops
