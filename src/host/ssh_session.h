// One conversation with a shell at the other end of ssh: the user's own OpenSSH client as a child, one
// connection, one log-in, as many questions as are needed. Called by the remote audit. Accepts no new host
// key, forwards nothing, asks nobody, keeps nothing on a disk.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace meshops {

MESHOPS_ERROR_CODES(SshCode, "ssh", bad_name, no_client, unknown_key, changed_key, no_way, refused, denied,
                    timed_out, too_much, ended);

struct SshTarget {
  std::string host;        // an address, or a name that the user's ssh configuration knows; "user@host" too
  std::string user;        // empty: what that configuration says
  std::uint16_t port = 0;  // 0: the same
  bool operator==(const SshTarget&) const = default;
};

/// Whether it can be given to ssh: no option, no blanks, nothing that a terminal or a shell would take amiss.
Status check_ssh_name(std::string_view name);
/// The whole command, from "ssh" to the shell that reads its script from stdin, as root where sudo lets it.
std::vector<std::string> ssh_argv(const SshTarget& target, Duration connect_within);
/// How a program logs in that must meet exactly one machine, with exactly one key.
struct SshPins {
  std::filesystem::path identity;     // its private key: no other, and no agent's
  std::filesystem::path known_hosts;  // the only file that is believed
  std::string host_key_alias;         // the name in it
  std::filesystem::path control;      // directory for sockets of connections that are kept; empty: none
};
/// The whole command for what the key over there is bound to: none is named. The user's own configuration of
/// ssh does not count.
std::vector<std::string> ssh_argv(const SshTarget& target, const SshPins& pins, Duration connect_within);
/// What ssh's last words mean for the reader, and what to do. Pure.
Error ssh_error(const SshTarget& target, std::string_view words, const Exit& exit);

/// 128 random bits as 32 lower-case hexadecimal digits, which nobody can have written down before: tells
/// answers from whatever else a shell says, and each request from every other.
Result<std::string> random_mark();

struct AskLimits {
  Duration within = std::chrono::minutes(2);
  std::size_t bytes = 256U << 20;
  std::function<void(std::size_t bytes)> progress;  // now and then, while an answer comes
};

class SshSession {
 public:
  /// Starts ssh; that it cannot get there is seen with the first question.
  static Result<SshSession> open(const SshTarget& target, Duration connect_within = std::chrono::seconds(10));
  SshSession(SshSession&&) = default;
  SshSession& operator=(SshSession&&) = delete;
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;
  /// Ends the shell by ending its input, and ssh, if that does not help.
  ~SshSession();

  /// Sends a script and reads what comes until it ends with `end`. After an Error the session is of no more
  /// use.
  Result<std::string> ask(std::string_view script, std::string_view end, const AskLimits& limits);

 private:
  SshSession(SshTarget target, Child child, Fd in, Fd out, Fd err);
  Error ended();

  SshTarget target_;
  Child child_;
  Fd in_, out_, err_;
  std::string words_;  // of ssh and of what it runs, on stderr
};

}  // namespace meshops
