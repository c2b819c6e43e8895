// The object store behind S3: what is asked, understood and refused. The server is a fake that verifies
// signatures; once it is a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_s3.h"
#include "store/object_store.h"
#include "store/s3_answer.h"
#include "unit/net/loop.h"

namespace meshops::store {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct S3 : testing::Test {
  S3() {
    spec = {.endpoint = "https://s3.eu-central-1.amazonaws.com",
            .region = "eu-central-1",
            .bucket = "mesh-bucket",
            .prefix = "some/prefix",
            .key_file = dir.path() / "keys"};
    write_keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  }
  void write_keys(const std::string& id, const std::string& secret) {
    std::ofstream(spec.key_file) << "[default]\naws_access_key_id = " << id
                                 << "\naws_secret_access_key = " << secret << "\n";
    ASSERT_EQ(::chmod(spec.key_file.c_str(), 0600), 0);
  }
  Result<std::optional<Object>> get(const std::string& key) { return test::run(io, bucket()->get(key)); }
  Result<std::string> put(const std::string& key, const std::string& bytes, PutIf condition = {}) {
    return test::run(io, bucket()->put(key, bytes, std::move(condition)));
  }
  std::string why_not() {
    auto got = get("mesh/beat/alpha");
    auto words = got ? "it is there" : got.error().for_people();
    EXPECT_THAT(words, Not(HasSubstr("wJalrXUt")));
    return words;
  }
  ObjectStore* bucket() {
    if (!store) store = s3_store(spec, net, clock);
    return store.get();
  }
  static PutIf version(const std::string& of) { return {PutIf::Is::version, of}; }

  boost::asio::io_context io;
  test::TempDir dir;
  SystemClock clock;
  FakeS3 net;
  S3Spec spec;
  std::shared_ptr<ObjectStore> store;
};

TEST_F(S3, GivesBackWhatWasPutAndHowOldItIsByItsOwnClock) {
  auto none = get("mesh/beat/alpha");
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_FALSE(*none);
  auto version = put("mesh/beat/alpha", "{\"node\":\"alpha\"}\n");
  ASSERT_TRUE(version) << version.error().text();
  net.date = "Mon, 30 Nov 2026 05:38:31 GMT";
  auto there = get("mesh/beat/alpha");
  ASSERT_TRUE(there && *there);
  EXPECT_EQ((*there)->bytes, "{\"node\":\"alpha\"}\n");
  EXPECT_EQ((*there)->version, *version);
  EXPECT_EQ((*there)->age, 41s);
  EXPECT_EQ(net.requests[0].to.text(), "s3.eu-central-1.amazonaws.com:443");
  EXPECT_EQ(net.requests[0].to.tls, Endpoint::Tls::verified);
  EXPECT_EQ(net.requests[0].target, "/mesh-bucket/some/prefix/mesh/beat/alpha");
  EXPECT_LE(net.requests[0].limit, 5s);
}

TEST_F(S3, PutsUnderAConditionOnlyWhatHasNotChanged) {
  const PutIf absent{PutIf::Is::absent};
  auto first = put("k", "1", absent);
  ASSERT_TRUE(first);
  auto late = put("k", "2", absent);
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(code_name(ObjectCode::changed)));
  auto second = put("k", "2", version(*first));
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first);
  EXPECT_FALSE(put("k", "3", version(*first)));
  EXPECT_EQ(get("k").value()->bytes, "2");
}

TEST_F(S3, LearnsWhetherAServerWantsVersionsWithTheirQuotationMarks) {
  net.bare_versions = true;
  auto first = put("k", "1").value();
  auto second = put("k", "2", version(first));
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(net.requests.size(), 3U);
  EXPECT_FALSE(put("k", "3", version(first)));
  EXPECT_EQ(net.requests.size(), 4U) << "from now on it is known";
  // One that wants them is not asked twice, either.
  net = {};
  store.reset();
  first = put("k", "1").value();
  ASSERT_TRUE(put("k", "2", version(first)));
  EXPECT_FALSE(put("k", "3", version(first)));
  EXPECT_EQ(net.requests.size(), 3U);
}

TEST_F(S3, IsProvenToHonourConditions) {
  auto proven = test::run(io, prove_conditions(bucket() ? store : nullptr, "mesh/proof/alpha"));
  EXPECT_TRUE(proven) << proven.error().text();
  net = {};
  net.bare_versions = true;
  store.reset();
  proven = test::run(io, prove_conditions(bucket() ? store : nullptr, "mesh/proof/alpha"));
  EXPECT_TRUE(proven) << proven.error().text();
  net = {};
  net.ignores_conditions = true;
  store.reset();
  proven = test::run(io, prove_conditions(bucket() ? store : nullptr, "mesh/proof/alpha"));
  ASSERT_FALSE(proven);
  EXPECT_TRUE(proven.error().is(code_name(ObjectCode::ignores_conditions))) << proven.error().text();
  EXPECT_THAT(proven.error().for_people(), HasSubstr("two healers"));
}

TEST_F(S3, SaysWhatIsWrongAndWhatToDo) {
  net.instead = FakeS3::refusal(403, "RequestTimeTooSkewed");
  EXPECT_THAT(why_not(), AllOf(HasSubstr("read s3://mesh-bucket/some/prefix/mesh/beat/alpha"),
                               HasSubstr("clock is wrong")));
  net.instead = FakeS3::refusal(403, "AccessDenied",
                                "<Message>no s3:GetObject for sk-abcdefghijklmnopqrstuvwx</Message>");
  EXPECT_THAT(why_not(), AllOf(HasSubstr("s3:GetObject and s3:PutObject"), Not(HasSubstr("abcdefghij"))));
  net.instead = FakeS3::refusal(404, "NoSuchBucket");
  EXPECT_THAT(why_not(), HasSubstr("make the bucket"));
  net.instead = FakeS3::refusal(301, "PermanentRedirect");
  net.instead->headers["x-amz-bucket-region"] = "us-west-2";
  EXPECT_THAT(why_not(), HasSubstr("set region under [store] to \"us-west-2\""));
  net.instead = FakeS3::refusal(400, "AuthorizationHeaderMalformed", "<Region>us-west-1</Region>");
  EXPECT_THAT(why_not(), HasSubstr("set region under [store] to \"us-west-1\""));
  net.instead = FakeS3::refusal(503, "SlowDown");
  EXPECT_THAT(why_not(), HasSubstr("503 SlowDown"));
  net.instead = FakeS3::refusal(409, "ConditionalRequestConflict");
  EXPECT_TRUE(put("k", "1").error().is(code_name(ObjectCode::changed)));
  net.instead.reset();
  net.keys.secret = Secret("another");
  EXPECT_THAT(why_not(), AllOf(HasSubstr("SignatureDoesNotMatch"), HasSubstr("see the key in")));
}

TEST_F(S3, BelievesNoAnswerThatItCannotRead) {
  net.instead.emplace();
  net.instead->status = 200;
  net.instead->headers = {{"etag", "\"x\""}};
  EXPECT_THAT(why_not(), HasSubstr("Date and Last-Modified"));
  net.instead->headers["date"] = net.date;
  net.instead->headers["last-modified"] = "Mon, 30 Nov 2026 05:37:53 GMT";
  EXPECT_THAT(why_not(), HasSubstr("Date after its Last-Modified"));
  net.instead->headers["last-modified"] = "Mon, 30 Nov 2026 05:37:51 GMT";
  EXPECT_EQ(get("k").value()->age, 0s) << "both are cut to seconds";
  for (auto etag : {"", "W/\"1\"", "\"1\"\r\nX: y"}) {
    net.instead->headers["etag"] = etag;
    EXPECT_THAT(why_not(), HasSubstr("no ETag")) << etag;
  }
  net.instead->status = 404;
  EXPECT_THAT(why_not(), Not(HasSubstr("it is there"))) << "a proxy's 404 is no word of the store's";
}

TEST_F(S3, SendsNoKeyInClearTextAndNoneThatOthersMayRead) {
  spec.endpoint = "http://10.0.0.1:9000";
  EXPECT_THAT(why_not(), HasSubstr("clear text"));
  EXPECT_TRUE(net.requests.empty());
  store.reset();
  spec.endpoint = "http://127.0.0.1:9000";
  EXPECT_THAT(why_not(), HasSubstr("it is there")) << "loopback is this machine";
  ASSERT_EQ(::chmod(spec.key_file.c_str(), 0644), 0);
  EXPECT_THAT(why_not(), AllOf(HasSubstr("can be read or changed by others"), HasSubstr("chmod 600")));
  spec.key_file = dir.path() / "none";
  store.reset();
  EXPECT_THAT(why_not(), HasSubstr("cannot be used"));
}

TEST_F(S3, TakesNoNameThatCouldLeadElsewhere) {
  for (auto key : {"", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a b", "a?b", "a%2fb", "ä"}) {
    EXPECT_FALSE(is_object_key(key)) << key;
    EXPECT_TRUE(get(key).error().is(code_name(ObjectCode::bad_name)));
  }
  EXPECT_TRUE(is_object_key("mesh-1/beat/node_2.x"));
  auto large = put("k", std::string(kMostObjectBytes + 1, 'x'));
  EXPECT_TRUE(large.error().is(code_name(ObjectCode::too_large)));
  EXPECT_TRUE(net.requests.empty());
}

TEST_F(S3, SpeaksOverARealSocket) {
  test::ScriptedServer server(
      io, {.pieces = {"HTTP/1.1 200 OK\r\nETag: \"5d41\"\r\nDate: Mon, 30 Nov 2026 05:37:50 GMT\r\n"
                      "Last-Modified: Mon, 30 Nov 2026 05:37:20 GMT\r\nContent-Length: 5\r\n\r\nhello"}});
  spec.endpoint = fmt::format("http://127.0.0.1:{}/base", server.port());
  auto real = real_net();
  store = s3_store(spec, *real, clock);
  auto got = get("k");
  ASSERT_TRUE(got && *got) << got.error().text();
  EXPECT_EQ((*got)->bytes, "hello");
  EXPECT_EQ((*got)->age, 30s);
  EXPECT_THAT(server.seen, HasSubstr("GET /base/mesh-bucket/some/prefix/k HTTP/1.1\r\n"));
  EXPECT_THAT(server.seen, HasSubstr(fmt::format("Host: 127.0.0.1:{}\r\n", server.port())));
  EXPECT_THAT(server.seen, HasSubstr("Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
  EXPECT_THAT(server.seen, HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
}

TEST(S3Answer, ReadsTheOneFormOfDates) {
  EXPECT_EQ(s3::parse_http_date("Mon, 30 Nov 2026 05:37:50 GMT"), parse_iso8601("2026-11-30T05:37:50Z"));
  for (auto text :
       {"", "Mon, 30 Nov 2026 05:37:50 UTC", "Monday, 30-Nov-26 05:37:50 GMT",
        "Mon, 31 Nov 2026 05:37:50 GMT", "Mon, 30 Nix 2026 05:37:50 GMT", "Mon, 30 Nov 2026 25:37:50 GMT"})
    EXPECT_FALSE(s3::parse_http_date(text)) << text;
}

TEST(S3Answer, RefusalIsReadAsFarAsItGoes) {
  auto said = s3::parse_refusal("<Error><Code>A\nB</Code><Message>" + std::string(1000, 'm') + "</Message>");
  EXPECT_EQ(said.code, "A\\x0aB");
  EXPECT_LE(said.message.size(), 200U);
  EXPECT_EQ(s3::parse_refusal("<html><Code>NoSuchKey</Code></html>").code, "");
  EXPECT_EQ(s3::parse_refusal("<Error><Code>NoSuchKey").code, "");
}

}  // namespace
}  // namespace meshops::store
