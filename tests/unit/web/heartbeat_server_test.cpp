// Who asks and who answers, on loopback: what is answered, how old it is, and what is met with silence.
#include "web/heartbeat_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "fakes/fake_clock.h"
#include "mesh/pulse.h"
#include "mesh/word_file.h"
#include "unit/base/temp_dir.h"

namespace meshops::web {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::udp;
using heartbeat::Keys;
using heartbeat::Pulse;
using mesh::Gateways;
using mesh::Word;
using testing::HasSubstr;

Keys keys_from(std::initializer_list<const char*> serf_keys) {
  serf::Keyring ring;
  for (const auto* key : serf_keys) ring.keys.emplace_back(key);
  return heartbeat::derive(ring);
}
const Keys kKeys = keys_from({"cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc="});
const Keys kOthers = keys_from({"7qFjlUF80VPRF9sa6yCnHDz86kEvTEfMBym5P+umJlI="});

struct Heard {
  std::string peer;
  Instant asked;
  Word word;
  bool operator==(const Heard&) const = default;
};

class AskedAndAnswered : public testing::Test {
 protected:
  HeartbeatServer::Options options(std::string address = "127.0.0.2") {
    return {.listen = {.address = std::move(address), .port = 0},
            .mesh = "home",
            .node = "beta",
            .word = directory.path / "word",
            .keys = kKeys};
  }
  void serve(HeartbeatServer::Options with) {
    auto started = HeartbeatServer::start(io.get_executor(), std::move(with), clock);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    plan.heartbeat_port = server->port();
    plan.node = "alpha";
  }
  Pulse& pulse() {
    if (!asks) {
      asks.emplace(io.get_executor(), plan, clock,
                   [this](std::string_view peer, Instant at, const Word& word) {
                     heard.push_back({std::string(peer), at, word});
                   });
      asks->use_keys(kKeys);
    }
    return *asks;
  }
  /// Until so many answers are there, for as long as a busy machine may need.
  void until_heard(std::size_t answers) {
    io.restart();
    for (auto end = std::chrono::steady_clock::now() + 10s;
         heard.size() < answers && std::chrono::steady_clock::now() < end;)
      io.run_one_for(100ms);
  }
  /// A datagram from elsewhere, and what comes back; "" if that is nothing. A right question is sent after it
  /// on the same way: once that is answered, the first one never will be.
  std::string send(const std::string& bytes) {
    udp::socket socket(io, udp::endpoint(udp::v4(), 0));
    udp::endpoint to(asio::ip::make_address("127.0.0.2"), server->port()), from;
    socket.send_to(asio::buffer(bytes), to);
    auto good =
        write(heartbeat::Question{.nonce = {}, .sender = "gamma", .patient = "beta"}, "home", kKeys.keys[0]);
    socket.send_to(asio::buffer(good), to);
    std::vector<std::string> got;
    socket.non_blocking(true);
    io.restart();
    for (auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
      io.run_one_for(20ms);
      std::string buffer(2048, '\0');
      boost::system::error_code ec;
      auto size = socket.receive_from(asio::buffer(buffer), from, 0, ec);
      if (ec) continue;
      buffer.resize(size);
      auto nonce = heartbeat::claimed_nonce(buffer);
      if (nonce == heartbeat::Nonce{}) return got.empty() ? "" : got.front();
      got.push_back(buffer);
    }
    ADD_FAILURE() << "the right question was not answered";
    return "";
  }

  TempDir directory;
  FakeClock clock;
  asio::io_context io{1};
  Mesh plan = [] {
    Mesh mesh;
    mesh.nodes = {{.name = "alpha", .address = "127.0.0.1"}, {.name = "beta", .address = "127.0.0.2"}};
    return mesh;
  }();
  std::unique_ptr<HeartbeatServer> server;
  std::vector<Heard> heard;
  std::optional<Pulse> asks;
};

TEST_F(AskedAndAnswered, TheWordComesBackWithItsAgeAndTheTimeOfTheQuestion) {
  serve(options());
  Fd held;
  ASSERT_TRUE(mesh::hold_word(directory.path / "word", held));
  Word said{.agent_age = 0s, .gateways = Gateways::ill, .heals_itself = true, .paused = true};
  ASSERT_TRUE(mesh::write_word(directory.path / "word", said, clock));
  clock.advance(1s);
  pulse().beat({"beta"});
  until_heard(1);
  said.agent_age = 1s;
  EXPECT_EQ(heard, std::vector<Heard>({{"beta", clock.now(), said}}));
  held.close();
  clock.advance(1s);
  pulse().beat({"beta"});
  until_heard(2);
  said.agent_age = 2s;
  said.agent_gone = true;
  EXPECT_EQ(heard.back().word, said) << "its agent has ended, and the answer says so before it is stale";
}

TEST_F(AskedAndAnswered, AWordThatIsNotRenewedGrowsOlderWithEachAnswer) {
  serve(options());
  ASSERT_TRUE(mesh::write_word(directory.path / "word", {}, clock));
  for (auto step : {0ms, 150ms, 150ms, 5000ms}) {
    clock.advance(step);
    heard.clear();
    pulse().beat({"beta"});
    until_heard(1);
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].word.agent_age, clock.now() - Instant{1h});
  }
}

TEST_F(AskedAndAnswered, ANewWordIsHeardSoon) {
  serve(options());
  ASSERT_TRUE(mesh::write_word(directory.path / "word", {}, clock));
  pulse().beat({"beta"});
  until_heard(1);
  clock.advance(1s);
  ASSERT_TRUE(
      mesh::write_word(directory.path / "word", {.agent_age = 0s, .gateways = Gateways::well}, clock));
  pulse().beat({"beta"});
  until_heard(2);
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[1].word, (Word{.agent_age = 0s, .agent_gone = true, .gateways = Gateways::well}));
}

TEST_F(AskedAndAnswered, WithoutAnAgentTheAnswerSaysSo) {
  serve(options());
  pulse().beat({"beta"});
  until_heard(1);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].word, (Word{.agent_age = mesh::kNeverSpoke, .agent_gone = true}));
}

TEST_F(AskedAndAnswered, OnlyARightQuestionIsAnswered) {
  serve(options());
  heartbeat::Nonce nonce{};
  nonce[0] = 1;
  auto question = [&](const char* patient, const char* of_mesh, const Keys& keys) {
    return write(heartbeat::Question{.nonce = nonce, .sender = "alpha", .patient = patient}, of_mesh,
                 keys.keys[0]);
  };
  auto right = question("beta", "home", kKeys);
  EXPECT_EQ(send(right).size(), heartbeat::kDatagramBytes);
  EXPECT_EQ(send(question("beta", "home", kOthers)), "");
  EXPECT_EQ(send(question("alpha", "home", kKeys)), "");
  EXPECT_EQ(send(question("beta", "hope", kKeys)), "");
  EXPECT_EQ(send(right.substr(0, 191)), "");
  EXPECT_EQ(send(right + std::string(1, '\0')), "");
  EXPECT_EQ(send(right + std::string(1200, 'x')), "");
  EXPECT_EQ(send(""), "");
  right[100] = 'x';
  EXPECT_EQ(send(right), "");
}

TEST_F(AskedAndAnswered, TheAnswerLeavesFromTheAddressThatWasAsked) {
  serve(options(""));
  for (const char* address : {"127.0.0.7", "127.0.0.2"}) {
    udp::socket socket(io, udp::endpoint(udp::v4(), 0));
    socket.connect(udp::endpoint(asio::ip::make_address(address), server->port()));  // hears only that one
    socket.send(asio::buffer(write(heartbeat::Question{.nonce = {}, .sender = "alpha", .patient = "beta"},
                                   "home", kKeys.keys[0])));
    std::string buffer(2048, '\0');
    std::size_t got = 0;
    socket.async_receive(asio::buffer(buffer),
                         [&](const boost::system::error_code&, std::size_t size) { got = size; });
    io.restart();
    for (auto end = std::chrono::steady_clock::now() + 10s;
         got == 0 && std::chrono::steady_clock::now() < end;)
      io.run_one_for(100ms);
    EXPECT_EQ(got, heartbeat::kDatagramBytes) << address;
  }
}

TEST_F(AskedAndAnswered, BothFamiliesAreAnsweredOnAllAddresses) {
  asio::io_context other;
  boost::system::error_code none;
  udp::socket probe(other);
  probe.open(udp::v6(), none);
  if (!none) probe.bind(udp::endpoint(asio::ip::address_v6::loopback(), 0), none);
  if (none) GTEST_SKIP() << "this machine has no IPv6";
  serve(options(""));
  plan.nodes[1].address = "::1";
  pulse().beat({"beta"});
  until_heard(1);
  EXPECT_EQ(heard.size(), 1U);
}

TEST_F(AskedAndAnswered, AnAddressThatIsTakenIsNamed) {
  serve(options());
  auto second = options();
  second.listen.port = server->port();
  auto started = HeartbeatServer::start(io.get_executor(), second, clock);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), HasSubstr(fmt::format("127.0.0.2:{}/udp", server->port())));
  EXPECT_THAT(started.error().hint_text(), HasSubstr("heartbeat_port"));
}

TEST_F(AskedAndAnswered, ARotationNeedsNoMomentAtWhichAllChange) {
  auto both = options();
  both.keys.keys = {kOthers.keys[0], kKeys.keys[0]};
  serve(both);
  pulse().beat({"beta"});
  until_heard(1);
  asks->use_keys(kOthers);
  asks->beat({"beta"});
  until_heard(2);
  EXPECT_EQ(heard.size(), 2U);
}

TEST_F(AskedAndAnswered, AnAskerThatGoesHearsNothingMore) {
  serve(options());
  pulse().beat({"beta"});
  asks.reset();
  EXPECT_EQ(send("").size(), 0U);  // whatever was on its way has come
  EXPECT_TRUE(heard.empty());
}

TEST(WhereToListen, IsAPortOrAnAddressAndAPort) {
  EXPECT_EQ(*parse_listen("7947"), (Listen{"", 7947}));
  EXPECT_EQ(*parse_listen("10.0.0.2:7947"), (Listen{"10.0.0.2", 7947}));
  EXPECT_EQ(*parse_listen("[fd00::2]:7947"), (Listen{"fd00::2", 7947}));
  for (const char* bad : {"", ":", ":7947", "x", "70000", "-1", "10.0.0.2", "10.0.0.2:", "fd00::2:7947",
                          "[10.0.0.2]:7947", "beta:7947", "[]:7947", "[:7947"}) {
    auto parsed = parse_listen(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_THAT(parsed.error().hint_text(), HasSubstr("[fd00::2]:7947"));
  }
}

}  // namespace
}  // namespace meshops::web
