// The heartbeat's datagrams: what is read, and what is met with silence.
#include "mesh/heartbeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/word_file.h"

namespace meshops::heartbeat {
namespace {

using namespace std::chrono_literals;
using mesh::Gateways;
using mesh::Word;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSerfKey = "cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=";
constexpr const char* kOtherKey = "7qFjlUF80VPRF9sa6yCnHDz86kEvTEfMBym5P+umJlI=";

Keys keys_from(std::initializer_list<const char*> serf_keys) {
  serf::Keyring ring;
  for (const auto* key : serf_keys) ring.keys.emplace_back(key);
  return derive(ring);
}
std::string hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

Nonce counting() {
  Nonce out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<unsigned char>(i);
  return out;
}

const Keys kKeys = keys_from({kSerfKey});
const Question kQuestion{.nonce = counting(), .sender = "alpha", .patient = "beta"};
const Answer kAnswer{
    .nonce = counting(),
    .from = "beta",
    .word = {.agent_age = 1500ms, .gateways = Gateways::ill, .heals_itself = true, .paused = true}};

std::string asked() { return write(kQuestion, "home", kKeys.keys[0]); }
std::string answered() { return write(kAnswer, "home", kKeys.keys[0]); }

TEST(Heartbeat, AQuestionArrivesAsItWasAsked) {
  auto got = read_question(asked(), "home", "beta", kKeys);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->question, kQuestion);
  EXPECT_EQ(got->key, 0U);
}

TEST(Heartbeat, AnAnswerCarriesTheWholeWord) {
  auto got = read_answer(answered(), "home", kKeys);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, kAnswer);
  EXPECT_EQ(claimed_nonce(answered()), kAnswer.nonce);
  for (auto gateways : {Gateways::unknown, Gateways::well, Gateways::ill, Gateways::given_up})
    for (bool heals : {false, true})
      for (bool paused : {false, true})
        for (bool gone : {false, true}) {
          Answer one = kAnswer;
          one.word = {.agent_age = 0s,
                      .agent_gone = gone,
                      .gateways = gateways,
                      .heals_itself = heals,
                      .paused = paused};
          EXPECT_EQ(read_answer(write(one, "home", kKeys.keys[0]), "home", kKeys), one);
        }
}

// Made by tests/lab/beat.py, which knows the format from its description only: a node of another version
// reads the same.
TEST(Heartbeat, TheBytesAreThoseOfTheDescription) {
  EXPECT_EQ(hex(kKeys.keys[0].reveal()), "035fc5e9eed9da479a553cdb43be7afa7ab6617adc85ca9a7fb9af92fd8de3a6");
  EXPECT_EQ(hex(asked().substr(160)), "8959fc017e83ed76284252d9883f3b1af27c94fc06152b98ee955f0efe5628eb");
  EXPECT_EQ(hex(answered().substr(160)), "6c2f386ea1433dd3b3ece0d946552272df2da99f7fe1e3137e9ffcc6a9545bce");
  EXPECT_EQ(hex(asked().substr(0, 38)),
            "4d48423151000102030405060708090a0b0c0d0e0f05616c7068610462657461000000000000");
}

TEST(Heartbeat, AnAnswerIsNeverLongerThanItsQuestion) {
  Answer longest = kAnswer;
  longest.from.assign(kLongestName, 'b');
  longest.word.agent_age = 24h * 400;
  Question shortest{.nonce = {}, .sender = "a", .patient = "b"};
  EXPECT_EQ(write(longest, "home", kKeys.keys[0]).size(), kDatagramBytes);
  EXPECT_EQ(write(shortest, "m", kKeys.keys[0]).size(), kDatagramBytes);
}

TEST(Heartbeat, WhoHasAnotherKeyGetsNoAnswerAndIsBelievedNone) {
  auto others = keys_from({kOtherKey});
  EXPECT_FALSE(read_question(asked(), "home", "beta", others));
  EXPECT_FALSE(read_answer(answered(), "home", others));
  EXPECT_FALSE(read_question(asked(), "home", "beta", {}));
  EXPECT_FALSE(read_answer(answered(), "home", {}));
}

TEST(Heartbeat, WhileTheKeyChangesBothAreBelievedAndTheAnswerUsesTheAskersOne) {
  auto both = keys_from({kOtherKey, kSerfKey});
  auto got = read_question(asked(), "home", "beta", both);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->key, 1U);
  EXPECT_TRUE(read_answer(write(kAnswer, "home", both.keys[got->key]), "home", kKeys));
  EXPECT_TRUE(read_answer(answered(), "home", both));
}

TEST(Heartbeat, AnotherMeshAndAnotherPatientAreNotAnswered) {
  EXPECT_FALSE(read_question(asked(), "hope", "beta", kKeys));
  EXPECT_FALSE(read_question(asked(), "home", "alpha", kKeys));
  EXPECT_FALSE(read_question(asked(), "home", "", kKeys));
  EXPECT_FALSE(read_answer(answered(), "hope", kKeys));
  // The mesh's name and the body are not one text that could be parted elsewhere.
  EXPECT_FALSE(read_question(asked(), "homeM", "beta", kKeys));
}

TEST(Heartbeat, AQuestionSentBackIsNoAnswer) {
  EXPECT_FALSE(read_answer(asked(), "home", kKeys));
  EXPECT_FALSE(claimed_nonce(asked()));
  EXPECT_FALSE(read_question(answered(), "home", "beta", kKeys));
  auto turned = asked();
  turned[4] = 'A';
  EXPECT_FALSE(read_answer(turned, "home", kKeys));
}

TEST(Heartbeat, NoByteCanBeChangedAndNoneCutOrAdded) {
  for (std::size_t i = 0; i < kDatagramBytes; ++i) {
    auto question = asked(), answer = answered();
    question[i] = static_cast<char>(question[i] ^ 1);
    answer[i] = static_cast<char>(answer[i] ^ 1);
    EXPECT_FALSE(read_question(question, "home", "beta", kKeys)) << i;
    EXPECT_FALSE(read_answer(answer, "home", kKeys)) << i;
    EXPECT_FALSE(read_question(asked().substr(0, i), "home", "beta", kKeys)) << i;
    EXPECT_FALSE(read_answer(answered().substr(0, i), "home", kKeys)) << i;
    EXPECT_FALSE(claimed_nonce(answered().substr(0, i))) << i;
  }
  EXPECT_FALSE(read_question(asked() + '\0', "home", "beta", kKeys));
  EXPECT_FALSE(read_answer(answered() + '\0', "home", kKeys));
}

TEST(Heartbeat, NamesThatDoNotFitGiveNoDatagram) {
  const std::string longest(kLongestName, 'a'), longer(kLongestName + 1, 'a');
  Question question{.nonce = {}, .sender = longest, .patient = longest};
  auto fits = write(question, longest, kKeys.keys[0]);
  EXPECT_TRUE(read_question(fits, longest, longest, kKeys));
  for (auto* name : {&question.sender, &question.patient})
    for (const auto& bad : {std::string(), longer}) {
      auto kept = std::exchange(*name, bad);
      EXPECT_EQ(write(question, "home", kKeys.keys[0]), "");
      *name = kept;
    }
  EXPECT_EQ(write(question, longer, kKeys.keys[0]), "");
  EXPECT_EQ(write(question, "", kKeys.keys[0]), "");
  Answer answer = kAnswer;
  answer.from = longer;
  EXPECT_EQ(write(answer, "home", kKeys.keys[0]), "");
}

TEST(Heartbeat, AnAgeIsRoundedUpAndHasAnEnd) {
  auto age_of = [](Duration age) {
    Answer answer = kAnswer;
    answer.word.agent_age = age;
    return read_answer(write(answer, "home", kKeys.keys[0]), "home", kKeys)->word.agent_age;
  };
  EXPECT_EQ(age_of(1ns), 1ms);
  EXPECT_EQ(age_of(-5s), 0s);
  EXPECT_EQ(age_of(mesh::kNeverSpoke), mesh::kNeverSpoke);
  EXPECT_EQ(age_of(Duration::max()), mesh::kNeverSpoke);
}

TEST(HeartbeatKeys, EachFollowsFromItsSerfKeyInTurn) {
  auto both = keys_from({kSerfKey, kOtherKey});
  ASSERT_EQ(both.keys.size(), 2U);
  EXPECT_EQ(both.keys[0].reveal(), kKeys.keys[0].reveal());
  EXPECT_EQ(both.keys[1].reveal().size(), 32U);
  EXPECT_NE(both.keys[0].reveal(), both.keys[1].reveal());
  EXPECT_NE(both, keys_from({kOtherKey, kSerfKey})) << "which one is the first matters";
}

TEST(HeartbeatKeys, TheirTextIsReadBackAndNeverHoldsTheMeshKey) {
  auto both = keys_from({kSerfKey, kOtherKey});
  auto text = keys_text(both);
  auto again = parse_keys(text.reveal());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, both);
  EXPECT_THAT(text.reveal(), Not(HasSubstr(kSerfKey)));
}

TEST(HeartbeatKeys, AnythingElseIsRefusedWithTheRemedy) {
  const std::string key = R"("A1/F6e7Z2keaVTzbQ756+nq2YXrchcqaf7mvkv2N46Y=")";
  auto with = [](const std::string& keys) {
    return R"({"schema":"meshops.heartbeat-keys/1","keys":[)" + keys + "]}";
  };
  ASSERT_TRUE(parse_keys(with(key)));
  std::string many = key;
  for (int i = 0; i < 16; ++i) many += "," + key;
  for (const auto& bad : {std::string(), std::string("[]"), with(""), with("1"), with(R"("short")"),
                          with(many), R"({"schema":"meshops.heartbeat-keys/2","keys":[)" + key + "]}",
                          R"([")" + std::string(kSerfKey) + R"("])",
                          with(R"("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!=")")}) {
    auto parsed = parse_keys(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_THAT(parsed.error().hint_text(), HasSubstr("meshops mesh join"));
    EXPECT_THAT(parsed.error().text(), Not(HasSubstr("A1/F6"))) << "no key in an error";
  }
}

}  // namespace
}  // namespace meshops::heartbeat
