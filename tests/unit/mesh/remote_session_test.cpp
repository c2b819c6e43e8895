// The healer's side without a network: what it sends, and what it makes of what comes back. Real ssh is in
// the lab (tests/lab/test_remote.py).
#include "mesh/remote_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/file.h"
#include "base/text.h"
#include "fakes/fake_clock.h"
#include "mesh/remote_gate.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"
#include "unit/mesh/remote_signer.h"

namespace meshops::mesh {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class HealersSide : public testing::Test {
 protected:
  HealersSide() {
    here.name = there.name = "home";
    here.node = "beta";
    there.node = "alpha";
    here.state_dir = directory.path / "state";
    here.socket = directory.path / "run" / "agent.sock";
    here.nodes = {{.name = "alpha",
                   .address = "10.0.0.1",
                   .ssh_port = 2222,
                   .user = "root",
                   .host_key = "ssh-ed25519 HOST"},
                  {.name = "beta", .address = "10.0.0.2", .healing_key = key.public_key()},
                  {.name = "gamma", .address = "10.0.0.3"}};
    there.nodes = here.nodes;
    EXPECT_TRUE(make_directories(here.state_dir));
    EXPECT_TRUE(write_file_atomic(healing_key_file(here.state_dir), "held by ssh-keygen alone"));
  }
  TempDir directory;
  RemoteSigner key;
  Mesh here, there;
  FakeClock clock, patients_clock;
  std::vector<std::vector<std::string>> ran;
  std::vector<RemoteRequest> asked;
  Output of_ssh;  // unless the patient answers
  bool patient_answers = true;

  asio::awaitable<Result<Output>> program(std::vector<std::string> argv, RunOptions options) {
    ran.push_back(argv);
    Output out{.exit = {.code = 0, .signal = {}}, .out = {}, .err = {}};
    if (argv[0] == "ssh-keygen") {
      out.out = "-----BEGIN SSH SIGNATURE-----\n" +
                RemoteSigner::base64(key.sign(kSignatureNamespace, options.input)) +
                "\n-----END SSH SIGNATURE-----\n";
      co_return out;
    }
    if (!patient_answers) co_return of_ssh;
    RemoteAnswer answer;
    auto request = check_request(options.input, there, patients_clock.wall());
    if (request) {
      asked.push_back(*request);
      answer.verb = text(request->verb);
      answer.nonce = request->nonce;
      answer.good = true;
      answer.result = "{}";
    } else {
      answer = refusal(request.error());
    }
    answer.node = there.node;
    answer.at = patients_clock.wall();
    out.out = to_json(answer);
    co_return out;
  }
  Result<RemoteAnswer> ask(RemoteSession::Question question, std::string patient = "alpha") {
    RemoteSession session(here, clock, std::move(patient),
                          [this](std::vector<std::string> argv, RunOptions options) {
                            return program(std::move(argv), std::move(options));
                          });
    return test::run(session.ask(std::move(question)));
  }
  RemoteSession::Question heal{.verb = Verb::heal, .gateway = "main", .fence = 7};
};

TEST_F(HealersSide, WhatItSendsIsWhatThePatientBelieves) {
  auto answer = ask(heal);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(answer->good) << answer->message;
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].verb, Verb::heal);
  EXPECT_EQ(asked[0].healer, "beta");
  EXPECT_EQ(asked[0].gateway, "main");
  EXPECT_EQ(asked[0].fence, 7U);
  ASSERT_TRUE(ask(heal));
  EXPECT_NE(asked[0].nonce, asked[1].nonce);
}

TEST_F(HealersSide, TheRequestIsNoArgument) {
  ASSERT_TRUE(ask(heal));
  for (const auto& argv : ran)
    for (const auto& word : argv) EXPECT_THAT(word, Not(HasSubstr("nonce")));
  EXPECT_EQ(ran.back().back(), "10.0.0.1");
  EXPECT_THAT(ran.back(), Contains("2222"));
  EXPECT_THAT(ran.back(), Contains("HostKeyAlias=alpha"));
  EXPECT_EQ(*read_file(directory.path / "run/healing-known-hosts"), "alpha ssh-ed25519 HOST\n");
}

TEST_F(HealersSide, APatientWithAWrongClockIsAskedInItsOwnTime) {
  patients_clock.set_wall(clock.wall() - 24h * 400);
  auto answer = ask(heal);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->good) << answer->message;
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].issued, patients_clock.wall());
}

TEST_F(HealersSide, WhatCannotBeAskedSaysWhyAndWhatToDo) {
  EXPECT_EQ(ask(heal, "beta").error().code(), "remote.forbidden");
  EXPECT_EQ(ask(heal, "nobody").error().code(), "remote.unreachable");
  auto unpinned = ask(heal, "gamma");
  EXPECT_EQ(unpinned.error().code(), "remote.unpinned");
  EXPECT_THAT(unpinned.error().for_people(), HasSubstr("on gamma: meshops mesh keys"));
  EXPECT_TRUE(ran.empty()) << "nothing was started for it";

  patient_answers = false;
  of_ssh = {.exit = {.code = 255, .signal = {}},
            .out = "",
            .err = "root@10.0.0.1: Permission denied (publickey).\n"};
  auto denied = ask(heal);
  EXPECT_EQ(denied.error().code(), "remote.unreachable");
  EXPECT_TRUE(denied.error().is("ssh.denied"));
  of_ssh = {.exit = {.code = 127, .signal = {}},
            .out = "",
            .err = "bash: /usr/bin/meshops: No such file or directory\n"};
  EXPECT_THAT(ask(heal).error().for_people(), HasSubstr("install it there"));
  of_ssh = {.exit = {.code = 0, .signal = {}}, .out = "Welcome to alpha\n", .err = ""};
  EXPECT_EQ(ask(heal).error().code(), "remote.no_answer");

  std::filesystem::remove(healing_key_file(here.state_dir));
  auto keyless = ask(heal);
  EXPECT_EQ(keyless.error().code(), "remote.no_key");
  EXPECT_THAT(keyless.error().for_people(), HasSubstr("meshops mesh keys"));
}

TEST_F(HealersSide, AnAnswerToAnotherRequestIsNone) {
  patient_answers = false;
  RemoteAnswer old{.verb = "heal",
                   .node = "alpha",
                   .nonce = std::string(32, '0'),
                   .at = clock.wall(),
                   .good = true,
                   .code = {},
                   .message = {},
                   .hint = {},
                   .result = "{}"};
  of_ssh = {.exit = {.code = 0, .signal = {}}, .out = to_json(old), .err = ""};
  EXPECT_EQ(ask(heal).error().code(), "remote.no_answer");
}

}  // namespace
}  // namespace meshops::mesh
