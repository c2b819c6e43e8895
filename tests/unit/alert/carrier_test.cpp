#include "alert/carrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "../base/temp_dir.h"
#include "../gateway/loop.h"
#include "an_alert.h"
#include "base/file.h"
#include "base/text.h"
#include "fakes/fake_net.h"

namespace meshops::alert {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");
constexpr const char* kHook = "https://hooks.example.org/services/T0/B0/hunter2";

class CarrierTest : public testing::Test {
 protected:
  Attempt carry_it(const AlertSpec& spec, const Alert& alert = an_alert()) {
    auto attempt = test::run(carry(spec, alert, net, kNow));
    if (attempt.error) told += attempt.error->for_people();
    return attempt;
  }
  fs::path file(const std::string& name, std::string_view bytes) {
    EXPECT_TRUE(write_file_atomic(dir.path / name, bytes));
    return dir.path / name;
  }
  AlertSpec slack() { return {.name = "team", .kind = AlertKind::slack, .url = kHook}; }

  TempDir dir;
  FakeNet net;
  std::string told;
};

TEST_F(CarrierTest, AHookIsPostedToOverVerifiedTls) {
  net.answer("POST /services/T0/B0/hunter2", 200, "ok");
  EXPECT_FALSE(carry_it(slack()).error);
  ASSERT_EQ(net.requests.size(), 1U);
  const auto& request = net.requests[0];
  EXPECT_EQ(request.to.host, "hooks.example.org");
  EXPECT_EQ(request.to.port, 443);
  EXPECT_EQ(request.to.tls, Endpoint::Tls::verified);
  EXPECT_EQ(request.headers.at("Content-Type"), "application/json; charset=utf-8");
  EXPECT_TRUE(json::parse(request.body).contains("blocks"));
}
TEST_F(CarrierTest, AWebhookGetsOurOwnJson) {
  net.answer("POST /in?x=1", 204);
  EXPECT_FALSE(
      carry_it({.name = "w", .kind = AlertKind::webhook, .url = "http://10.0.0.7:8080/in?x=1"}).error);
  EXPECT_EQ(net.requests[0].body, to_json(an_alert()));
  EXPECT_FALSE(net.requests[0].headers.contains("Host")) << "another port than 443 belongs to the name";
}
TEST_F(CarrierTest, TelegramIsAskedToSendMessageWithTheUrlOfAFile) {
  net.answer("POST /bot1:hunter2/sendMessage", 200, R"({"ok":true})");
  AlertSpec spec{.name = "phone",
                 .kind = AlertKind::telegram,
                 .url_file = file("url", "https://api.example.org/bot1:hunter2\n"),
                 .chat_id = "-1001"};
  EXPECT_FALSE(carry_it(spec).error);
  EXPECT_EQ(json::parse(net.requests[0].body)["chat_id"], "-1001");
  // Read anew each time: a secret may be changed while the agent runs.
  net.answer("POST /bot2/sendMessage", 200);
  file("url", "https://api.example.org/bot2/sendMessage");
  EXPECT_FALSE(carry_it(spec).error);
}
TEST_F(CarrierTest, NoFailureOfTheNetworkShowsTheUrl) {
  for (auto code :
       {NetCode::unresolved, NetCode::refused, NetCode::unreachable, NetCode::timed_out, NetCode::closed,
        NetCode::not_http, NetCode::too_large, NetCode::tls, NetCode::io, NetCode::bad_url}) {
    net.fails(
        "POST /services/T0/B0/hunter2",
        error(code,
              "the TLS handshake with hooks.example.org:443 failed: /services/T0/B0/hunter2 is no good"));
    auto attempt = carry_it(slack());
    ASSERT_TRUE(attempt.error);
    EXPECT_FALSE(attempt.refused) << "the network may be back in a minute";
    EXPECT_THAT(attempt.error->text(), HasSubstr("alert 'team': "));
  }
  EXPECT_THAT(told, Not(HasSubstr("hunter2")));
  EXPECT_THAT(told, Not(HasSubstr("hooks.example.org")));
  EXPECT_THAT(told, HasSubstr("is no good")) << "the reason itself is shown";
}
TEST_F(CarrierTest, AnAnswerSaysWhetherTryingAgainMakesSense) {
  struct Case {
    int status;
    bool refused;
  };
  for (auto [status, refused] :
       {Case{301, true}, Case{400, true}, Case{403, true}, Case{404, true}, Case{408, false}, Case{410, true},
        Case{425, false}, Case{429, false}, Case{500, false}, Case{503, false}}) {
    net.answer("POST /services/T0/B0/hunter2", status, "no");
    auto attempt = carry_it(slack());
    ASSERT_TRUE(attempt.error) << status;
    EXPECT_EQ(attempt.refused, refused) << status;
    EXPECT_THAT(attempt.error->text(), HasSubstr(fmt::format("it answered {}: no", status)));
  }
}
TEST_F(CarrierTest, TheReceiversReasonIsShownWithoutWhatIsSecretInIt) {
  net.answer("POST /services/T0/B0/hunter2", 404,
             R"({"message": "Unknown hook /services/T0/B0/hunter2", "code": 10015})");
  EXPECT_EQ(carry_it(slack()).error->text(), "alert 'team': it answered 404: Unknown hook *");
  net.answer("POST /services/T0/B0/hunter2", 400, "invalid_payload\x1b[2J\nmore");
  EXPECT_EQ(carry_it(slack()).error->text(), "alert 'team': it answered 400: invalid_payload\\x1b[2J");
  net.answer("POST /services/T0/B0/hunter2", 400, "{\"ok\":false}");
  EXPECT_EQ(carry_it(slack()).error->text(), "alert 'team': it answered 400");
}
TEST_F(CarrierTest, RetryAfterIsTakenFromTheHeaderOrFromTelegramsBody) {
  HttpAnswer busy;
  busy.status = 429;
  busy.headers["retry-after"] = "120";
  net.answers.insert_or_assign("POST /services/T0/B0/hunter2", busy);
  EXPECT_EQ(carry_it(slack()).retry_after, 120s);
  net.answer("POST /services/T0/B0/hunter2", 429, R"({"ok":false,"parameters":{"retry_after":35}})");
  EXPECT_EQ(carry_it(slack()).retry_after, 35s);
  net.answer("POST /services/T0/B0/hunter2", 503);
  EXPECT_EQ(carry_it(slack()).retry_after, std::nullopt);
}
TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(parse_retry_after(" 7 ", kNow), 7s);
  EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 05:41:30 GMT", kNow), 90s);
  EXPECT_EQ(parse_retry_after("Tue, 24 Nov 2026 05:39:00 GMT", kNow), std::nullopt) << "past";
  for (const char* text : {"", "-3", "soon", "Tue, 24 Foo 2026 05:41:30 GMT", "1e9", "99999999999999999999"})
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}
TEST_F(CarrierTest, ASecretThatIsNotThereIsNamedByItsFileOnly) {
  AlertSpec spec{.name = "phone", .kind = AlertKind::discord, .url_file = dir.path / "none"};
  EXPECT_THAT(carry_it(spec).error->text(), HasSubstr("alert 'phone': its url_file cannot be read"));
  spec.url_file = file("empty", "\n");
  EXPECT_THAT(carry_it(spec).error->text(), HasSubstr("is empty or has more than one line"));
  spec.url_file = file("two", "hunter2\nhunter3");
  EXPECT_TRUE(carry_it(spec).refused);
  spec.url_file = file("no-url", "hunter2 is no URL");
  EXPECT_THAT(carry_it(spec).error->text(), HasSubstr("is no http:// or https:// URL"));
  spec.url_file = file("plain", "http://chat.example.org/hunter2");
  EXPECT_THAT(carry_it(spec).error->text(), HasSubstr("begins with http://"));
  EXPECT_THAT(told, Not(HasSubstr("hunter2")));
  EXPECT_TRUE(net.requests.empty());
}
TEST_F(CarrierTest, ASecretThatEverybodyMayReadIsMentioned) {
  AlertSpec spec{.name = "phone", .kind = AlertKind::discord, .url_file = file("url", kHook)};
  EXPECT_EQ(exposed(spec), "");
  ASSERT_EQ(::chmod(spec.url_file.c_str(), 0644), 0);
  EXPECT_THAT(exposed(spec), HasSubstr("chmod 600 " + spec.url_file.string()));
}

TEST_F(CarrierTest, AProgramGetsTheAlertOnItsStdinAndNotInItsArguments) {
  auto script = file("page", "#!/bin/sh\ncat > \"$1\"; echo \"$@\" > \"$1.arguments\"\n");
  ASSERT_EQ(::chmod(script.c_str(), 0700), 0);
  auto out = (dir.path / "out").string();
  EXPECT_FALSE(
      carry_it({.name = "pager", .kind = AlertKind::command, .command = {script, out, "a b"}}).error);
  EXPECT_EQ(*read_file(out), to_json(an_alert()));
  EXPECT_EQ(*read_file(out + ".arguments"), out + " a b\n");
}
TEST_F(CarrierTest, AProgramThatFailsIsTriedAgainAndOneThatIsNotThereIsRefused) {
  auto failing = carry_it(
      {.name = "pager", .kind = AlertKind::command, .command = {"sh", "-c", "echo no modem >&2; exit 3"}});
  ASSERT_TRUE(failing.error);
  EXPECT_EQ(failing.error->text(), "alert 'pager': its program ended with exit code 3: no modem");
  EXPECT_FALSE(failing.refused);
  auto missing = carry_it({.name = "pager", .kind = AlertKind::command, .command = {"/no/such/program"}});
  EXPECT_TRUE(missing.error && missing.refused);
}

/// Mail, with a curl of our own first in PATH: it notes its arguments, its stdin and its descriptor 3.
class MailTest : public CarrierTest {
 protected:
  void SetUp() override {
    before_ = std::getenv("PATH");
    spec = {.name = "mail",
            .kind = AlertKind::smtp,
            .server = "smtps://mail.example.org:465",
            .from = "meshops@example.org",
            .to = {"a@example.org", "b@example.org"},
            .user = "me@example.org",
            .password_file = file("password", "hunter\"2\\\n")};
    ::setenv("PATH", (dir.path.string() + ":" + before_).c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", before_.c_str(), 1); }
  void curl_says(const std::string& end) {
    auto here = dir.path.string();
    auto script = file(
        "curl",
        fmt::format(
            "#!/bin/sh\necho \"$@\" > {0}/arguments; cat > {0}/config; cat /dev/fd/3 > {0}/message\n{1}\n",
            here, end));
    ASSERT_EQ(::chmod(script.c_str(), 0700), 0);
  }
  std::string noted(const char* what) { return read_file(dir.path / what).value_or("nothing"); }

  AlertSpec spec;

 private:
  std::string before_;
};

TEST_F(MailTest, CurlIsGivenEverythingByItsInputsAndNothingByItsArguments) {
  curl_says("exit 0");
  EXPECT_FALSE(carry_it(spec).error) << told;
  EXPECT_EQ(noted("arguments"), "-q -K -\n");
  EXPECT_EQ(
      noted("config"),
      "silent\nshow-error\nproto = \"=smtp,smtps\"\nupload-file = \"/dev/fd/3\"\n"
      "connect-timeout = 20\nmax-time = 55\nurl = \"smtps://mail.example.org:465\"\nssl-reqd\n"
      "mail-from = \"meshops@example.org\"\nmail-rcpt = \"a@example.org\"\nmail-rcpt = \"b@example.org\"\n"
      "user = \"me@example.org:hunter\\\"2\\\\\"\n");
  EXPECT_THAT(noted("message"), testing::StartsWith("From: meshops <meshops@example.org>\r\n"));
}
TEST_F(MailTest, OnlyAServerOnThisMachineMayGoWithoutTls) {
  curl_says("exit 0");
  spec.server = "smtp://mail.example.org";
  carry_it(spec);
  EXPECT_THAT(noted("config"), HasSubstr("url = \"smtp://mail.example.org:587\"\nssl-reqd\n"));
  spec.server = "smtp://127.0.0.1:25";
  spec.user.clear();
  carry_it(spec);
  EXPECT_THAT(noted("config"), Not(HasSubstr("ssl-reqd")));
  EXPECT_THAT(noted("config"), Not(HasSubstr("user")));
}
TEST_F(MailTest, WhatCurlSaysIsShownWithoutTheSecretsAndJudged) {
  curl_says("echo 'curl: (67) Login denied for me@example.org hunter\"2\\' >&2; exit 67");
  auto denied = carry_it(spec);
  ASSERT_TRUE(denied.error);
  EXPECT_EQ(denied.error->text(), "alert 'mail': the mail was not taken: curl: (67) Login denied for * *");
  EXPECT_TRUE(denied.refused);
  curl_says("echo 'curl: (55) RCPT failed: 550' >&2; exit 55");
  EXPECT_TRUE(carry_it(spec).refused);
  curl_says("echo 'curl: (55) RCPT failed: 451' >&2; exit 55");
  EXPECT_FALSE(carry_it(spec).refused) << "greylisting";
  curl_says("echo 'curl: (7) Failed to connect to mail.example.org port 465' >&2; exit 7");
  auto down = carry_it(spec);
  EXPECT_FALSE(down.refused);
  EXPECT_THAT(down.error->text(), Not(HasSubstr("mail.example.org")));
}
TEST_F(MailTest, WithoutCurlItSaysWhatToInstall) {
  ::setenv("PATH", "/nonexistent", 1);
  auto attempt = carry_it(spec);
  ASSERT_TRUE(attempt.error);
  EXPECT_EQ(attempt.error->for_people(),
            "alert 'mail': mail is sent by the program curl, which this machine does not have\n  → apt "
            "install curl");
}
TEST_F(MailTest, APasswordThatCannotBeReadIsNoReasonToGoWithout) {
  curl_says("exit 0");
  spec.password_file = dir.path / "none";
  EXPECT_THAT(carry_it(spec).error->text(), HasSubstr("its password_file cannot be read"));
  EXPECT_EQ(noted("arguments"), "nothing");
}

}  // namespace
}  // namespace meshops::alert
