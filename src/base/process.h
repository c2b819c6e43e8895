// Child processes: no shell, argv only; limits on time and output; a pidfd, so that a recycled pid is never
// signalled. The runtime and the CLI call it. The agent's loop never calls run(), which waits.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(ProcessCode, "process", cannot_start, timed_out, too_much_output, gone, no_such_user, io);

using Environment = std::map<std::string, std::string>;
/// This process's own environment.
Environment own_environment();

/// How a process ended: by exit code or by signal; neither when it was not our child and nobody can tell.
struct Exit {
  std::optional<int> code;
  std::optional<int> signal;
  bool operator==(const Exit&) const = default;
  bool clean() const { return code == 0; }
  /// "exit code 78", "killed by SIGKILL", "ended (exit status unknown)".
  std::string text() const;
};
/// From waitpid's status word.
Exit exit_from_wait_status(int status);
/// "SIGKILL" for 9; "signal 77" for one without a name.
std::string signal_name(int signal);

/// Who a child runs as.
struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::filesystem::path home;
};
/// From the user database, by name or number.
Result<Account> account(const std::string& name_or_uid);
Account own_account();

struct SpawnOptions {
  Environment environment;
  std::filesystem::path working_dir;
  /// Run as that account (root only): its groups too.
  std::optional<Account> as;
  /// All default to /dev/null.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  /// Becomes the child's descriptor 3: a second input, for programs that take a file as "/dev/fd/3".
  int extra_fd = -1;
};
struct Child {
  pid_t pid = 0;
  Fd pidfd;
};
/// Starts argv[0] (looked up in the given PATH) in a session of its own, so that a Ctrl-C meant for us does
/// not reach it, with default signals and no descriptor of ours. Returns only after exec succeeded.
Result<Child> spawn(const std::vector<std::string>& argv, const SpawnOptions& options);
/// A pidfd for a running process: `gone` if there is none of that number.
Result<Fd> open_pidfd(pid_t pid);
Status send_signal(const Fd& pidfd, int signal);
/// Reaps a child of ours that has ended; nothing if it still runs or is not ours.
std::optional<Exit> reap(const Fd& pidfd);
/// Waits at most `limit`; true if the process has ended.
bool wait_ended(const Fd& pidfd, Duration limit);
/// Whether it has ended by now. For waits of an event loop: Asio may wake one with an event that was meant
/// for a descriptor closed in the same turn.
bool has_ended(int pidfd);

struct RunOptions {
  Environment environment = own_environment();
  std::filesystem::path working_dir;
  std::optional<Account> as;
  Duration limit = std::chrono::seconds(30);
  /// Of stdout and stderr each; more is an error, and the child is ended.
  std::size_t output_limit = 4U << 20;
  /// What it finds on its stdin: also the way for a secret, which must not be an argument.
  std::string input;
  /// What it finds in "/dev/fd/3"; empty: it has no such descriptor.
  std::string second_input;
};
struct Output {
  Exit exit;
  std::string out;
  std::string err;
};
/// A file in memory with that text, at its beginning: for stdin.
Result<Fd> text_as_file(std::string_view text);
/// Runs to the end and collects what it said. On time-out: SIGTERM to its session, SIGKILL two seconds later.
Result<Output> run(const std::vector<std::string>& argv, const RunOptions& options = {});

}  // namespace meshops
