// What is signed, against the examples that AWS publishes ("Signature Calculations for the Authorization
// Header", and its test suite for Signature Version 4).
#include "store/s3_signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::store::s3 {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr auto kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

WallTime at(std::string_view text) { return parse_iso8601(text).value(); }
Keys example() { return {"AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}}; }
const Scope kScope{.region = "us-east-1", .now = at("2013-05-24T00:00:00Z")};

Request example_request() {
  return {.method = "GET",
          .path = "/",
          .query = {},
          .headers = {{"host", "examplebucket.s3.amazonaws.com"},
                      {"x-amz-content-sha256", kEmpty},
                      {"x-amz-date", "20130524T000000Z"}},
          .payload_sha256 = kEmpty};
}

TEST(S3Signature, OfAGetIsThatOfAwsExample) {
  auto request = example_request();
  request.path = "/test.txt";
  request.headers["range"] = "bytes=0-9";
  EXPECT_EQ(canonical_request(request),
            "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
            "x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
            "x-amz-date:20130524T000000Z\n\nhost;range;x-amz-content-sha256;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(string_to_sign(request, kScope),
            "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
            "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
  EXPECT_EQ(authorization(request, kScope, example()),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(S3Signature, OfAPutIsThatOfAwsExample) {
  auto request = example_request();
  request.method = "PUT";
  request.path = "/test%24file.text";
  request.payload_sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  request.headers["x-amz-content-sha256"] = request.payload_sha256;
  request.headers["date"] = "Fri, 24 May 2013 00:00:00 GMT";
  request.headers["x-amz-storage-class"] = "REDUCED_REDUNDANCY";
  EXPECT_THAT(authorization(request, kScope, example()),
              EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(S3Signature, OfAQueryIsThatOfAwsExamples) {
  auto request = example_request();
  request.query = "lifecycle=";
  EXPECT_THAT(authorization(request, kScope, example()),
              EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  request.query = "max-keys=2&prefix=J";
  EXPECT_THAT(authorization(request, kScope, example()),
              EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3Signature, IsThatOfTheTestSuite) {
  // get-vanilla and get-header-value-trim.
  const Keys keys{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {}};
  const Scope scope{.region = "us-east-1", .service = "service", .now = at("2015-08-30T12:36:00Z")};
  Request request{.method = "GET",
                  .path = "/",
                  .query = {},
                  .headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}},
                  .payload_sha256 = kEmpty};
  EXPECT_THAT(authorization(request, scope, keys),
              EndsWith("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

TEST(S3Keys, AreThoseOfTheDefaultProfile) {
  auto keys = parse_keys(
      "# a comment\n[other]\naws_access_key_id = X\n\n[default]\r\naws_access_key_id=AKID\n"
      "  aws_secret_access_key =  sec/ret==\nregion = eu\n[later]\naws_access_key_id = Y\n");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->id, "AKID");
  EXPECT_EQ(keys->secret.reveal(), "sec/ret==");
  EXPECT_TRUE(keys->session_token.empty());
  keys = parse_keys("[default]\naws_access_key_id=A\naws_secret_access_key=B\naws_session_token=C\n");
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->session_token.reveal(), "C");
}

TEST(S3Keys, ThatCannotBeUsedAreNotRepeated) {
  for (auto text : {"", "aws_access_key_id=TOPSECRET\naws_secret_access_key=TOPSECRET\n",
                    "[default]\naws_access_key_id=TOPSECRET\n",
                    "[default]\naws_access_key_id=A\naws_secret_access_key=TOP SECRET\n",
                    "[default]\naws_access_key_id=TOPSECRET/x\naws_secret_access_key=TOPSECRET\n",
                    "[default]\naws_access_key_id=A\naws_secret_access_key=TOP\x01SECRET\n"}) {
    auto keys = parse_keys(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_THAT(keys.error().for_people(), Not(HasSubstr("SECRET")));
    EXPECT_THAT(keys.error().for_people(), HasSubstr("aws_secret_access_key = "));
  }
}

}  // namespace
}  // namespace meshops::store::s3
