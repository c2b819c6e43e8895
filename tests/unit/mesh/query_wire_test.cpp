#include "mesh/query_wire.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;

Testimony a_testimony() {
  return {.witness = "gamma",
          .patient = "beta",
          .round = 1'000'000'007,
          .sees = Sees::trouble,
          .can_heal = true,
          .patient_paused = false,
          .remembers = true,
          .claims = {{"beta", "alpha", 1500ms}},
          .treatments = {{"beta", "alpha", 1ULL << 63, 12min, true}, {"delta", "alpha", 3, 2s, false}},
          .in_trouble = {"beta", "delta"},
          .told = true,
          .storm_told = false};
}

TEST(QueryWire, AQuestionComesBackAsItWas) {
  Question question{.asker = "alpha", .patient = "beta", .round = 7, .claim = true, .able = false};
  EXPECT_EQ(parse_question(to_bytes(question)).value(), question);
  question.remembers = false;
  question.treated = {
      .patient = "beta", .healer = "alpha", .number = 9, .age = 90s, .over = true, .helped = true};
  question.began = 1'790'000'000'000;
  EXPECT_EQ(parse_question(to_bytes(question)).value(), question);
}

TEST(QueryWire, ATestimonyComesBackAsItWas) {
  EXPECT_EQ(parse_testimony(to_bytes(a_testimony())).value(), a_testimony());
}

TEST(QueryWire, AnythingCutOrLongerIsRefused) {
  auto question = to_bytes(Question{.asker = "alpha", .patient = "beta", .round = 7});
  auto testimony = to_bytes(a_testimony());
  for (std::size_t n = 0; n < question.size(); ++n) EXPECT_FALSE(parse_question(question.substr(0, n)));
  for (std::size_t n = 0; n < testimony.size(); ++n) EXPECT_FALSE(parse_testimony(testimony.substr(0, n)));
  EXPECT_FALSE(parse_question(question + '\0'));
  EXPECT_FALSE(parse_testimony(testimony + '\0'));
  EXPECT_FALSE(parse_question(testimony));
  EXPECT_FALSE(parse_testimony(question));
}

TEST(QueryWire, ValuesThatCannotBeAreRefused) {
  auto with = [](std::size_t field, nlohmann::json value) {
    auto json = nlohmann::json::from_msgpack(to_bytes(a_testimony()));
    json[field] = std::move(value);
    std::string out;
    nlohmann::json::to_msgpack(json, out);
    return parse_testimony(out);
  };
  EXPECT_TRUE(with(4, 3));
  EXPECT_FALSE(with(4, 4)) << "there is no such sight";
  EXPECT_FALSE(with(0, 1)) << "of the version that was not signed";
  EXPECT_FALSE(with(0, 3));
  EXPECT_FALSE(with(1, "")) << "nobody";
  EXPECT_FALSE(with(1, "a b")) << "no name";
  EXPECT_FALSE(with(1, std::string(65, 'a')));
  EXPECT_FALSE(with(8, nlohmann::json::array({{"beta", "alpha", -1}})));
  EXPECT_FALSE(with(8, nlohmann::json::array({{"beta", "alpha", 90'000'000}}))) << "older than a day";
  EXPECT_FALSE(with(10, nlohmann::json::array({"beta", 1})));
}

TEST(QueryWire, NobodyCountsTwiceByNamingANodeTwice) {
  auto twice = a_testimony();
  twice.in_trouble = {"beta", "delta", "beta", "delta", "delta"};
  EXPECT_EQ(parse_testimony(to_bytes(twice)).value().in_trouble, (std::vector<std::string>{"beta", "delta"}));
}

TEST(QueryWire, WhatMattersLeastIsLeftOut) {
  auto much = a_testimony();
  for (int i = 0; i < 40; ++i) {
    much.treatments.push_back({"other-patient-" + std::to_string(i), "healer", 1, i * 1min, true});
    much.in_trouble.push_back("node-in-trouble-" + std::to_string(i));
    much.claims.push_back({"node-in-trouble-" + std::to_string(i), "healer", 1s});
  }
  auto bytes = to_bytes(much);
  EXPECT_LE(bytes.size() + kSignature, kMostTestimony);
  auto said = parse_testimony(bytes).value();
  EXPECT_EQ(said.claims.front(), much.claims.front());
  EXPECT_EQ(said.treatments.front(), much.treatments.front());
  EXPECT_EQ(said.treatments.size(), 1U) << "of other patients none is left before claims go";
  EXPECT_GT(said.claims.size(), 5U);
}

TEST(QueryWire, ATextAndItsSignatureAreToldApart) {
  std::string signature(kSignature, 's');
  auto bytes = "text" + signature;
  auto message = parse_message(bytes).value();
  EXPECT_EQ(message.text, "text");
  EXPECT_EQ(message.signature, signature);
  EXPECT_FALSE(parse_message(signature)) << "nothing is said";
  EXPECT_FALSE(parse_message(""));
  EXPECT_FALSE(parse_message(std::string(kMostSerf + 1, 'x')));
  // What an older version says is refused, and nothing of it is believed.
  auto unsigned_one = to_bytes(a_testimony());
  EXPECT_FALSE(parse_testimony(parse_message(unsigned_one).value().text));
}

TEST(QueryWire, ASignatureIsForOneQuestionOfOneMesh) {
  const Question question{.asker = "alpha", .patient = "beta", .round = 7, .began = 9};
  const auto base = signed_bytes("m", question, "text");
  auto with = [&](auto change) {
    auto other = question;
    change(other);
    return signed_bytes("m", other, "text");
  };
  EXPECT_EQ(base, with([](Question&) {}));
  EXPECT_NE(base, with([](Question& q) { q.asker = "gamma"; }));
  EXPECT_NE(base, with([](Question& q) { q.patient = "gamma"; }));
  EXPECT_NE(base, with([](Question& q) { q.round = 8; }));
  EXPECT_NE(base, with([](Question& q) { q.began = 8; }));
  EXPECT_NE(base, signed_bytes("n", question, "text"));
  EXPECT_NE(base, signed_bytes("m", question, "texT"));
  EXPECT_NE(base, with([](Question& q) { q.asker = "alph", q.patient = "abeta"; }))
      << "the fields have borders";
  const auto answer = signed_bytes("m", question, "gamma", "text");
  EXPECT_NE(answer, base);
  EXPECT_NE(answer, signed_bytes("m", question, "delta", "text"));
  for (auto change : {+[](Question& q) { q.asker = "delta"; }, +[](Question& q) { q.patient = "delta"; },
                      +[](Question& q) { q.round = 8; }, +[](Question& q) { q.began = 8; }}) {
    auto other = question;
    change(other);
    EXPECT_NE(answer, signed_bytes("m", other, "gamma", "text"));
  }
  EXPECT_NE(answer, signed_bytes("m", question, "gamm", "atext"));
}

/// Serf 0.8: a query travels as a map of eleven fields, an answer as one of five. kSerfsPart holds what they
/// take at most beside names and payload.
TEST(QueryWire, WhatIsSignedStillFitsIntoSerf) {
  const std::string longest(64, 'n');
  const auto most = ~std::uint64_t{0};
  Question question{.asker = longest, .patient = longest, .round = most, .claim = true, .able = true};
  question.treated = {
      .patient = longest, .healer = longest, .number = most, .age = 23h, .over = true, .helped = true};
  question.began = most;
  auto message = to_bytes(question).size() + kSignature;
  EXPECT_TRUE(fits_query(message, longest, {longest, longest, longest}));
  EXPECT_LE(message + longest.size() + kSerfsPart, kMostSerf);
  EXPECT_FALSE(fits_query(message, longest, std::vector<std::string>(12, longest)))
      << "then everybody is asked";
  Question usual{
      .asker = "node-01", .patient = "node-02", .round = 1'000'000'000, .began = 1'790'000'000'000};
  EXPECT_TRUE(
      fits_query(to_bytes(usual).size() + kSignature, "node-01", std::vector<std::string>(60, "node-03")));

  // All that may be said of a patient itself, with names of a usual length.
  const std::string name(24, 'n');
  Testimony said{.witness = name, .patient = name, .round = most, .sees = Sees::nobody};
  for (int i = 0; i < 3; ++i) said.claims.push_back({name, name, 10min});
  for (int i = 0; i < 6; ++i) said.treatments.push_back({name, name, most, 1h, true, true});
  EXPECT_LE(to_bytes(said, 1U << 20).size() + kSignature, kMostTestimony);
  EXPECT_LE(kMostTestimony + kSerfsPart + 64, kMostSerf);
}

}  // namespace
}  // namespace meshops::mesh
