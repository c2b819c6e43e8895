#include "mesh/serf_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "fakes/fake_serf.h"
#include "mesh/serf_keys.h"
#include "unit/net/loop.h"

namespace meshops::serf {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct SerfClient : testing::Test {
  asio::io_context io{1};
  FakeSerf serf{io};

  template <class T>
  T run(asio::awaitable<T> work) {
    return test::run(io, std::move(work));
  }
  std::unique_ptr<Client> connected() {
    auto client = run(Client::connect({.port = serf.port(), .key = Secret("right")}, 5s));
    EXPECT_TRUE(client) << client.error().text();
    return client ? std::move(*client) : nullptr;
  }
  FakeSerf::Answer with(Json body) {
    return [body = std::move(body)](std::uint64_t seq, const Json&) { return header(seq) + pack(body); };
  }
};

TEST_F(SerfClient, ShowsItsKeyAndIsToldWhoIsThere) {
  serf.says["members"] = with({{"Members", {{{"Name", "a"}, {"Status", "alive"}}}}});
  auto client = connected();
  auto members = run(client->members());
  ASSERT_TRUE(members) << members.error().text();
  EXPECT_EQ(members->at(0).name, "a");
  EXPECT_THAT(serf.commands, ElementsAre("handshake", "auth", "members"));
}

TEST_F(SerfClient, AWrongKeyIsNamedAndNotShown) {
  auto client = run(Client::connect({.port = serf.port(), .key = Secret("wrong-key")}, 5s));
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), "serf.wrong_key");
  EXPECT_THAT(client.error().for_people(), HasSubstr("another Serf agent may hold the port"));
  EXPECT_THAT(client.error().for_people(), Not(HasSubstr("wrong-key")));
}

TEST_F(SerfClient, NobodyThereIsNotTheSameAsSilence) {
  std::uint16_t nobody = 0;
  {
    asio::ip::tcp::acceptor given_back(io, {asio::ip::address_v4::loopback(), 0});
    nobody = given_back.local_endpoint().port();
  }
  auto refused = run(Client::connect({.port = nobody, .key = Secret("right")}, 5s));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "serf.no_agent");
  EXPECT_THAT(refused.error().for_people(), HasSubstr("systemctl status meshops-serf"));

  serf.says.erase("handshake");
  auto silent = run(Client::connect({.port = serf.port(), .key = Secret("right")}, 50ms));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code(), "serf.timed_out");
}

TEST_F(SerfClient, ARefusalLeavesTheConnectionGoodAlsoWhenABodyFollowsIt) {
  serf.says["join"] = [](std::uint64_t seq, const Json&) {
    return header(seq, "no way to 10.0.0.9") + pack({{"Num", 0}});
  };
  serf.says["members"] = with({{"Members", Json::array()}});
  auto client = connected();
  auto joined = run(client->join({"10.0.0.9:7946"}));
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().text(), "Serf refused: no way to 10.0.0.9");
  auto members = run(client->members());
  ASSERT_TRUE(members) << members.error().text();
  EXPECT_TRUE(members->empty());
}

TEST_F(SerfClient, AnAgentThatDiesInTheMiddleIsSaid) {
  serf.says["members"] = [](std::uint64_t, const Json&) { return "hang up"; };
  auto client = connected();
  auto members = run(client->members());
  ASSERT_FALSE(members);
  EXPECT_EQ(members.error().code(), "serf.io");
}

TEST_F(SerfClient, AQueryCollectsAnswersUntilItIsDone) {
  serf.says["query"] = [](std::uint64_t seq, const Json& body) {
    EXPECT_EQ(body["Name"], "see");
    auto record = [&](const char* type, const char* from, const char* payload) {
      return header(seq) + pack({{"Type", type}, {"From", from}, {"Payload", payload}});
    };
    return header(seq) + record("ack", "a", "") + record("response", "a", "well") +
           record("response", "a", "again") + record("ack", "b", "") + record("done", "", "");
  };
  auto client = connected();
  auto answers = run(client->query({.name = "see", .payload = "beta"}));
  ASSERT_TRUE(answers) << answers.error().text();
  EXPECT_THAT(answers->acknowledged, ElementsAre("a", "b"));
  EXPECT_EQ(answers->answers, (std::map<std::string, std::string>{{"a", "well"}})) << "the first word counts";
}

TEST_F(SerfClient, EventsThatComeWhileSomethingElseIsAskedAreNotLost) {
  std::uint64_t stream = 0;
  auto event = [&](const char* type) {
    return header(stream) + pack({{"Event", type}, {"ID", 7}, {"Name", "see"}});
  };
  serf.says["stream"] = [&](std::uint64_t seq, const Json&) {
    stream = seq;
    return header(seq) + event("member-join");
  };
  serf.says["respond"] = [](std::uint64_t seq, const Json& body) {
    EXPECT_EQ(body["ID"], 7);
    return header(seq);
  };
  auto client = connected();
  ASSERT_TRUE(run(client->listen("*")));
  auto first = run(client->next_event(1s));
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->type, "member-join");
  serf.says["members"] = [&](std::uint64_t seq, const Json&) {
    return event("query") + header(seq) + pack({{"Members", Json::array()}}) + event("member-failed");
  };
  ASSERT_TRUE(run(client->members()));
  auto second = run(client->next_event(1s));
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->kind, Event::Kind::query);
  EXPECT_TRUE(run(client->respond((*second)->id, "well")));
  auto third = run(client->next_event(1s));
  ASSERT_TRUE(third && *third);
  EXPECT_EQ((*third)->type, "member-failed");
}

TEST_F(SerfClient, PatienceWithoutAnEventLeavesTheConnectionGood) {
  serf.says["stream"] = [](std::uint64_t seq, const Json&) { return header(seq); };
  serf.says["members"] = with({{"Members", Json::array()}});
  auto client = connected();
  ASSERT_TRUE(run(client->listen("*")));
  auto nothing = run(client->next_event(20ms));
  ASSERT_TRUE(nothing) << nothing.error().text();
  EXPECT_FALSE(nothing->has_value());
  EXPECT_TRUE(run(client->members()));
}

// --- a new key for the mesh ---

/// Members that do as Serf's do with orders about keys.
TEST_F(SerfClient, AnswersAreToldAsTheyComeAndEnoughEndsIt) {
  serf.says["query"] = [](std::uint64_t seq, const Json&) {
    auto answer = [&](const char* from) {
      return header(seq) + pack({{"Type", "response"}, {"From", from}, {"Payload", "I see it"}});
    };
    return header(seq) + answer("beta") + answer("gamma") + answer("delta");  // and no end
  };
  auto client = connected();
  std::vector<std::string> told;
  auto got = run(client->query({.name = "meshops-ask", .payload = {}, .nodes = {}, .timeout = 1s},
                               [&](const std::string& from, const std::string& payload) {
                                 told.push_back(from + ": " + payload);
                                 return told.size() < 2;
                               }));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_THAT(told, ElementsAre("beta: I see it", "gamma: I see it"));
  EXPECT_EQ(got->answers.size(), 2U);
}

struct KeyMembers : SerfClient {
  std::map<std::string, std::set<std::string>> keys = {{"a", {"old"}}, {"b", {"old"}}, {"c", {"old"}}};
  std::map<std::string, std::string> first = {{"a", "old"}, {"b", "old"}, {"c", "old"}};
  std::set<std::string> deaf;   // members that do not answer
  std::string deaf_from, last;  // `c` is deaf from that command on
  std::vector<std::string> told;

  void SetUp() override {
    for (std::string command : {"install-key", "use-key", "remove-key", "list-keys"})
      serf.says[command] = [this, command](std::uint64_t seq, const Json& body) {
        return obey(command, seq, body);
      };
  }
  std::string obey(const std::string& command, std::uint64_t seq, const Json& body) {
    if (command == deaf_from) deaf.insert("c");
    auto key = body.is_object() ? body.value("Key", "") : "";
    Json held = Json::object(), messages = Json::object();
    unsigned answered = 0, failed = 0;
    for (auto& [name, ring] : keys) {
      if (deaf.contains(name)) continue;
      ++answered;
      if (command == "install-key") ring.insert(key);
      if (command == "use-key") first[name] = key;
      if (command == "remove-key") {
        EXPECT_NE(first[name], key) << "a key is taken away that a member encrypts with";
        if (ring.erase(key) == 0) ++failed, messages[name] = "no such key";
      }
      if (command == "list-keys")
        for (const auto& one : ring) held[one] = held.value(one, 0) + 1;
    }
    std::string error = answered < keys.size() ? "2/3 nodes reported success"
                        : failed > 0           ? "nodes reported failure"
                                               : "";
    return header(seq, error) + pack({{"Keys", held},
                                      {"Messages", messages},
                                      {"NumErr", failed},
                                      {"NumNodes", keys.size()},
                                      {"NumResp", answered}});
  }
  Result<Rotation> rotate() {
    auto client = connected();
    std::function<void(std::string_view)> progress = [this](std::string_view step) {
      told.emplace_back(step);
    };
    return run(rotate_keys(*client, Secret("fresh" + std::to_string(++count_)), 3, progress));
  }
  /// Nobody encrypts with what another cannot read.
  void everybody_reads_everybody() {
    for (const auto& [from, key] : first)
      for (const auto& [to, ring] : keys) EXPECT_TRUE(ring.contains(key)) << from << " to " << to;
  }

 private:
  int count_ = 0;
};

TEST_F(KeyMembers, ARotationEndsWithOneKeyEverywhere) {
  auto done = rotate();
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->removed, 1U);
  for (const auto& [name, ring] : keys) EXPECT_THAT(ring, ElementsAre("fresh1")) << name;
  everybody_reads_everybody();
}

TEST_F(KeyMembers, WhereverItBreaksOffEverybodyReadsEverybodyAndASecondTryEndsIt) {
  for (std::string step : {"install-key", "use-key", "remove-key", "list-keys"}) {
    SCOPED_TRACE(step);
    deaf_from = step;
    auto broken = rotate();
    ASSERT_FALSE(broken);
    EXPECT_THAT(broken.error().text(), Not(HasSubstr("fresh"))) << "a key is never shown";
    everybody_reads_everybody();
    deaf_from.clear();
    deaf.clear();
    auto done = rotate();
    ASSERT_TRUE(done) << done.error().text();
    std::set<std::string> rings;
    for (const auto& [name, ring] : keys) {
      EXPECT_EQ(ring.size(), 1U) << name;
      rings.insert(*ring.begin());
    }
    EXPECT_EQ(rings.size(), 1U);
    everybody_reads_everybody();
  }
}

TEST_F(KeyMembers, AMemberThatDoesNotAnswerStopsItBeforeAnythingIsTakenAway) {
  deaf = {"b"};
  auto done = rotate();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), "serf.incomplete");
  EXPECT_THAT(done.error().text(), HasSubstr("2 of 3 members took the new key"));
  EXPECT_THAT(serf.commands, Not(testing::Contains("remove-key")));
}

}  // namespace
}  // namespace meshops::serf
