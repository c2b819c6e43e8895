#include "diagnose/veil.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace meshops::diagnose {
namespace {

TEST(Veil, HidesAKnownSecretWhereverItStands) {
  Veil veil;
  veil.hide("correct horse");
  veil.hide("correct horse battery");
  EXPECT_EQ(veil.over("auth with correct horse battery, then correct horse."),
            "auth with (hidden), then (hidden).");
}

TEST(Veil, HidesWhatIsNamedASecret) {
  Veil veil;
  for (auto line : {"token=hunter", R"({"apiKey": "hunter"})", "Authorization: Bearer hunter",
                    "password: hunter2", "OPENCLAW_GATEWAY_TOKEN=hunter", "https://h/?api_key=hunter&x=1",
                    "botToken='hunter'", "cookie: sid=hunter1"})
    EXPECT_EQ(veil.over(line).find("hunter"), std::string::npos) << veil.over(line);
}

TEST(Veil, LeavesTheSentencesThatADiagnosisNeeds) {
  Veil veil;
  for (auto line :
       {"unauthorized: gateway token mismatch", "invalid token: expired", "No API key found for provider x",
        "secret reference was not found.", "gateway.auth.token: Invalid input: expected string",
        "2026-11-24T05:40:00.123Z [gateway] ready", "listen EADDRINUSE: address already in use :::18789",
        "token: ${OPENCLAW_TOKEN}"})
    EXPECT_EQ(veil.over(line), line);
}

TEST(Veil, LearnsFromAConfigurationAlsoABrokenOne) {
  Veil veil;
  veil.hide_named_in(
      "{gateway: {mode: 'local', auth: {mode: 'token', token: 'alpha'}}, x: {apiKey: \"bravo-one\", }, oops");
  EXPECT_EQ(veil.over("alpha bravo-one local token"), "(hidden) (hidden) local token");
}

TEST(Veil, DoesNotTakeWordsThatStandEverywhere) {
  Veil veil;
  veil.hide("t");
  veil.hide("   ");
  EXPECT_EQ(veil.over("nothing to hide"), "nothing to hide");
}

TEST(Veil, KeepsEveryLineAndNoSecret) {
  rc::check([](const std::string& before, const std::string& after) {
    Veil veil;
    veil.hide("qwert-zuiop");
    auto out = veil.over(before + "\nqwert-zuiop\n" + after);
    RC_ASSERT(out.find("qwert-zuiop") == std::string::npos);
    RC_ASSERT(std::ranges::count(out, '\n') == std::ranges::count(before + after, '\n') + 2);
  });
}

}  // namespace
}  // namespace meshops::diagnose
