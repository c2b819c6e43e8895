// Who asks, against answers that a test makes: each counts once, for the peer it is of, and only in time.
#include "mesh/pulse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <map>
#include <optional>
#include <set>

#include "fakes/fake_clock.h"

namespace meshops::heartbeat {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::udp;
using mesh::Gateways;
using mesh::Word;
using testing::ElementsAre;
using testing::IsEmpty;

Keys keys_from(std::initializer_list<const char*> serf_keys) {
  serf::Keyring ring;
  for (const auto* key : serf_keys) ring.keys.emplace_back(key);
  return derive(ring);
}
const Keys kKeys = keys_from({"cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc="});
const Keys kOthers = keys_from({"7qFjlUF80VPRF9sa6yCnHDz86kEvTEfMBym5P+umJlI="});

/// Peers on loopback, 127.0.0.1 and on, all with one port; this test reads what they are asked.
class Asking : public testing::Test {
 protected:
  Asking() {
    plan.name = "home";
    plan.node = "alpha";
    for (const char* name : {"beta", "gamma"}) {
      auto address = fmt::format("127.0.0.{}", sockets.size() + 1);
      auto& socket = sockets.emplace(name, io).first->second;
      socket.open(udp::v4());
      socket.bind(udp::endpoint(asio::ip::make_address(address), plan.heartbeat_port));
      socket.non_blocking(true);
      plan.heartbeat_port = socket.local_endpoint().port();
      plan.nodes.push_back({.name = name, .address = address});
    }
  }
  Pulse& pulse() {
    if (!made) {
      made.emplace(io.get_executor(), plan, clock, [this](std::string_view peer, Instant asked, const Word&) {
        heard.emplace_back(peer);
        asked_at.push_back(asked);
      });
      made->use_keys(kKeys);
    }
    return *made;
  }
  /// The next datagram that a peer got, waited for; "" if there is none.
  std::string got(const std::string& name, bool wait = true) {
    auto& socket = sockets.at(name);
    std::string buffer(2048, '\0');
    for (auto end = std::chrono::steady_clock::now() + (wait ? 10s : 0s);;) {
      boost::system::error_code ec;
      auto size = socket.receive_from(asio::buffer(buffer), asker, 0, ec);
      if (!ec) return buffer.substr(0, size);
      if (std::chrono::steady_clock::now() >= end) return "";
      io.restart();
      io.run_one_for(5ms);
    }
  }
  Question question_to(const std::string& name) {
    auto asked = read_question(got(name), "home", name, kKeys);
    EXPECT_TRUE(asked) << name;
    return asked ? asked->question : Question{};
  }
  std::string answer_of(const std::string& from, const Nonce& nonce, const Keys& keys = kKeys) {
    return write(Answer{.nonce = nonce, .from = from, .word = {.gateways = Gateways::well}}, "home",
                 keys.keys[0]);
  }
  /// To who asked last; and then as long as it takes until that has been read.
  void say(const std::string& name, const std::string& bytes) {
    sockets.at(name).send_to(asio::buffer(bytes), asker);
    io.restart();
    // Loopback delivers at once: one turn after the datagram is there takes it.
    for (int i = 0; i < 3; ++i) io.run_one_for(20ms);
  }

  FakeClock clock;
  asio::io_context io{1};
  Mesh plan = [] {
    Mesh mesh;
    mesh.heartbeat_port = 0;
    return mesh;
  }();
  std::map<std::string, udp::socket> sockets;
  udp::endpoint asker;
  std::vector<std::string> heard;
  std::vector<Instant> asked_at;
  std::optional<Pulse> made;
};

TEST_F(Asking, EachPeerIsAskedOnceByNameWithANonceOfItsOwn) {
  pulse().beat({"beta", "gamma"});
  auto beta = question_to("beta"), gamma = question_to("gamma");
  EXPECT_EQ(beta.sender, "alpha");
  EXPECT_EQ(beta.patient, "beta");
  EXPECT_EQ(gamma.patient, "gamma");
  pulse().beat({"beta"});
  std::set<Nonce> nonces = {beta.nonce, gamma.nonce, question_to("beta").nonce};
  EXPECT_EQ(nonces.size(), 3U);
  EXPECT_EQ(got("gamma", false), "");
}

TEST_F(Asking, AnAnswerIsAsOldAsItsQuestion) {
  pulse().beat({"beta"});
  auto asked = clock.now();
  auto nonce = question_to("beta").nonce;
  clock.advance(2s);
  say("beta", answer_of("beta", nonce));
  EXPECT_THAT(heard, ElementsAre("beta"));
  EXPECT_THAT(asked_at, ElementsAre(asked));
}

TEST_F(Asking, TheSameAnswerTwiceCountsOnce) {
  pulse().beat({"beta"});
  auto answer = answer_of("beta", question_to("beta").nonce);
  say("beta", answer);
  say("beta", answer);
  EXPECT_THAT(heard, ElementsAre("beta"));
}

TEST_F(Asking, AnAnswerToAnOldQuestionOrToNoneDoesNotCount) {
  pulse().beat({"beta"});
  auto nonce = question_to("beta").nonce;
  say("beta", answer_of("beta", Nonce{}));
  EXPECT_THAT(heard, IsEmpty());
  clock.advance(kForgetAfter + 1ns);
  say("beta", answer_of("beta", nonce));
  EXPECT_THAT(heard, IsEmpty());
}

TEST_F(Asking, OnePeerCannotAnswerForAnother) {
  pulse().beat({"beta", "gamma"});
  auto beta = question_to("beta").nonce;
  (void)question_to("gamma");
  say("gamma", answer_of("gamma", beta));
  EXPECT_THAT(heard, IsEmpty());
  say("beta", answer_of("beta", beta));
  EXPECT_THAT(heard, ElementsAre("beta")) << "the wrong one has not used the question up";
}

TEST_F(Asking, AnAnswerThatIsNotSignedOrCutLeavesTheQuestionOpen) {
  pulse().beat({"beta"});
  auto nonce = question_to("beta").nonce;
  auto right = answer_of("beta", nonce);
  say("beta", answer_of("beta", nonce, kOthers));
  say("beta", right.substr(0, 100));
  say("beta", right + "x");
  say("beta", "");
  EXPECT_THAT(heard, IsEmpty());
  say("beta", right);
  EXPECT_THAT(heard, ElementsAre("beta"));
}

TEST_F(Asking, AfterAChangeOfTheKeyBothAreAskedWithForAWhile) {
  pulse().beat({"beta"});
  say("beta", answer_of("beta", question_to("beta").nonce));
  pulse().use_keys(kOthers);
  pulse().beat({"beta"});
  auto with_new = read_question(got("beta"), "home", "beta", kOthers);
  ASSERT_TRUE(with_new);
  auto with_former = question_to("beta");  // reads with kKeys
  say("beta", answer_of("beta", with_former.nonce, kKeys));
  say("beta", answer_of("beta", with_new->question.nonce, kOthers));
  EXPECT_THAT(heard, ElementsAre("beta", "beta", "beta"));
  clock.advance(kBothKeysFor + 1ns);
  pulse().use_keys(kOthers);  // as the agent does each second
  pulse().beat({"beta"});
  EXPECT_TRUE(read_question(got("beta"), "home", "beta", kOthers));
  EXPECT_EQ(got("beta", false), "");
}

TEST_F(Asking, WithoutKeysAndWithoutAnAddressNobodyIsAsked) {
  plan.nodes.push_back({.name = "nowhere", .address = ""});
  pulse().use_keys({});
  pulse().beat({"beta"});
  pulse().use_keys(kKeys);
  pulse().beat({});
  pulse().beat({"delta", "gamma"});
  (void)question_to("gamma");
  EXPECT_EQ(got("beta", false), "");
}

TEST_F(Asking, AMissingRouteKeepsNobodyFromBeingAsked) {
  plan.nodes.push_back({.name = "far", .address = "255.255.255.255"});  // needs a permission that we lack
  plan.nodes.push_back({.name = "six", .address = "fd00:dead::1"});
  for (int i = 0; i < 3; ++i) {
    pulse().beat({"far", "six", "beta"});
    say("beta", answer_of("beta", question_to("beta").nonce));
  }
  EXPECT_THAT(heard, ElementsAre("beta", "beta", "beta"));
}

TEST_F(Asking, ANameIsLookedUpAndAskedAsSoonAsItIsKnown) {
  plan.nodes[0].address = "localhost";  // is 127.0.0.1, where beta is
  for (auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
    pulse().beat({"beta"});
    if (!got("beta", false).empty()) return;
    io.restart();
    io.run_one_for(20ms);
  }
  ADD_FAILURE() << "nobody was asked";
}

}  // namespace
}  // namespace meshops::heartbeat
