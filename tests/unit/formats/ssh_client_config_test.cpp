// What `ssh -G` taught the reader, written down so that it holds where there is no ssh to ask.
#include "formats/ssh_client_config.h"

#include <gtest/gtest.h>

namespace meshops::ssh {
namespace {

std::string value_for(const std::string& host, std::string_view keyword, std::string_view text,
                      std::string_view included = {}) {
  auto main = parse_config(text), other = parse_config(included);
  auto lines = applied_lines({{&main, true}}, {.host = host, .local_user = "claw"},
                             [&](std::string_view) { return std::vector<const Config*>{&other}; });
  const auto* set = effective(lines, keyword);
  return set != nullptr ? set->line->values() : "";
}

TEST(SshClientConfig, TheSecondPassKnowsTheHostByItsHostName) {
  constexpr std::string_view kText =
      "Match final\n"
      "  Compression yes\n"
      "Host web\n"
      "  HostName web1.example.org\n"
      "Host *.example.org\n"
      "  User claw\n";
  EXPECT_EQ(value_for("web", "user", kText), "claw");
  EXPECT_EQ(value_for("web", "user", kText.substr(kText.find("Host web"))), "")
      << "without a final pass only the name given counts";
}

TEST(SshClientConfig, AHostNameInTheSecondPassComesTooLate) {
  EXPECT_EQ(value_for("web", "hostname", "Match final\n  HostName late\n"), "");
  EXPECT_EQ(value_for("web", "hostname", "HostName early\nMatch final\n  HostName late\n"), "early");
}

TEST(SshClientConfig, MatchFinalAsksForTheSecondPassEvenWhereItIsNotReached) {
  EXPECT_EQ(value_for("web", "user",
                      "Match canonical\n  User claw\n"
                      "Host other\n  Include x\n",
                      "Match final\n  Port 22\n"),
            "claw");
}

TEST(SshClientConfig, OldSpellingsAreRead) {
  EXPECT_EQ(value_for("web", "serveraliveinterval", "ProtocolKeepAlives 30\n"), "30");
  EXPECT_EQ(value_for("web", "serveraliveinterval", "SetupTimeOut 30\n"), "30");
  EXPECT_EQ(value_for("web", "pkcs11provider", "SmartcardDevice /x.so\n"), "/x.so");
}

TEST(SshClientConfig, WhatStandsBelowMatchExecIsUncertainWhereEverythingIsRead) {
  auto config = parse_config("User a\nMatch exec \"test -e /run/vpn\"\n  User b\n");
  auto lines = every_line({{&config, true}}, [](std::string_view) { return std::vector<const Config*>(); });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_FALSE(lines[0].uncertain);
  EXPECT_TRUE(lines[1].uncertain) << "with_block_moved() must not move what a command decides";
}

}  // namespace
}  // namespace meshops::ssh
