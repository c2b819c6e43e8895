// meshops remote: what a sibling's healing key may do here, and all of it.
#include <poll.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/remote_deeds.h"
#include "mesh/remote_gate.h"
#include "mesh/remote_session.h"

namespace meshops::cli {

namespace {

using mesh::RemoteAnswer;
using mesh::RemoteCode;
using mesh::RemoteRequest;

constexpr auto kReadWithin = std::chrono::seconds(10);

/// stdout and stderr go to the asker; what happened here is this machine's business.
void to_syslog(log::Level level, std::string_view event, std::string_view sentence,
               std::initializer_list<log::Field>) {
  int priority = level == log::Level::error  ? LOG_ERR
                 : level == log::Level::warn ? LOG_WARNING
                 : level == log::Level::info ? LOG_INFO
                                             : LOG_DEBUG;
  ::syslog(priority, "%s: %s", std::string(event).c_str(), printable(sentence).c_str());
}

/// sshd gives a forced command what the client asked to be set, where its AcceptEnv is generous. None of it
/// counts: neither MESHOPS_CONFIG nor a PATH.
void forget_environment() {
  auto self = own_account();
  ::clearenv();
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", self.home.c_str(), 1);
  ::setenv("LANG", "C.UTF-8", 1);
}

/// One line, in time. What stands behind it is not read.
Result<std::string> read_line() {
  SystemClock clock;
  std::string line;
  for (auto until = clock.now() + kReadWithin; line.find('\n') == std::string::npos;) {
    auto left = until - clock.now();
    if (left <= Duration::zero()) return fail(RemoteCode::malformed, "no request came within 10 s");
    pollfd fd{STDIN_FILENO, POLLIN, 0};
    int n = ::poll(&fd, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    if (n < 0 && errno != EINTR) return fail(RemoteCode::malformed, "stdin cannot be read");
    if (n <= 0) continue;
    std::array<char, 1024> buffer;
    auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return fail(RemoteCode::malformed, "the request is cut");
    line.append(buffer.data(), static_cast<std::size_t>(got));
    if (line.size() > mesh::kLineLimit) return fail(RemoteCode::malformed, "the request is too long");
  }
  line.resize(line.find('\n') + 1);
  return line;
}

/// From a line to what is answered; `answer` already names this node.
Status obey(const Globals& globals, const Mesh& mesh, RemoteAnswer& answer) {
  SystemClock clock;
  auto line = TRY(read_line());
  auto request = TRY(mesh::check_request(line, mesh, clock.wall()));
  answer.verb = text(request.verb);
  answer.nonce = request.nonce;
  log::info("remote.request", fmt::format("{} asks: {}{}{}", request.healer, text(request.verb),
                                          request.gateway.empty() ? "" : " ", request.gateway));
  CHECK_OK(mesh::see_once(request, mesh::remote_places(mesh), clock.wall()));
  RemoteDeeds deeds(globals, mesh);
  CHECK_OK(mesh::check_allowed(request, mesh.limits.profile, deeds.pause_against(request)));
  answer.result = TRY(deeds.carry_out(request));
  return ok();
}

/// For the script that sshd runs: whether this program and its configuration can be used at all.
int ready(Globals globals) {
  forget_environment();
  auto mesh = globals.mesh();
  if (!mesh) return report(globals, mesh.error());
  std::puts("meshops.remote/1 ready");
  return kGood;
}

int run(Globals globals) {
  forget_environment();
  ::openlog("meshops-remote", LOG_PID, LOG_DAEMON);
  log::set_sink(to_syslog);
  ::signal(SIGPIPE, SIG_IGN);  // the asker may go: what was begun is finished
  RemoteAnswer answer;
  auto mesh = globals.mesh();
  Status done;
  if (!mesh) {
    // Its faults quote the file, which is not for whoever asks.
    log::error("remote.config", mesh.error().text());
    done = fail(error(RemoteCode::cannot, "the mesh.toml of this node cannot be used")
                    .hint("on that node: meshops config check"));
  } else {
    if (!globals.socket.empty()) mesh->socket = globals.socket;
    globals.socket = mesh->socket.string();
    answer.node = mesh->node;
    done = obey(globals, *mesh, answer);
  }
  answer.good = done.has_value();
  if (!done) {
    log::warn("remote.refused", done.error().text());
    auto no = mesh::refusal(done.error());
    answer.code = no.code;
    answer.message = no.message;
    answer.hint = no.hint;
  }
  answer.at = SystemClock().wall();
  std::fputs(to_json(answer).c_str(), stdout);
  std::fflush(stdout);
  return done ? kGood : kCouldNot;
}

}  // namespace

void add_remote(CLI::App& app, const Globals& globals, Run& chosen) {
  auto* command =
      app.add_subcommand("remote", "answer one signed request of a sibling's healer: for sshd only");
  auto only_ready = std::make_shared<bool>(false);
  command->add_flag("--ready", *only_ready, "say whether requests can be answered here, and answer none");
  // Whatever the other end wanted to run: it is not looked at.
  command->fallthrough(false);
  command->prefix_command();
  command->footer(
      "Example:\n"
      "  restrict,command=\"/usr/bin/env -i /usr/local/lib/meshops/remote\" ssh-ed25519 AAAA… "
      "meshops-healer:beta\n\n"
      "A line of authorized_keys, as meshops mesh keys install writes it; that script runs this. Reads one "
      "request\n(meshops.remote/1) from standard input and writes one answer (meshops.remote-answer/1).\n"
      "The verbs are closed: probe, diagnose, heal, unban, agent, lease, release, reinstall, fallback. "
      "Arguments and\nSSH_ORIGINAL_COMMAND are ignored; there is no shell.");
  command->callback([&globals, &chosen, only_ready] {
    chosen = [&globals, only_ready] { return *only_ready ? ready(globals) : run(globals); };
  });
}

}  // namespace meshops::cli
