#include "net/websocket.h"

#include <gtest/gtest.h>

namespace meshops::websocket {
namespace {

std::string frame(unsigned first, std::string_view payload) {
  std::string out;
  out += static_cast<char>(first);
  if (payload.size() < 126) {
    out += static_cast<char>(payload.size());
  } else {
    out += static_cast<char>(126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xFF);
  }
  return out += payload;
}

TEST(WebSocket, AcceptIsThatOfTheRfc) {
  EXPECT_EQ(accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455, section 1.3
}

TEST(WebSocket, KeysAre16BytesAndDiffer) {
  EXPECT_EQ(new_key().size(), 24U);
  EXPECT_NE(new_key(), new_key());
}

TEST(MessageReader, TakesOneFrame) {
  MessageReader reader;
  auto got = reader.feed(frame(0x81, "{\"type\":\"event\"}"));
  ASSERT_TRUE(got.has_value()) << got.error().text();
  EXPECT_EQ(*got, "{\"type\":\"event\"}");
}

TEST(MessageReader, PutsAFragmentedMessageTogetherByteByByteAcrossAPing) {
  auto bytes = frame(0x01, "{\"type\":") + frame(0x89, "are you there") + frame(0x80, "\"event\"}");
  MessageReader reader;
  std::optional<std::string> message;
  for (char c : bytes) {
    ASSERT_FALSE(message.has_value());
    auto got = reader.feed(std::string_view(&c, 1));
    ASSERT_TRUE(got.has_value()) << got.error().text();
    message = *got;
  }
  EXPECT_EQ(message, "{\"type\":\"event\"}");
}

TEST(MessageReader, TakesALongFrame) {
  MessageReader reader;
  auto got = reader.feed(frame(0x81, std::string(60000, 'x')));
  ASSERT_TRUE(got.has_value());
  ASSERT_TRUE(got->has_value());
  EXPECT_EQ((*got)->size(), 60000U);
}

TEST(MessageReader, RefusesMoreThanItsLimitFromTheLengthAlone) {
  MessageReader reader;
  auto got = reader.feed(std::string("\x81\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.too_large");
}

TEST(MessageReader, RefusesManySmallFramesOverTheLimit) {
  MessageReader reader;
  ASSERT_TRUE(reader.feed(frame(0x01, std::string(60000, 'x'))).has_value());
  auto got = reader.feed(frame(0x00, std::string(6000, 'x')));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.too_large");
}

TEST(MessageReader, RefusesWhatTheProtocolForbids) {
  for (const auto& bytes :
       {std::string("\x81\x85"), frame(0xC1, "x"), frame(0x80, "x"), frame(0x82, "x"), frame(0x09, "x"),
        frame(0x01, "a") + frame(0x01, "b"), frame(0x81, "\xFF\xFE"), frame(0x83, "x")}) {
    MessageReader reader;
    auto got = reader.feed(bytes);
    ASSERT_FALSE(got.has_value()) << bytes;
    EXPECT_EQ(got.error().code(), "net.not_http");
  }
}

TEST(MessageReader, AGoodbyeTellsItsReason) {
  MessageReader reader;
  auto got = reader.feed(frame(0x88,
                               "\x03\xF5"
                               "gateway starting"));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), "net.closed");
  EXPECT_EQ(got.error().sentence(), "WebSocket close 1013: gateway starting");
}

}  // namespace
}  // namespace meshops::websocket
