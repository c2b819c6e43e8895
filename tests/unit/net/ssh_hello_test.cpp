// The first words of SSH, against a server's as RFC 4253 has them.
#include "net/ssh_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::ssh {
namespace {

using testing::HasSubstr;

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}
std::string field(const std::string& text) { return number(text.size()) + text; }
std::string packet(const std::string& payload) {
  std::string padding(4, '\0');
  return number(payload.size() + 1 + padding.size()) + '\x04' + payload + padding;
}
const std::string kKey = field("ssh-ed25519") + field(std::string(32, 'k'));
const std::string kInit = packet("\x14" + std::string(80, 'x'));
const std::string kReply = packet("\x1f" + field(kKey) + field("share") + field("signature"));

TEST(ServerHello, GivesVersionAndHostKey) {
  ServerHello hello;
  auto first = hello.feed("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n" + kInit);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_FALSE(*first);
  EXPECT_EQ(hello.version(), "SSH-2.0-OpenSSH_9.2p1 Debian-2");
  EXPECT_TRUE(hello.wants_share());
  auto done = hello.feed(kReply);
  ASSERT_TRUE(done && *done);
  EXPECT_EQ(hello.host_key(), kKey);
  EXPECT_EQ(key_type(hello.host_key()), "ssh-ed25519");
}

TEST(ServerHello, ComesInPiecesOfAnySize) {
  ServerHello hello;
  const auto whole = "be warned\r\nSSH-2.0-x\n" + kInit + kReply;
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
    auto got = hello.feed(whole.substr(i, 1));
    ASSERT_TRUE(got && !*got) << i;
  }
  auto last = hello.feed(whole.substr(whole.size() - 1));
  ASSERT_TRUE(last && *last);
  EXPECT_EQ(hello.version(), "SSH-2.0-x");
}

TEST(ServerHello, OfAnotherLanguageIsNone) {
  EXPECT_FALSE(ServerHello().feed("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_FALSE(ServerHello().feed(std::string(9000, 'x')));
  ServerHello hello;
  EXPECT_FALSE(hello.feed("SSH-2.0-x\r\n" + number(100'000'000)));
}

TEST(ServerHello, SaysWhyTheServerDoesNotGoOn) {
  ServerHello hello;
  auto got =
      hello.feed("SSH-2.0-x\r\n" + packet("\x01" + number(3) + field("no matching cipher") + field("")));
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().sentence(), HasSubstr("no matching cipher"));
}

TEST(ClientHello, IsAsLargeAsAskedAndPrefersTheKeysThatAreKnown) {
  auto small = client_hello({}, 0), large = client_hello({"rsa-sha2-512"}, 9000);
  EXPECT_LT(small.size(), 1200U);
  EXPECT_GE(large.size(), 9000U);
  EXPECT_LT(large.size(), 9100U);
  EXPECT_THAT(large, HasSubstr("rsa-sha2-512,ssh-ed25519"));
  EXPECT_TRUE(small.starts_with("SSH-2.0-meshops_"));
  auto body = small.substr(small.find('\n') + 1);
  EXPECT_EQ(body.size() % 8, 0U);
  EXPECT_EQ(client_share(std::string(32, 'r')).size() % 8, 0U);
}

}  // namespace
}  // namespace meshops::ssh
