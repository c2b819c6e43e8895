// What ssh is told, and what its last words mean. That it really gets there is shown in the lab
// (tests/lab/test_audit_remote.py).
#include "host/ssh_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(SshName, NothingThatCouldBeAnOptionOrTwoWords) {
  for (const char* good : {"alpha", "10.0.0.1", "fe80::1%eth0", "ada@beta.example.org", "node_1"})
    EXPECT_TRUE(check_ssh_name(good)) << good;
  for (const char* bad : {"", "-oProxyCommand=id", "ada@-x", "a b", "a\nb", "a;id", "$(id)", "a/b", "\xff"})
    EXPECT_TRUE(check_ssh_name(bad).error().is("ssh.bad_name")) << bad;
}

TEST(SshArguments, NoNewKeyNoForwardingNoQuestion) {
  auto argv = ssh_argv({.host = "10.0.0.2", .user = "ada", .port = 2222}, std::chrono::seconds(7));
  for (const char* option : {"StrictHostKeyChecking=yes", "BatchMode=yes", "ForwardAgent=no", "ForwardX11=no",
                             "ClearAllForwardings=yes", "UpdateHostKeys=no", "ConnectTimeout=7"})
    EXPECT_THAT(argv, Contains(option));
  auto end = std::find(argv.begin(), argv.end(), "--");
  ASSERT_EQ(argv.end() - end, 3) << "the name and the command stand behind the options";
  EXPECT_EQ(*(end + 1), "10.0.0.2");
  auto plain = ssh_argv({.host = "alpha", .user = "", .port = 0}, std::chrono::seconds(1));
  EXPECT_THAT(plain, testing::Not(Contains("-p"))) << "the user's own configuration says it";
  EXPECT_THAT(plain, testing::Not(Contains("-l")));
}

TEST(SshArguments, AProgramsLogInKnowsOneKeyAndOneMachine) {
  SshPins pins{.identity = "/var/lib/meshops/healing_key",
               .known_hosts = "/run/meshops/healing-known-hosts",
               .host_key_alias = "alpha",
               .control = "/run/meshops/ssh"};
  SshTarget alpha{.host = "10.0.0.1", .user = "root", .port = 22};
  auto argv = ssh_argv(alpha, pins, std::chrono::seconds(5));
  for (const char* option :
       {"IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null", "UserKnownHostsFile=/run/meshops/healing-known-hosts",
        "HostKeyAlias=alpha", "BatchMode=yes", "ClearAllForwardings=yes", "ControlMaster=auto",
        "ControlPath=/run/meshops/ssh/%C"})
    EXPECT_THAT(argv, Contains(option));
  EXPECT_EQ(argv.back(), "10.0.0.1") << "what runs there is not for us to say";
  pins.control = "/" + std::string(60, 'x');
  EXPECT_THAT(ssh_argv(alpha, pins, std::chrono::seconds(5)), Contains("ControlMaster=no"))
      << "a socket's name has 107 bytes";
}

TEST(SshError, EachEndHasItsRemedy) {
  SshTarget alpha{.host = "alpha", .user = "", .port = 0};
  struct Case {
    const char *words, *code, *hint;
  };
  for (const auto& c :
       {Case{"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
             "ssh.changed_key", "ssh-keygen -R alpha"},
        Case{"No ED25519 host key is known for alpha and you have requested strict checking.\n"
             "Host key verification failed.",
             "ssh.unknown_key", "compare the fingerprint"},
        Case{"ada@alpha: Permission denied (publickey).", "ssh.denied", "authorized_keys"},
        Case{"ssh: Could not resolve hostname alpha: Name or service not known", "ssh.no_way", "mesh.toml"},
        Case{"ssh: connect to host alpha port 22: Connection refused", "ssh.refused", "systemctl status ssh"},
        Case{"ssh: connect to host alpha port 22: Connection timed out", "ssh.no_way", "ssh alpha"},
        Case{"sh: not found", "ssh.ended", "a shell must answer there"}}) {
    auto error = ssh_error(alpha, c.words, {.code = 255, .signal = {}});
    EXPECT_EQ(error.code(), c.code) << c.words;
    EXPECT_THAT(error.for_people(), HasSubstr(c.hint)) << c.words;
  }
  // What a machine says goes to a terminal.
  auto error = ssh_error(alpha, "\033[2J\033[31mgone", {.code = 1, .signal = {}});
  EXPECT_EQ(error.text().find('\033'), std::string::npos);
}

}  // namespace
}  // namespace meshops
