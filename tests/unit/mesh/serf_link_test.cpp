#include "mesh/serf_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "fakes/fake_serf.h"
#include "mesh/query_wire.h"

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
  std::unique_ptr<SerfLink> link;

  void SetUp() override {
    mesh.node = "alpha";
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
             pack({{"Event", "query"}, {"ID", id}, {"Name", name}, {"Payload", to_bytes(q)}, {"LTime", 1}});
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
  auto said = parse_testimony(std::string(bytes.begin(), bytes.end()));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->sees, Sees::well);
  EXPECT_EQ(said->round, 5U);
}

TEST_F(Link, BringsTestimoniesOfWhoeverGaveThem) {
  nlohmann::json query;
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json& body) {
    query = body;
    auto answer = [&](const char* from, const Testimony& said) {
      return header(seq) + pack({{"Type", "response"}, {"From", from}, {"Payload", to_bytes(said)}});
    };
    Testimony honest{.witness = "gamma", .patient = "beta", .round = 7, .sees = Sees::nobody};
    Testimony about_another{.witness = "gamma", .patient = "delta", .round = 7};
    return header(seq) + answer("delta", honest) + answer("gamma", about_another) + answer("gamma", honest);
  };
  link->ask({.asker = "alpha", .patient = "beta", .round = 7}, {"gamma", "delta", "beta"});
  ASSERT_TRUE(until([&] { return !testified.empty(); }));
  ASSERT_EQ(testified.size(), 1U) << "nobody speaks for another, nor of another patient";
  EXPECT_EQ(testified[0].sees, Sees::nobody);
  EXPECT_EQ(query["Name"], "meshops-ask");
  EXPECT_EQ(query["FilterNodes"], (nlohmann::json{"gamma", "delta", "beta"}));
}

TEST_F(Link, WaitsForItsWitnessesWhoeverElseAnswers) {
  serf.says["query"] = [&](std::uint64_t seq, const nlohmann::json&) {
    auto answer = [&](const char* from) {
      Testimony said{.witness = from, .patient = "beta", .round = 7, .sees = Sees::nobody};
      return header(seq) + pack({{"Type", "response"}, {"From", from}, {"Payload", to_bytes(said)}});
    };
    return header(seq) + answer("zeta") + answer("eta") + answer("gamma") + answer("delta");
  };
  link->ask({.asker = "alpha", .patient = "beta", .round = 7}, {"gamma", "delta"});
  EXPECT_TRUE(until([&] { return testified.size() == 4; })) << testified.size();
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
