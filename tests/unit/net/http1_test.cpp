#include "net/http1.h"

#include <gtest/gtest.h>

namespace meshops::http1 {
namespace {

constexpr std::string_view kReady =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"
    "{\"ready\":true}";

TEST(AnswerReader, UnderstandsAnAnswerHoweverItIsCut) {
  for (std::size_t cut = 1; cut <= kReady.size(); ++cut) {
    AnswerReader reader(1000);
    Result<bool> whole = false;
    for (std::size_t at = 0; at < kReady.size(); at += cut) {
      whole = reader.feed(kReady.substr(at, cut));
      ASSERT_TRUE(whole.has_value()) << whole.error().text();
    }
    EXPECT_TRUE(*whole) << "in pieces of " << cut;
    EXPECT_EQ(reader.status(), 200);
    EXPECT_EQ(reader.headers().at("content-type"), "application/json");
    EXPECT_EQ(reader.take_body(), "{\"ready\":true}");
  }
}

TEST(AnswerReader, PutsChunksTogetherAndIgnoresTrailers) {
  AnswerReader reader(1000);
  auto whole = reader.feed(
      "HTTP/1.1 503 no\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n"
      "0\r\nX-A: 2\r\n\r\n");
  ASSERT_TRUE(whole.has_value()) << whole.error().text();
  EXPECT_TRUE(*whole);
  EXPECT_EQ(reader.take_body(), "abcdefg");
  EXPECT_EQ(reader.headers().at("x-a"), "1");
}

TEST(AnswerReader, AnEmptyChunkedBodyMayComeByteByByte) {
  AnswerReader reader(1000);
  const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  Result<bool> whole = false;
  for (char c : bytes) {
    ASSERT_TRUE(whole.has_value() && !*whole);
    whole = reader.feed(std::string_view(&c, 1));
  }
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(*whole);
}

TEST(AnswerReader, PassesOverInformationalAnswers) {
  AnswerReader reader(1000);
  auto whole = reader.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(*whole);
  EXPECT_EQ(reader.status(), 204);
}

TEST(AnswerReader, AnAnswerWithoutLengthEndsWithTheConnection) {
  AnswerReader reader(1000);
  auto whole = reader.feed("HTTP/1.0 200 OK\r\n\r\nhello");
  ASSERT_TRUE(whole.has_value());
  EXPECT_FALSE(*whole);
  EXPECT_TRUE(reader.end().has_value());
  EXPECT_EQ(reader.take_body(), "hello");
}

TEST(AnswerReader, ACutAnswerIsClosedNotWhole) {
  AnswerReader reader(1000);
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").has_value());
  auto ended = reader.end();
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code(), "net.closed");
}

TEST(AnswerReader, RefusesBodiesAndHeadsOverTheirLimit) {
  AnswerReader announced(10);
  auto a = announced.feed("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
  ASSERT_FALSE(a.has_value());
  EXPECT_EQ(a.error().code(), "net.too_large");

  AnswerReader chunked(10);
  auto b = chunked.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n");
  ASSERT_FALSE(b.has_value());
  EXPECT_EQ(b.error().code(), "net.too_large");

  AnswerReader unframed(10);
  auto c = unframed.feed("HTTP/1.1 200 OK\r\n\r\nhello world and more");
  ASSERT_FALSE(c.has_value());
  EXPECT_EQ(c.error().code(), "net.too_large");

  AnswerReader head(10);
  auto d = head.feed("HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x') + "\r\n\r\n");
  ASSERT_FALSE(d.has_value());
  EXPECT_EQ(d.error().code(), "net.too_large");
}

TEST(AnswerReader, RefusesTwoLengthsThatDisagree) {
  AnswerReader reader(1000);
  EXPECT_FALSE(
      reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").has_value());
}

TEST(AnswerReader, WhatIsNotHttpIsToldAtItsFirstBytesHoweverTheyCome) {
  AnswerReader reader(1000);
  auto got = reader.feed("S");
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.not_http");
  AnswerReader later(1000);
  EXPECT_TRUE(later.feed("HT").has_value());
  EXPECT_FALSE(later.feed("ML").has_value());
}

TEST(RequestReader, ReadsRequestsThatCameTogetherOneByOne) {
  RequestReader reader(1000);
  auto whole = reader.feed(
      "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(whole.has_value());
  ASSERT_TRUE(*whole);
  EXPECT_EQ(reader.method(), "POST");
  EXPECT_EQ(reader.target(), "/a");
  EXPECT_EQ(reader.take_body(), "hi");
  EXPECT_TRUE(reader.keep_alive());
  reader.next();
  whole = reader.feed({});
  ASSERT_TRUE(whole.has_value());
  ASSERT_TRUE(*whole);
  EXPECT_EQ(reader.target(), "/b");
  EXPECT_FALSE(reader.keep_alive());
}

TEST(RequestReader, RefusesARequestThatCouldBeReadInTwoWays) {
  RequestReader reader(1000);
  EXPECT_FALSE(
      reader.feed("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
          .has_value());
}

TEST(RequestText, CannotBeMadeToCarryASecondHeader) {
  HttpRequest request;
  request.to = {"127.0.0.1", 80, ""};
  request.target = "/x\r\nEvil: 1";
  EXPECT_FALSE(request_text(request).has_value());
  request.target = "/x HTTP/1.1";
  EXPECT_FALSE(request_text(request).has_value());
  request.target = "/x";
  request.headers["A"] = "b\r\nEvil: 1";
  EXPECT_FALSE(request_text(request).has_value());
  request.headers.clear();
  request.bearer = Secret("s3cret\nEvil: 1");
  auto text = request_text(request);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().text().find("s3cret"), std::string::npos);
}

TEST(RequestText, SaysWhoIsAskedAndSendsTheToken) {
  HttpRequest request;
  request.to = {"::1", 18789, ""};
  request.target = "/readyz";
  request.bearer = Secret("s3cret");
  auto text = request_text(request);
  ASSERT_TRUE(text.has_value());
  EXPECT_TRUE(text->starts_with("GET /readyz HTTP/1.1\r\n")) << *text;
  EXPECT_NE(text->find("Host: [::1]:18789\r\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("Authorization: Bearer s3cret\r\n"), std::string::npos);
  EXPECT_TRUE(text->ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace meshops::http1
