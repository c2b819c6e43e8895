#include "base/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "base/text.h"

extern char** environ;

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace meshops {

namespace {

Error because_errno(ProcessCode code, std::string sentence, int number) {
  return error(code, "{}", sentence).because(error(code, "{}", std::generic_category().message(number)));
}

// glibc 2.36 has these wrappers; the oldest glibc we meet on nodes has not.
int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_send(int fd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0));
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

/// argv[0] as a path: itself if it has a slash, else the first executable in PATH (searched before the fork,
/// because execvpe would search our PATH and not the child's).
Result<std::string> find_program(const std::string& name, const Environment& environment) {
  if (name.contains('/')) return name;
  auto path = environment.find("PATH");
  std::string_view list =
      path == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : std::string_view(path->second);
  for (auto directory : split(list, ':')) {
    if (directory.empty()) continue;
    auto candidate = std::string(directory) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(
      error(ProcessCode::cannot_start, "cannot start {}: no such program in PATH={}", quote(name), list)
          .hint("give the absolute path of {}", name));
}

// Runs in the child between fork and exec: only async-signal-safe calls, no memory.
[[noreturn]] void become(const char* program, char* const* argv, char* const* envp,
                         const SpawnOptions& options, const char* working_dir,
                         const std::vector<gid_t>& groups, int report) {
  auto give_up = [&report] {  // by reference: the descriptor moves below
    int why = errno;
    [[maybe_unused]] auto n = ::write(report, &why, sizeof why);
    ::_exit(127);
  };
  ::setsid();
  for (int s = 1; s < 65; ++s) ::signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  // Lift all above 4 first: one may be 0 to 4 itself.
  auto lift = [&](int fd) { return ::fcntl(fd >= 0 ? fd : null, F_DUPFD, 5); };
  int in = lift(options.stdin_fd), out = lift(options.stdout_fd), err = lift(options.stderr_fd);
  int extra = lift(options.extra_fd), reporter = ::fcntl(report, F_DUPFD, 5);
  if (null < 0 || in < 0 || out < 0 || err < 0 || extra < 0 || reporter < 0) give_up();
  report = reporter;
  if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0 || ::dup2(extra, 3) < 0) give_up();
  if (options.extra_fd < 0) ::close(3);
  if (::dup2(report, 4) < 0) give_up();
  report = 4;
  ::fcntl(report, F_SETFD, FD_CLOEXEC);
  // The copies above are not O_CLOEXEC, and a library may have left others: close all but those meant for it.
  ::syscall(SYS_close_range, 5U, ~0U, 0U);

  // The agent is protected from the OOM killer; what it starts must not be.
  if (int oom = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); oom >= 0) {
    [[maybe_unused]] auto n = ::write(oom, "0", 1);
    ::close(oom);
  }
  if (options.as) {
    if (::setgroups(groups.size(), groups.data()) != 0) give_up();
    if (::setresgid(options.as->gid, options.as->gid, options.as->gid) != 0) give_up();
    if (::setresuid(options.as->uid, options.as->uid, options.as->uid) != 0) give_up();
  }
  if (*working_dir != '\0' && ::chdir(working_dir) != 0) give_up();
  ::execve(program, argv, envp);
  give_up();
  ::_exit(127);
}

}  // namespace

Environment own_environment() {
  Environment out;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    std::string_view entry(*e);
    if (auto eq = entry.find('='); eq != std::string_view::npos)
      out.emplace(std::string(entry.substr(0, eq)), std::string(entry.substr(eq + 1)));
  }
  return out;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

std::string Exit::text() const {
  if (code) return fmt::format("exit code {}", *code);
  if (signal) return "killed by " + signal_name(*signal);
  return "ended (exit status unknown)";
}

Exit exit_from_wait_status(int status) {
  if (WIFEXITED(status)) return {.code = WEXITSTATUS(status), .signal = {}};
  if (WIFSIGNALED(status)) return {.code = {}, .signal = WTERMSIG(status)};
  return {};
}

Result<Account> account(const std::string& name_or_uid) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (auto uid = to_number<uid_t>(name_or_uid))
    ::getpwuid_r(*uid, &entry, buffer.data(), buffer.size(), &found);
  else
    ::getpwnam_r(name_or_uid.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr)
    return fail(error(ProcessCode::no_such_user, "there is no user {} on this machine", quote(name_or_uid))
                    .hint("see the names with: getent passwd"));
  return Account{found->pw_name, found->pw_uid, found->pw_gid, found->pw_dir};
}

Account own_account() {
  if (auto mine = account(std::to_string(::geteuid()))) return *mine;
  auto environment = own_environment();
  return {std::to_string(::geteuid()), ::geteuid(), ::getegid(), environment["HOME"]};
}

Result<Child> spawn(const std::vector<std::string>& argv, const SpawnOptions& options) {
  if (argv.empty()) return fail(ProcessCode::cannot_start, "cannot start a program: the command is empty");
  auto program = TRY(find_program(argv[0], options.environment));
  auto argv_copy = argv;
  auto argv_pointers = pointers(argv_copy);
  std::vector<std::string> env_strings;
  for (const auto& [name, value] : options.environment) env_strings.push_back(name + "=" + value);
  auto env_pointers = pointers(env_strings);
  std::string working_dir = options.working_dir.string();

  std::vector<gid_t> groups;
  if (options.as) {
    int count = 64;
    groups.resize(64);
    ::getgrouplist(options.as->name.c_str(), options.as->gid, groups.data(), &count);
    groups.resize(static_cast<std::size_t>(std::max(1, std::min(count, 64))));
  }

  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0)
    return fail(because_errno(ProcessCode::cannot_start, "cannot start " + argv[0], errno));
  Fd report_read(report[0]), report_write(report[1]);

  pid_t pid = ::fork();
  if (pid < 0) return fail(because_errno(ProcessCode::cannot_start, "cannot start " + argv[0], errno));
  if (pid == 0)
    become(program.c_str(), argv_pointers.data(), env_pointers.data(), options, working_dir.c_str(), groups,
           report_write.get());

  report_write.close();
  Child child{pid, Fd(pidfd_open(pid))};  // cannot be recycled yet: we have not reaped it
  int why = 0;
  ssize_t n;
  do n = ::read(report_read.get(), &why, sizeof why);
  while (n < 0 && errno == EINTR);
  if (n == sizeof why) {
    ::waitpid(pid, nullptr, 0);
    auto what = fmt::format("cannot start {}", quote(program));
    if (!working_dir.empty()) what += fmt::format(" in {}", working_dir);
    return fail(because_errno(ProcessCode::cannot_start, what, why));
  }
  if (!child.pidfd) return fail(because_errno(ProcessCode::io, "cannot watch " + argv[0], errno));
  return child;
}

Result<Fd> open_pidfd(pid_t pid) {
  Fd fd(pidfd_open(pid));
  if (fd) return fd;
  if (errno == ESRCH || errno == EINVAL) return fail(ProcessCode::gone, "there is no process {}", pid);
  return fail(because_errno(ProcessCode::io, fmt::format("cannot watch process {}", pid), errno));
}

Status send_signal(const Fd& pidfd, int signal) {
  if (pidfd_send(pidfd.get(), signal) == 0) return ok();
  if (errno == ESRCH)
    return fail(ProcessCode::gone, "cannot send {}: the process has ended", signal_name(signal));
  return fail(because_errno(ProcessCode::io, "cannot send " + signal_name(signal), errno));
}

std::optional<Exit> reap(const Fd& pidfd) {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0)
    return std::nullopt;
  if (info.si_pid == 0) return std::nullopt;
  if (info.si_code == CLD_EXITED) return Exit{.code = info.si_status, .signal = {}};
  return Exit{.code = {}, .signal = info.si_status};
}

bool wait_ended(const Fd& pidfd, Duration limit) {
  pollfd p{pidfd.get(), POLLIN, 0};
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return ::poll(&p, 1, static_cast<int>(ms)) > 0;
}

bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return ::poll(&p, 1, 0) > 0;
}

Result<Fd> text_as_file(std::string_view text) {
  Fd fd(::memfd_create("meshops-input", MFD_CLOEXEC));
  if (!fd) return fail(because_errno(ProcessCode::io, "cannot make a file in memory", errno));
  while (!text.empty()) {
    auto n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(because_errno(ProcessCode::io, "cannot fill a file in memory", errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

Result<Output> run(const std::vector<std::string>& argv, const RunOptions& options) {
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
    return fail(because_errno(ProcessCode::io, "cannot make a pipe", errno));
  Fd out_read(out[0]), out_write(out[1]), err_read(err[0]), err_write(err[1]);
  auto input = TRY(text_as_file(options.input));
  Fd second;
  if (!options.second_input.empty()) second = TRY(text_as_file(options.second_input));
  auto child = TRY(spawn(argv, {.environment = options.environment,
                                .working_dir = options.working_dir,
                                .as = options.as,
                                .stdin_fd = input.get(),
                                .stdout_fd = out_write.get(),
                                .stderr_fd = err_write.get(),
                                .extra_fd = second.get()}));
  out_write.close();
  err_write.close();

  auto end_it = [&] {
    ::kill(-child.pid, SIGTERM);  // the whole session: it was made for this child
    if (!wait_ended(child.pidfd, std::chrono::seconds(2))) ::kill(-child.pid, SIGKILL);
    wait_ended(child.pidfd, std::chrono::seconds(2));
    reap(child.pidfd);
  };

  SystemClock clock;
  auto deadline = clock.now() + options.limit;
  Output output;
  std::array<pollfd, 3> fds{
      {{out_read.get(), POLLIN, 0}, {err_read.get(), POLLIN, 0}, {child.pidfd.get(), POLLIN, 0}}};
  std::array<std::string*, 2> texts{&output.out, &output.err};
  bool ended = false;
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    auto left = deadline - clock.now();
    // A grandchild may keep our pipes open for ever: once the child itself has ended, read only what is
    // there.
    auto wait = ended ? Duration::zero() : left;
    if (left <= Duration::zero()) {
      end_it();
      return fail(ProcessCode::timed_out, "{} did not end within {}", quote(argv[0]),
                  duration_text(options.limit));
    }
    auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    int n = ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 && ended) break;
    for (std::size_t i = 0; i < 2; ++i) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      std::array<char, 16384> buffer;
      ssize_t got = ::read(fds[i].fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        fds[i].fd = -1;
        continue;
      }
      texts[i]->append(buffer.data(), static_cast<std::size_t>(got));
      if (texts[i]->size() > options.output_limit) {
        end_it();
        return fail(ProcessCode::too_much_output, "{} wrote more than {}", quote(argv[0]),
                    bytes_text(options.output_limit));
      }
    }
    if (fds[2].fd >= 0 && fds[2].revents != 0) {
      ended = true;
      fds[2].fd = -1;
    }
  }
  if (!ended && !wait_ended(child.pidfd, std::max(deadline - clock.now(), Duration::zero()))) {
    end_it();
    return fail(ProcessCode::timed_out, "{} did not end within {}", quote(argv[0]),
                duration_text(options.limit));
  }
  output.exit = reap(child.pidfd).value_or(Exit{});
  return output;
}

}  // namespace meshops
