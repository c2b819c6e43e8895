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
          .storm_told = true};
}

TEST(QueryWire, AQuestionComesBackAsItWas) {
  Question question{.asker = "alpha", .patient = "beta", .round = 7, .claim = true, .able = false};
  EXPECT_EQ(parse_question(to_bytes(question)).value(), question);
  question.remembers = false;
  question.treated = {
      .patient = "beta", .healer = "alpha", .number = 9, .age = 90s, .over = true, .helped = true};
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
  EXPECT_FALSE(with(0, 2)) << "of another version";
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
  EXPECT_LE(bytes.size(), kMostTestimony);
  auto said = parse_testimony(bytes).value();
  EXPECT_EQ(said.claims.front(), much.claims.front());
  EXPECT_EQ(said.treatments.front(), much.treatments.front());
  EXPECT_EQ(said.treatments.size(), 1U) << "of other patients none is left before claims go";
  EXPECT_GT(said.claims.size(), 5U);
}

}  // namespace
}  // namespace meshops::mesh
