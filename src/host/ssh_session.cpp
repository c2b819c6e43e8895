#include "host/ssh_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/text.h"

namespace meshops {

namespace {

constexpr std::size_t kMostWords = 16U << 10;

/// Runs in whatever shell the account has, so it says little. sudo is asked once whether it would; where it
/// would not, the audit sees what the account sees.
constexpr const char* kShell =
    "exec sh -c 'n=; command -v nice >/dev/null 2>&1 && n=\"nice -n 10\"; if [ \"$(id -u)\" != 0 ] && sudo "
    "-n "
    "true >/dev/null 2>&1; then exec $n sudo -n sh -s; fi; exec $n sh -s'";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

std::string shown(const SshTarget& target) {
  auto name = target.user.empty() ? target.host : target.user + "@" + target.host;
  return target.port == 0 ? name : fmt::format("{} port {}", name, target.port);
}

/// What a person would type.
std::string by_hand(const SshTarget& target) {
  return fmt::format("ssh {}{}{}{}", target.port == 0 ? "" : fmt::format("-p {} ", target.port), target.user,
                     target.user.empty() ? "" : "@", target.host);
}

Result<std::array<Fd, 2>> pipe_of() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ProcessCode::io, "cannot make a pipe: {}", std::strerror(errno));
  return std::array<Fd, 2>{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

Status check_ssh_name(std::string_view name) {
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-:@%").find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= 255 && name.front() != '-' && !contains(name, "@-") &&
      std::ranges::all_of(name, good))
    return ok();
  return fail(error(SshCode::bad_name, "{} is no name of a machine", quote(name))
                  .hint("a node of mesh.toml, or a host of your ~/.ssh/config: meshops audit --host NAME"));
}

namespace {

void add_options(std::vector<std::string>& argv, std::initializer_list<std::string> options) {
  for (const auto& option : options) {
    argv.emplace_back("-o");
    argv.push_back(option);
  }
}

/// Nobody is asked, nothing is forwarded, no new host key is taken.
std::vector<std::string> common_argv(Duration connect_within) {
  auto seconds =
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(connect_within).count());
  std::vector<std::string> argv = {"ssh", "-T"};
  add_options(argv, {"BatchMode=yes", fmt::format("ConnectTimeout={}", seconds), "ConnectionAttempts=1",
                     "ServerAliveInterval=5", "ServerAliveCountMax=3", "StrictHostKeyChecking=yes",
                     "UpdateHostKeys=no", "ClearAllForwardings=yes", "ForwardAgent=no", "ForwardX11=no",
                     "PermitLocalCommand=no", "RemoteCommand=none", "Tunnel=no", "Compression=yes",
                     "LogLevel=ERROR"});
  return argv;
}

void add_target(std::vector<std::string>& argv, const SshTarget& target) {
  if (target.port != 0) argv.insert(argv.end(), {"-p", std::to_string(target.port)});
  if (!target.user.empty()) argv.insert(argv.end(), {"-l", target.user});
  argv.insert(argv.end(), {"--", target.host});
}

}  // namespace

std::vector<std::string> ssh_argv(const SshTarget& target, Duration connect_within) {
  auto argv = common_argv(connect_within);
  add_options(argv, {"ControlMaster=no", "ControlPath=none"});
  add_target(argv, target);
  argv.emplace_back(kShell);
  return argv;
}

std::vector<std::string> ssh_argv(const SshTarget& target, const SshPins& pins, Duration connect_within) {
  auto argv = common_argv(connect_within);
  argv.insert(argv.end(), {"-F", "none", "-i", pins.identity.string()});
  add_options(argv, {"IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey",
                     "UserKnownHostsFile=" + pins.known_hosts.string(), "GlobalKnownHostsFile=/dev/null",
                     "HostKeyAlias=" + pins.host_key_alias, "HostKeyAlgorithms=ssh-ed25519", "CheckHostIP=no",
                     "VerifyHostKeyDNS=no"});
  // %C is 40 digits, and ssh puts a dot and 16 letters behind it while it binds; sun_path has 108 bytes.
  constexpr std::size_t kMostDirectory = 107 - 1 - 40 - 17;
  if (pins.control.empty() || pins.control.string().size() > kMostDirectory)
    add_options(argv, {"ControlMaster=no", "ControlPath=none"});
  else
    add_options(argv,
                {"ControlMaster=auto", "ControlPath=" + pins.control.string() + "/%C", "ControlPersist=60"});
  add_target(argv, target);
  return argv;
}

Error ssh_error(const SshTarget& target, std::string_view words, const Exit& exit) {
  auto where = shown(target);
  auto lines = split(trim(words), '\n');
  auto said = error(SshCode::ended, "ssh says: {}", quote(trim(lines.empty() ? "" : lines.back()), 200));
  if (contains(words, "REMOTE HOST IDENTIFICATION HAS CHANGED") ||
      contains(words, "POSSIBLE DNS SPOOFING DETECTED"))
    return error(SshCode::changed_key,
                 "{} shows another host key than the one that is known: it was set up anew, or "
                 "somebody stands in between",
                 where)
        .hint(
            "look at its key on its own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); only if "
            "it is the right one: ssh-keygen -R {}, then {}",
            target.host, by_hand(target));
  if (contains(words, "host key is known for") || contains(words, "Host key verification failed"))
    return error(SshCode::unknown_key, "the host key of {} is not known here, and meshops accepts no new one",
                 where)
        .hint("connect once by hand and compare the fingerprint with the one on its console: {}",
              by_hand(target));
  if (contains(words, "Permission denied") || contains(words, "Too many authentication failures"))
    return error(SshCode::denied, "{} lets us not in: none of our keys is accepted", where)
        .because(std::move(said))
        .hint(
            "nobody can be asked for a password here: let {} work without one (ssh-agent, or a key in "
            "authorized_keys there)",
            by_hand(target));
  if (contains(words, "Could not resolve hostname"))
    return error(SshCode::no_way, "nobody knows where {} is", where)
        .because(std::move(said))
        .hint("name a node of mesh.toml, or a host of your ~/.ssh/config");
  if (contains(words, "Connection refused"))
    return error(SshCode::refused, "{} is there, and nothing listens for SSH", where)
        .because(std::move(said))
        .hint("look on its console: systemctl status ssh");
  if (contains(words, "timed out") || contains(words, "No route to host") ||
      contains(words, "Network is unreachable") || contains(words, "Connection closed") ||
      contains(words, "Connection reset") || contains(words, "not responding"))
    return error(SshCode::no_way, "{} cannot be reached", where)
        .because(std::move(said))
        .hint("see whether it is up, and what is in between: {}", by_hand(target));
  return error(SshCode::ended, "the connection to {} ended too early ({})", where, exit.text())
      .because(std::move(said))
      .hint("a shell must answer there: {} true", by_hand(target));
}

Result<std::string> random_mark() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail(ProcessCode::io, "the kernel gives no random bytes");
  std::string out;
  for (auto byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

SshSession::SshSession(SshTarget target, Child child, Fd in, Fd out, Fd err)
    : target_(std::move(target)),
      child_(std::move(child)),
      in_(std::move(in)),
      out_(std::move(out)),
      err_(std::move(err)) {}

Result<SshSession> SshSession::open(const SshTarget& target, Duration connect_within) {
  CHECK_OK(check_ssh_name(target.host));
  if (!target.user.empty()) CHECK_OK(check_ssh_name(target.user));
  auto out = TRY(pipe_of()), err = TRY(pipe_of());
  // A socket and no pipe: writing to a ssh that has ended must not kill us by SIGPIPE.
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ProcessCode::io, "cannot make a socket: {}", std::strerror(errno));
  std::array<Fd, 2> in{Fd(ends[0]), Fd(ends[1])};
  auto child = spawn(ssh_argv(target, connect_within), {.environment = own_environment(),
                                                        .working_dir = {},
                                                        .as = {},
                                                        .stdin_fd = in[0].get(),
                                                        .stdout_fd = out[1].get(),
                                                        .stderr_fd = err[1].get()});
  if (!child)
    return fail(error(SshCode::no_client, "cannot start ssh")
                    .because(child.error())
                    .hint("apt install openssh-client"));
  for (const auto* fd : {&in[1], &out[0], &err[0]})
    ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
  return SshSession(target, std::move(*child), std::move(in[1]), std::move(out[0]), std::move(err[0]));
}

SshSession::~SshSession() {
  if (child_.pid == 0 || !child_.pidfd) return;
  in_.close();
  out_.close();
  if (!wait_ended(child_.pidfd, std::chrono::seconds(2))) {
    ::kill(-child_.pid, SIGTERM);  // the whole session: it was made for this child
    if (!wait_ended(child_.pidfd, std::chrono::seconds(2))) ::kill(-child_.pid, SIGKILL);
    wait_ended(child_.pidfd, std::chrono::seconds(2));
  }
  reap(child_.pidfd);
}

Error SshSession::ended() {
  wait_ended(child_.pidfd, std::chrono::seconds(2));
  std::array<char, kMostWords> buffer;
  for (ssize_t got; err_ && (got = ::read(err_.get(), buffer.data(), buffer.size())) > 0;)
    words_.append(buffer.data(), std::min(static_cast<std::size_t>(got), kMostWords - words_.size()));
  return ssh_error(target_, words_, reap(child_.pidfd).value_or(Exit{}));
}

Result<std::string> SshSession::ask(std::string_view script, std::string_view end, const AskLimits& limits) {
  SystemClock clock;
  auto deadline = clock.now() + limits.within;
  std::string answer;
  bool pipe_broken = false;
  while (true) {
    auto left = deadline - clock.now();
    if (left <= Duration::zero())
      return fail(error(SshCode::timed_out, "{} did not answer within {}", shown(target_),
                        duration_text(limits.within))
                      .hint("see how busy it is: {} uptime", by_hand(target_)));
    std::array<pollfd, 3> fds{{{out_.get(), POLLIN, 0},
                               {err_.get(), POLLIN, 0},
                               {script.empty() || pipe_broken ? -1 : in_.get(), POLLOUT, 0}}};
    auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    int n = ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
    if (n < 0 && errno != EINTR)
      return fail(ProcessCode::io, "cannot wait for ssh: {}", std::strerror(errno));
    if (n <= 0) continue;
    std::array<char, 64U << 10> buffer;
    if (fds[1].revents != 0) {
      ssize_t got = ::read(err_.get(), buffer.data(), buffer.size());
      if (got > 0 && words_.size() < kMostWords)
        words_.append(buffer.data(), std::min(static_cast<std::size_t>(got), kMostWords - words_.size()));
      if (got == 0) err_.close();
    }
    if (fds[2].revents != 0) {
      // EPIPE means that ssh has ended: its last words say why.
      ssize_t sent = ::send(in_.get(), script.data(), std::min<std::size_t>(script.size(), 64U << 10),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) script.remove_prefix(static_cast<std::size_t>(sent));
      pipe_broken = sent < 0 && errno != EAGAIN && errno != EINTR;
    }
    if (fds[0].revents == 0) continue;
    ssize_t got = ::read(out_.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return fail(ended());
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.size() > limits.bytes)
      return fail(SshCode::too_much, "{} said more than {}", shown(target_), bytes_text(limits.bytes));
    if (limits.progress) limits.progress(answer.size());
    if (answer.ends_with(end)) return answer;
  }
}

}  // namespace meshops
