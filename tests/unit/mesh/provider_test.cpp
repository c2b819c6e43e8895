// Resets through a provider: what is signed, asked and understood, and whom nobody may reset. The network is
// a script; once it is a real server on loopback.
#include "mesh/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_net.h"
#include "formats/ssh_keys.h"
#include "mesh/provider_gcp.h"
#include "mesh/provider_vultr.h"
#include "unit/net/loop.h"

using namespace meshops;
using namespace meshops::mesh;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Is = ProviderState::Is;

namespace {

/// Made once: RSA takes its time.
EVP_PKEY* rsa_key() {
  static EVP_PKEY* key = EVP_RSA_gen(2048);
  return key;
}
std::string pem() {
  std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PKCS8PrivateKey(bio.get(), rsa_key(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}
std::string key_file_text(const std::string& token_uri) {
  return nlohmann::json{{"type", "service_account"},
                        {"client_email", "resetter@my-project.iam.gserviceaccount.com"},
                        {"private_key_id", "0123abcd"},
                        {"private_key", pem()},
                        {"token_uri", token_uri}}
      .dump();
}
std::string from_base64url(std::string text) {
  for (auto& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  return ssh::decode_base64(text).value_or("not base64");
}

struct Providers : testing::Test {
  Providers() {
    write(dir.path() / "gcp.json", key_file_text("https://oauth2.example.org/token"));
    write(dir.path() / "vultr.key", "VULTRKEYVULTRKEYVULTRKEYVULTRKEY1234\n");
    mesh.reset.gcp_key_file = dir.path() / "gcp.json";
    mesh.reset.vultr_key_file = dir.path() / "vultr.key";
    node.name = "alpha";
    patience = {.exchange = 1s, .look_every = 1ms, .whole = 200ms};
    net.answer("POST /token", 200,
               R"({"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"})");
  }
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  }
  std::unique_ptr<Provider> provider(const std::string& instance) {
    node.instance = instance;
    auto made = provider_of(mesh, node, net, clock, patience);
    EXPECT_TRUE(made) << made.error().text();
    return std::move(*made);
  }
  std::string reset(const std::string& instance) {
    auto of = provider(instance);
    auto done = test::run(io, of->reset());
    auto words = done ? "done" : done.error().for_people();
    // Whatever happens, nothing secret is in the words.
    EXPECT_THAT(words, Not(HasSubstr("VULTRKEY")));
    EXPECT_THAT(words, Not(HasSubstr("ya29")));
    EXPECT_THAT(words, Not(HasSubstr("PRIVATE")));
    return words;
  }
  bool pressed() const {
    return std::ranges::any_of(net.asked, [](const auto& what) {
      return what.starts_with("POST") &&
             (what.ends_with("/reset") || what.ends_with("/reboot") || what.ends_with("/start"));
    });
  }
  boost::asio::io_context io;
  test::TempDir dir;
  SystemClock clock;
  FakeNet net;
  Mesh mesh;
  NodeSpec node;
  ProviderPatience patience;
};

const std::string kGcp = "gcp:my-project/europe-west1-b/alpha";
const std::string kMachine = "/compute/v1/projects/my-project/zones/europe-west1-b/instances/alpha";
const std::string kOperation = "/compute/v1/projects/my-project/zones/europe-west1-b/operations/operation-1";
const std::string kVultr = "vultr:cb676a46-66fd-4dfb-b839-443f2e6c0b60";
const std::string kVultrMachine = "/v2/instances/cb676a46-66fd-4dfb-b839-443f2e6c0b60";
std::string vultr_is(const std::string& power, const std::string& status = "active",
                     const std::string& server = "ok") {
  return nlohmann::json{
      {"instance", {{"status", status}, {"power_status", power}, {"server_status", server}}}}
      .dump();
}

TEST_F(Providers, AreOffUnlessTheMeshSaysOtherwise) {
  auto of = provider_of(mesh, node, net, clock);
  ASSERT_FALSE(of);
  EXPECT_THAT(of.error().for_people(), HasSubstr("instance"));
  node.instance = kGcp;
  mesh.reset.gcp_key_file.clear();
  of = provider_of(mesh, node, net, clock);
  ASSERT_FALSE(of);
  EXPECT_TRUE(of.error().is(code_name(ProviderCode::not_configured)));
  EXPECT_THAT(of.error().for_people(), HasSubstr("gcp_key_file"));
}

TEST_F(Providers, GoogleResetsAMachineThatRunsAndIsAskedUntilItIsDone) {
  net.answer("GET " + kMachine, 200, R"({"status":"RUNNING"})");
  net.answer("POST " + kMachine + "/reset", 200, R"({"name":"operation-1","status":"RUNNING"})");
  net.answer("GET " + kOperation, 200, R"({"name":"operation-1","status":"DONE"})");
  EXPECT_EQ(reset(kGcp), "done");
  EXPECT_THAT(net.asked, ElementsAre("POST /token", "GET " + kMachine, "POST " + kMachine + "/reset",
                                     "GET " + kOperation));
  EXPECT_EQ(net.requests[0].to.host, "oauth2.example.org");
  EXPECT_EQ(net.requests[1].to.host, "compute.googleapis.com");
  for (const auto& r : net.requests) EXPECT_EQ(r.to.tls, Endpoint::Tls::verified);
  EXPECT_EQ(net.requests[2].bearer.reveal(), "ya29.token");
  EXPECT_TRUE(net.requests[0].bearer.empty());
}

TEST_F(Providers, NobodyStartsWhatAPersonStopped) {
  for (const char* status : {"TERMINATED", "STOPPING", "STOPPED", "SUSPENDED"}) {
    net.answer("GET " + kMachine, 200, fmt::format(R"({{"status":"{}"}})", status));
    EXPECT_THAT(reset(kGcp),
                HasSubstr(fmt::format("it is stopped ({}), and meshops did not stop it", status)));
  }
  net.answer("GET " + kVultrMachine, 200, vultr_is("stopped"));
  EXPECT_THAT(reset(kVultr), HasSubstr("it is stopped (active, stopped, ok)"));
  net.answer("GET " + kVultrMachine, 200, vultr_is("running", "suspended"));
  EXPECT_THAT(reset(kVultr), HasSubstr("it is stopped (suspended"));
  EXPECT_FALSE(pressed());
}

TEST_F(Providers, NobodyResetsWhatTheProviderIsAt) {
  for (const char* status : {"REPAIRING", "STAGING", "PROVISIONING"}) {
    net.answer("GET " + kMachine, 200, fmt::format(R"({{"status":"{}"}})", status));
    EXPECT_THAT(reset(kGcp), HasSubstr("its provider is at it"));
  }
  net.answer("GET " + kVultrMachine, 200, vultr_is("running", "active", "locked"));
  EXPECT_THAT(reset(kVultr), HasSubstr("its provider is at it"));
  net.answer("GET " + kMachine, 200, R"({"status":"DREAMING"})");
  EXPECT_THAT(reset(kGcp), HasSubstr("'DREAMING', which meshops does not know"));
  net.answer("GET " + kMachine, 404, R"({"error":{"code":404,"message":"The resource was not found"}})");
  EXPECT_THAT(reset(kGcp), HasSubstr("answered 404: The resource was not found"));
  EXPECT_FALSE(pressed());
}

TEST_F(Providers, AResetThatFailsOrDoesNotEndSaysSo) {
  net.answer("GET " + kMachine, 200, R"({"status":"RUNNING"})");
  net.answer("POST " + kMachine + "/reset", 403,
             R"({"error":{"code":403,"message":"Required 'compute.instances.reset' permission"}})");
  auto words = reset(kGcp);
  EXPECT_THAT(words, HasSubstr("answered 403: Required 'compute.instances.reset' permission"));
  EXPECT_THAT(words, HasSubstr("lacks the right"));
  net.answer("POST " + kMachine + "/reset", 200, R"({"name":"operation-1","status":"RUNNING"})");
  net.answer(
      "GET " + kOperation, 200,
      R"({"name":"operation-1","status":"DONE","error":{"errors":[{"code":"X","message":"no capacity"}]}})");
  EXPECT_THAT(reset(kGcp), HasSubstr("has failed at Google: no capacity"));
  net.answer("GET " + kOperation, 200, R"({"name":"operation-1","status":"RUNNING"})");
  EXPECT_THAT(reset(kGcp), HasSubstr("did not say within"));
}

TEST_F(Providers, VultrRebootsAndWatches) {
  net.answer("GET " + kVultrMachine, 200, vultr_is("running"));
  net.answer("POST " + kVultrMachine + "/reboot", 204);
  EXPECT_EQ(reset(kVultr), "done");
  EXPECT_EQ(net.requests[1].to.host, "api.vultr.com");
  EXPECT_EQ(net.requests[1].bearer.reveal(), "VULTRKEYVULTRKEYVULTRKEYVULTRKEY1234");
  EXPECT_THAT(net.asked, Not(testing::Contains("POST " + kVultrMachine + "/start")));
}

/// A machine that its reboot leaves off.
class Stubborn final : public Net {
 public:
  explicit Stubborn(bool can_start) : can_start_(can_start) {}
  boost::asio::awaitable<Result<Duration>> connect(Endpoint, Duration) override { co_return Duration{}; }
  boost::asio::awaitable<Result<std::string>> first_line(Endpoint, Duration) override {
    co_return std::string();
  }
  boost::asio::awaitable<Result<HttpAnswer>> websocket_greeting(Endpoint, std::string, Duration) override {
    co_return HttpAnswer{};
  }
  boost::asio::awaitable<Result<HttpAnswer>> http(HttpRequest request) override {
    HttpAnswer answer;
    answer.status = request.method == "GET" ? 200 : 204;
    if (request.target.ends_with("/reboot")) ++reboots, running = false;
    if (request.target.ends_with("/start")) ++starts, running = can_start_;
    if (request.method == "GET") answer.body = vultr_is(running ? "running" : "stopped");
    co_return answer;
  }
  bool running = true;
  int reboots = 0, starts = 0;

 private:
  bool can_start_;
};

TEST_F(Providers, WhatOurRebootLeftOffIsStartedOnce) {
  for (bool starts : {true, false}) {
    Stubborn there(starts);
    node.instance = kVultr;
    auto of = provider_of(mesh, node, there, clock, patience);
    ASSERT_TRUE(of);
    auto done = test::run(io, (*of)->reset());
    EXPECT_EQ(done.has_value(), starts);
    EXPECT_EQ(there.reboots, 1);
    EXPECT_EQ(there.starts, 1);
    if (!starts) {
      EXPECT_THAT(done.error().text(), HasSubstr("did not run again"));
    }
  }
}

TEST_F(Providers, AKeyThatOthersCanReadIsNotUsed) {
  ASSERT_EQ(::chmod((dir.path() / "vultr.key").c_str(), 0640), 0);
  EXPECT_THAT(reset(kVultr), HasSubstr("can be read or changed by others"));
  EXPECT_TRUE(net.asked.empty());
  mesh.reset.vultr_key_file = dir.path() / "none";
  EXPECT_THAT(reset(kVultr), HasSubstr("cannot open"));
  mesh.reset.vultr_key_file = dir.path();
  EXPECT_THAT(reset(kVultr), HasSubstr("is no file"));
  write(dir.path() / "two", "one\r\nX-Header: two");
  mesh.reset.vultr_key_file = dir.path() / "two";
  EXPECT_THAT(reset(kVultr), HasSubstr("has more in it"));
  EXPECT_TRUE(net.asked.empty());
}

TEST_F(Providers, NoKeyGoesInClearText) {
  mesh.reset.vultr_url = "http://api.vultr.example.org";
  EXPECT_THAT(reset(kVultr), HasSubstr("clear text"));
  write(dir.path() / "gcp.json", key_file_text("http://oauth2.example.org/token"));
  EXPECT_THAT(reset(kGcp), HasSubstr("clear text"));
  EXPECT_TRUE(net.asked.empty());
}

TEST_F(Providers, ARefusedStatementAsksForTheClock) {
  net.answer("POST /token", 400,
             R"({"error":"invalid_grant","error_description":"Invalid JWT: iat in the future"})");
  auto words = reset(kGcp);
  EXPECT_THAT(words, HasSubstr("get a token for resetter@my-project.iam.gserviceaccount.com"));
  EXPECT_THAT(words, HasSubstr("Invalid JWT: iat in the future"));
  EXPECT_THAT(words, HasSubstr("clock"));
}

TEST_F(Providers, SpeakToARealServer) {
  std::string token_asked;
  test::ScriptedServer server(io, {.pieces = {}, .hold_open = true});
  server.answer_to = [&](const std::string& asked) -> std::vector<std::string> {
    std::string body = R"({"name":"operation-1","status":"DONE"})";
    if (asked.starts_with("POST /token"))
      token_asked = asked, body = R"({"access_token":"ya29.x","expires_in":60})";
    if (asked.starts_with("GET")) body = R"({"status":"RUNNING"})";
    return {fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body)};
  };
  auto base = fmt::format("http://127.0.0.1:{}", server.port());
  write(dir.path() / "gcp.json", key_file_text(base + "/token"));
  mesh.reset.gcp_url = base + "/";
  node.instance = kGcp;
  auto real = real_net();
  auto of = provider_of(mesh, node, *real, clock, patience);
  ASSERT_TRUE(of);
  auto done = test::run(io, (*of)->reset());
  EXPECT_TRUE(done) << done.error().for_people();
  EXPECT_THAT(token_asked, HasSubstr("application/x-www-form-urlencoded"));
  EXPECT_THAT(server.seen, HasSubstr("Authorization: Bearer ya29.x"));
  EXPECT_THAT(server.seen, testing::StartsWith("POST " + kMachine + "/reset "));
}

TEST(GoogleStatement, IsSignedForTheAccountAndShort) {
  auto key = gcp::parse_key(key_file_text("https://oauth2.example.org/token"));
  ASSERT_TRUE(key);
  auto now = *parse_iso8601("2026-11-29T12:00:00.900Z");
  auto jwt = gcp::signed_jwt(*key, now);
  ASSERT_TRUE(jwt);
  auto text = jwt->reveal();
  auto first = text.find('.'), last = text.rfind('.');
  EXPECT_EQ(from_base64url(text.substr(0, first)), R"({"alg":"RS256","typ":"JWT","kid":"0123abcd"})");
  EXPECT_EQ(from_base64url(text.substr(first + 1, last - first - 1)),
            R"({"iss":"resetter@my-project.iam.gserviceaccount.com",)"
            R"("scope":"https://www.googleapis.com/auth/compute","aud":"https://oauth2.example.org/token",)"
            R"("iat":1795953600,"exp":1795954200})");
  auto signature = from_base64url(text.substr(last + 1));
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  ASSERT_EQ(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, rsa_key()), 1);
  EXPECT_EQ(EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                             signature.size(), reinterpret_cast<const unsigned char*>(text.data()), last),
            1);
}

TEST(GoogleKey, ThatIsNoneSaysWhatIsMissingAndRepeatsNothing) {
  for (
      const char* text :
      {"", "[]", R"({"type":"authorized_user"})", R"({"type":"service_account"})",
       R"({"type":"service_account","client_email":"a@b"})",
       R"({"type":"service_account","client_email":"a@b","private_key":"SECRETSECRET"})",
       R"({"type":"service_account","client_email":"a@b\r\nX: y","private_key":"SECRETSECRET","token_uri":"https://x"})"}) {
    auto key = gcp::parse_key(text);
    ASSERT_FALSE(key) << text;
    EXPECT_THAT(key.error().for_people(), Not(HasSubstr("SECRET")));
  }
  auto key = gcp::parse_key(
      R"({"type":"service_account","client_email":"a@b","private_key":"SECRETSECRET","token_uri":"https://x/t"})");
  ASSERT_TRUE(key);
  auto jwt = gcp::signed_jwt(*key, WallTime{});
  ASSERT_FALSE(jwt);
  EXPECT_THAT(jwt.error().for_people(), Not(HasSubstr("SECRET")));
}

TEST(GoogleAnswers, ThatAreStrangeAreRefused) {
  EXPECT_FALSE(gcp::parse_token("{}"));
  EXPECT_FALSE(gcp::parse_token(R"({"access_token":"a\r\nX: y"})"));
  EXPECT_EQ(gcp::parse_token(R"({"access_token":"a","expires_in":99999999999})")->lasts, 1h);
  EXPECT_FALSE(gcp::parse_operation(R"({"name":"../../x","status":"DONE"})"));
  EXPECT_FALSE(gcp::parse_operation(R"({"name":"..","status":"DONE"})"));
  EXPECT_EQ(gcp::parse_operation(R"({"name":"o","status":"DONE","error":{}})")->error,
            "an error that it does not name");
  EXPECT_FALSE(gcp::parse_instance("[1]"));
  EXPECT_FALSE(vultr::parse_instance(R"({"instance":[]})"));
  EXPECT_FALSE(vultr::parse_instance(R"({"instance":{"status":"active","power_status":"dancing"}})"));
  EXPECT_EQ(vultr::parse_instance(vultr_is("running", "active", "installingbooting"))->is, Is::running);
}

TEST(Refusals, AreOneLineWithoutKeys) {
  EXPECT_EQ(refusal_in(R"({"error":"Invalid API token.","status":401})"), "Invalid API token.");
  EXPECT_EQ(refusal_in("<html>"), "");
  EXPECT_THAT(refusal_in(R"({"message":"bad key ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\nnext"})"),
              Not(HasSubstr("ABCDEFGH")));
  EXPECT_LE(refusal_in(R"({"message":")" + std::string(5000, 'a') + R"("})").size(), 200U);
}

}  // namespace
