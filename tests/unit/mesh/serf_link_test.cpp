#include "mesh/serf_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "fakes/fake_serf.h"
#include "mesh/query_wire.h"
#include "mesh/remote_session.h"
#include "unit/mesh/healing_pair.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using serf::header;
using serf::pack;

/// One agent's link to a Serf that the test plays.
struct Link : testing::Test {
  boost::asio::io_context io{1};
  serf::FakeSerf serf{io};
  Mesh mesh;
  std::vector<serf::Member> members;
  std::vector<Question> asked;
  std::vector<Testimony> testified;
  std::map<std::string, HealingPair> keys;  // node → its healing key
  std::unique_ptr<SerfLink> link;

  void SetUp() override {
    mesh.name = "m";
    mesh.node = "alpha";
    for (const char* name : {"alpha", "beta", "gamma", "delta", "zeta", "eta"})
      mesh.nodes.push_back({.name = name, .healing_key = keys[name].line()});
    mesh.nodes.push_back({.name = "mute"});
    mesh.state_dir = std::filesystem::temp_directory_path() / ("meshops-link-" + std::to_string(::getpid()));
    std::filesystem::create_directories(mesh.state_dir);
    ASSERT_TRUE(write_file_atomic(
        mesh.state_dir / "serf.json",
        nlohmann::json{{"rpc_addr", "127.0.0.1:" + std::to_string(serf.port())}, {"rpc_auth", "right"}}
            .dump()));
    serf.says["members"] = [](std::uint64_t seq, const nlohmann::json&) {
      return header(seq) +
             pack({{"Members",
                    {{{"Name", "beta"}, {"Addr", "10.0.0.2"}, {"Port", 7946}, {"Status", "alive"}}}}});
    };
    serf.says["stream"] = [](std::uint64_t seq, const nlohmann::json&) { return header(seq); };
    put_key();
    begin();
  }
  void put_key() {
    ASSERT_TRUE(write_file_atomic(healing_key_file(mesh.state_dir), keys["alpha"].file(), {.mode = 0600}));
  }
  void begin() {
    link = std::make_unique<SerfLink>(
        io.get_executor(), mesh,
        SerfLink::Ears{.members = [this](const std::vector<serf::Member>& said) { members = said; },
                       .asked =
                           [this](const Question& question) {
                             asked.push_back(question);
                             return Testimony{.witness = "alpha",
                                              .patient = question.patient,
                                              .round = question.round,
                                              .sees = Sees::well};
                           },
                       .testified = [this](const Testimony& said) { testified.push_back(said); }});
  }
  void TearDown() override {
    link.reset();
    std::filesystem::remove_all(mesh.state_dir);
  }
  /// Until it is so; generously bounded.
  template <class F>
  bool until(F so) {
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!so() && std::chrono::steady_clock::now() < end) io.run_one_for(50ms);
    return so();
  }
  std::string say(const Question& question, const std::string& signer) {
    auto text = to_bytes(question);
    return text + keys[signer].sign(signed_bytes("m", question, text));
  }
  std::string say(const Question& question) { return say(question, question.asker); }
  std::string answer(const Question& to, const Testimony& said, const std::string& signer) {
    auto text = to_bytes(said);
    return text + keys[signer].sign(signed_bytes("m", to, said.witness, text));
  }
  /// As it stands in a query that the link has put.
  static Question read(const nlohmann::json& query) {
    const auto& bytes = query["Payload"].get_binary();
    return parse_question(parse_message({reinterpret_cast<const char*>(bytes.data()), bytes.size()})->text)
        .value();
  }
  /// What one query after the other says to a link, and how many of them it answers.
  std::size_t answered(const std::vector<std::string>& payloads) {
    serf.says["stream"] = [&, payloads](std::uint64_t seq, const nlohmann::json&) {
      std::string out = header(seq);
      std::uint64_t id = 0;
      for (const auto& payload : payloads)
        out += header(seq) + pack({{"Event", "query"},
                                   {"ID", ++id},
                                   {"Name", "meshops-ask"},
                                   {"Payload", payload},
                                   {"LTime", 1}});
      // The last one, after which nothing is to come any more.
      Question last{.asker = "eta", .patient = "zeta", .round = 1};
      return out + header(seq) +
             pack({{"Event", "query"},
                   {"ID", 1000},
                   {"Name", "meshops-ask"},
                   {"Payload", say(last)},
                   {"LTime", 1}});
    };
    std::size_t given = 0;
    bool over = false;
    serf.says["respond"] = [&](std::uint64_t seq, const nlohmann::json& body) {
      if (body["ID"] == 1000)
        over = true;
      else
        ++given;
      return header(seq);
    };
    start();
    EXPECT_TRUE(until([&] { return over; }));
    return given;
  }
  void start() { boost::asio::co_spawn(io, link->run(), boost::asio::detached); }
};

TEST_F(Link, TellsWhoIsThere) {
  start();
  ASSERT_TRUE(until([&] { return !members.empty(); }));
  EXPECT_EQ(members[0].name, "beta");
  EXPECT_TRUE(link->trouble().sentence().empty());
}

TEST_F(Link, AnswersWhatAPeerAsks) {
  Question question{.asker = "beta", .patient = "gamma", .round = 5, .claim = true, .able = true};
  serf.says["stream"] = [&](std::uint64_t seq, const nlohmann::json&) {
    auto ask = [&](const Question& q, std::uint64_t id, const char* name) {
      return header(seq) +
             pack({{"Event", "query"}, {"ID", id}, {"Name", name}, {"Payload", say(q)}, {"LTime", 1}});
    };
    auto own = question;
    own.asker = "alpha";
    return header(seq) + ask(own, 1, "meshops-ask") + ask(question, 2, "another-query") +
           ask(question, 3, "meshops-ask");
  };
  nlohmann::json answer;
  serf.says["respond"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    answer = body;
    return header(seq);
  };
  start();
  ASSERT_TRUE(until([&] { return !answer.is_null(); }));
  EXPECT_EQ(asked, std::vector<Question>{question}) << "not its own, and no other query";
  EXPECT_EQ(answer["ID"], 3);
  const auto& bytes = answer["Payload"].get_binary();
  std::string payload(bytes.begin(), bytes.end());
  auto message = parse_message(payload).value();
  EXPECT_TRUE(ed25519::verify(keys["alpha"].raw, message.signature,
                              signed_bytes("m", question, "alpha", message.text)));
  auto said = parse_testimony(message.text);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->sees, Sees::well);
  EXPECT_EQ(said->round, 5U);
}

TEST_F(Link, BringsTestimoniesOfWhoeverGaveThem) {
  nlohmann::json query;
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    query = body;
    auto asked_for = read(body);
    auto give = [&](const char* from, const Testimony& said) {
      return header(seq) +
             pack({{"Type", "response"}, {"From", from}, {"Payload", answer(asked_for, said, said.witness)}});
    };
    Testimony honest{.witness = "gamma", .patient = "beta", .round = 7, .sees = Sees::nobody};
    Testimony about_another{.witness = "gamma", .patient = "delta", .round = 7};
    Testimony of_another_round{.witness = "gamma", .patient = "beta", .round = 6};
    return header(seq) + give("gamma", about_another) + give("gamma", of_another_round) +
           give("gamma", honest);
  };
  link->ask({.asker = "alpha", .patient = "beta", .round = 7}, {"gamma", "delta", "beta"});
  ASSERT_TRUE(until([&] { return !testified.empty(); }));
  ASSERT_EQ(testified.size(), 1U) << "not of another patient, nor of an earlier question";
  EXPECT_EQ(testified[0].sees, Sees::nobody);
  EXPECT_EQ(query["Name"], "meshops-ask");
  EXPECT_EQ(query["FilterNodes"], (nlohmann::json{"gamma", "delta", "beta"}));
  EXPECT_NE(read(query).began, 0U);
  const auto& bytes = query["Payload"].get_binary();
  std::string payload(bytes.begin(), bytes.end());
  auto message = parse_message(payload).value();
  EXPECT_TRUE(
      ed25519::verify(keys["alpha"].raw, message.signature, signed_bytes("m", read(query), message.text)));
}

TEST_F(Link, WaitsForItsWitnessesWhoeverElseAnswers) {
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    auto give = [&](const char* from) {
      Testimony said{.witness = from, .patient = "beta", .round = 7, .sees = Sees::nobody};
      return header(seq) +
             pack({{"Type", "response"}, {"From", from}, {"Payload", answer(read(body), said, from)}});
    };
    return header(seq) + give("zeta") + give("eta") + give("gamma") + give("delta");
  };
  link->ask({.asker = "alpha", .patient = "beta", .round = 7}, {"gamma", "delta"});
  EXPECT_TRUE(until([&] { return testified.size() == 4; })) << testified.size();
}

/// beta has the mesh key, and lies in everybody's name, first.
TEST_F(Link, NobodySpeaksForAnother) {
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    auto asked_for = read(body);
    auto give = [&](const std::string& from, const std::string& payload) {
      return header(seq) + pack({{"Type", "response"}, {"From", from}, {"Payload", payload}});
    };
    Testimony lie{.witness = "gamma", .patient = "delta", .round = 7, .sees = Sees::nobody};
    Testimony truth = lie;
    truth.sees = Sees::well;
    Testimony mute = lie;
    mute.witness = "mute";
    // What gamma has said to the agent that ran here before.
    auto of_another_question = asked_for;
    of_another_question.began -= 1;
    auto changed = answer(asked_for, truth, "gamma");
    changed[changed.size() - kSignature - 1] ^= 1;
    return header(seq) + give("gamma", answer(asked_for, lie, "beta")) + give("gamma", to_bytes(lie)) +
           give("gamma", to_bytes(lie) + std::string(kSignature, '\0')) +
           give("mute", answer(asked_for, mute, "beta")) + give("gamma", changed) +
           give("gamma", answer(of_another_question, lie, "gamma")) +
           give("beta", answer(asked_for, truth, "gamma"));
  };
  link->ask({.asker = "alpha", .patient = "delta", .round = 7}, {"gamma"});
  ASSERT_TRUE(until([&] { return !testified.empty(); }));
  ASSERT_EQ(testified.size(), 1U);
  EXPECT_EQ(testified[0].sees, Sees::well) << "the true one is taken, whoever Serf says has given it";
}

TEST_F(Link, AQuestionThatItsAskerHasNotSignedIsNoQuestion) {
  Question claim{.asker = "beta", .patient = "gamma", .round = 5, .claim = true};
  auto mute = claim;
  mute.asker = "mute";
  auto stranger = claim;
  stranger.asker = "stranger";
  auto changed = say(claim);
  changed[1] ^= 1;
  EXPECT_EQ(answered({say(claim, "gamma"), to_bytes(claim), say(mute, "beta"), say(stranger, "beta"), changed,
                      to_bytes(claim) + std::string(kSignature, '\0'), std::string(), std::string(64, 'x')}),
            0U);
  EXPECT_EQ(asked.size(), 1U) << "nothing of them is noted; the one is the last one of this test";
}

TEST_F(Link, AQuestionThatIsPlayedBackIsNotHeard) {
  Question claims{.asker = "beta", .patient = "gamma", .round = 5, .claim = true, .began = 3};
  auto withdraws = claims;
  withdraws.round = 6, withdraws.claim = false;
  auto claims_again = claims;
  claims_again.round = 7;
  EXPECT_EQ(answered({say(claims), say(withdraws), say(claims_again), say(withdraws), say(claims),
                      say(claims_again)}),
            3U);
  EXPECT_EQ(asked.size(), 4U);
}

TEST_F(Link, WhatIsSaidOfBotsGoesOutSignedAndIsHeardOnlySigned) {
  nlohmann::json out;
  serf.says["tags"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    out = body["Tags"];
    return header(seq);
  };
  // Delta plays what alpha has signed as its own.
  serf.says["members"] = [&](std::uint64_t seq, const nlohmann::json&) {
    auto member = [&](const char* name, const nlohmann::json& tags) {
      return nlohmann::json{
          {"Name", name}, {"Addr", "10.0.0.2"}, {"Port", 7946}, {"Status", "alive"}, {"Tags", tags}};
    };
    return header(seq) + pack({{"Members", {member("alpha", out), member("delta", out)}}});
  };
  link->say({{"bots", "0123456789ab"}, {"lease", "0123456789ab=r90"}});
  start();
  ASSERT_TRUE(until([&] { return members.size() == 2 && !out.is_null(); }));
  EXPECT_EQ(members[0].tags["lease"], "0123456789ab=r90");
  EXPECT_FALSE(members[0].tags["signed"].empty());
  EXPECT_FALSE(members[1].tags.contains("lease"));
  EXPECT_FALSE(members[1].tags.contains("bots"));
}

TEST_F(Link, WithoutAVoiceItAsksNobodyAndSaysWhy) {
  std::filesystem::remove(healing_key_file(mesh.state_dir));
  begin();
  unsigned queries = 0;
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json&) {
    ++queries;
    return header(seq);
  };
  EXPECT_NE(link->trouble().text().find("meshops mesh keys"), std::string::npos) << link->trouble().text();
  const Question question{.asker = "alpha", .patient = "beta", .round = 7};
  link->ask(question, {"gamma"});
  start();
  ASSERT_TRUE(until([&] { return !members.empty(); })) << "it hears who is there all the same";
  EXPECT_FALSE(link->trouble().sentence().empty());
  EXPECT_EQ(queries, 0U);
  put_key();
  ASSERT_TRUE(until([&] { return link->trouble().sentence().empty(); })) << "the key was made later";
  link->ask(question, {"gamma"});
  EXPECT_TRUE(until([&] { return queries == 1; }));
}

TEST_F(Link, SaysWhySerfCannotBeUsedAndGoesOn) {
  std::filesystem::remove(mesh.state_dir / "serf.json");
  start();
  ASSERT_TRUE(until([&] { return !link->trouble().sentence().empty(); }));
  link->ask({.asker = "alpha", .patient = "beta", .round = 1}, {"gamma"});
  EXPECT_TRUE(testified.empty());
  ASSERT_TRUE(write_file_atomic(
      mesh.state_dir / "serf.json",
      nlohmann::json{{"rpc_addr", "127.0.0.1:" + std::to_string(serf.port())}, {"rpc_auth", "right"}}
          .dump()));
  EXPECT_TRUE(until([&] { return !members.empty() && link->trouble().sentence().empty(); }));
}

}  // namespace
}  // namespace meshops::mesh
