#include "cli/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace meshops::cli {

namespace {

/// What the kernel says of a process that nobody logged in for: (unsigned)-1.
constexpr std::string_view kNoLogin = "4294967295";

}  // namespace

Session Session::of_this_process() {
  Session out;
  if (auto number = read_file("/proc/self/sessionid"); number && trim(*number) != kNoLogin)
    out.audit = trim(*number);
  out.ssh = own_environment()["SSH_CONNECTION"];
  out.leader = std::to_string(::getsid(0));
  return out;
}

std::string Session::text() const { return fmt::format("{}|{}|{}", audit, ssh, leader); }

Session Session::parse(std::string_view text) {
  auto parts = split(trim(text), '|');
  parts.resize(3);
  return {.audit = std::string(parts[0]), .ssh = std::string(parts[1]), .leader = std::string(parts[2])};
}

bool same_login(const Session& a, const Session& b) {
  if (!a.audit.empty() && !b.audit.empty()) return a.audit == b.audit;
  if (!a.ssh.empty() && !b.ssh.empty()) return a.ssh == b.ssh;
  return a.leader == b.leader;
}

}  // namespace meshops::cli
