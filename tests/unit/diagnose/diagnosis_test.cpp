#include "diagnose/diagnosis.h"

#include <algorithm>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace meshops::diagnose {

namespace {
Facts facts(std::string_view json) {
  auto parsed = parse_facts(json);
  EXPECT_TRUE(parsed) << json;
  return parsed.value_or(Facts{});
}
Cause first(std::string_view log, std::string_view json = "{}") {
  auto d = diagnose({log, facts(json)});
  EXPECT_FALSE(d.hypotheses.empty()) << log;
  return d.hypotheses.empty() ? Cause{} : d.hypotheses[0].cause;
}
}  // namespace

TEST(Facts, UnknownKeysAreKeptAsWords) {
  auto f = facts(
      R"({"exit_code": "-9", "weather": {"sky": "grey"}, "disk": "97% before", "memory_peak": "5.5G"})");
  EXPECT_EQ(f.exit_code, -9);
  EXPECT_EQ(f.disk_used_percent, 97);
  EXPECT_EQ(f.memory_peak, 5905580032U);
  EXPECT_NE(f.words.find("fact weather.sky: grey\n"), std::string::npos);
}

TEST(Facts, OfAnyTypeAreTakenOrLeft) {
  for (auto json : {R"({"exit_code": null})", R"({"exit_code": [1]})", R"({"versions": "none"})",
                    R"({"cpus": 1e308})", R"({"disk": "full"})", R"({"n_restarts": -1.5e300})"})
    EXPECT_TRUE(parse_facts(json)) << json;
}

TEST(Facts, AreAnObject) {
  EXPECT_FALSE(parse_facts("[]"));
  EXPECT_FALSE(parse_facts("{"));
  EXPECT_FALSE(parse_facts(""));
}

TEST(Diagnosis, OfNothingIsInconclusive) {
  auto d = diagnose({"", {}});
  EXPECT_EQ(d.confidence, Confidence::inconclusive);
  EXPECT_TRUE(d.hypotheses.empty());
}

TEST(Diagnosis, OfAHealthyLogIsInconclusive) {
  auto d = diagnose({R"(Jun 27 10:00:00 node-1 systemd[1]: Started OpenClaw Gateway.
2026-06-27T10:00:01.000Z [gateway] loading configuration…
2026-06-27T10:00:09.000Z [gateway] http server listening (14 plugins; 8.1s)
2026-06-27T10:00:11.000Z [gateway] ready
2026-06-27T10:00:12.000Z [telegram] [default] starting provider (@my_bot)
2026-06-27T10:03:12.000Z [ws] ⇄ res ✓ health 12ms
)",
                     {}});
  EXPECT_EQ(d.confidence, Confidence::inconclusive) << for_people(d);
}

TEST(Diagnosis, SymptomsAloneAreNoCause) {
  auto d = diagnose(
      {"app.service: Start request repeated too quickly.\napp.service: Failed with result 'exit-code'.\n"
       "app.service: Scheduled restart job, restart counter is at 6000.\n",
       facts(R"({"exit_code": 1, "unit_result": "start-limit-hit", "n_restarts": 6000})")});
  EXPECT_EQ(d.confidence, Confidence::inconclusive);
  EXPECT_GE(d.symptoms.size(), 3U);
}

TEST(Diagnosis, ASecondSupervisorExplainsTheTakenPort) {
  auto d = diagnose(
      {"Error: listen EADDRINUSE: address already in use 127.0.0.1:18789\n"
       "Gateway failed to start: gateway already running under systemd; existing gateway is healthy\n",
       {}});
  ASSERT_FALSE(d.hypotheses.empty());
  EXPECT_EQ(d.hypotheses[0].cause, Cause::duplicate_supervisor);
  EXPECT_NE(std::ranges::find(d.hypotheses[0].explains, Cause::port_conflict),
            d.hypotheses[0].explains.end());
}

TEST(Diagnosis, AStrangerOnThePortIsNoSecondSupervisor) {
  EXPECT_EQ(first("EADDRINUSE: address already in use :::18789", R"({"port_owner": "nginx pid 7"})"),
            Cause::port_conflict);
  EXPECT_EQ(
      first("EADDRINUSE: address already in use :::18789", R"({"port_owner": "openclaw-gateway pid 7"})"),
      Cause::duplicate_supervisor);
}

TEST(Diagnosis, AFullDiskExplainsTheDatabase) {
  EXPECT_EQ(first("SqliteError: database disk image is malformed\nENOSPC: no space left on device, write\n",
                  R"({"disk": "100%"})"),
            Cause::disk_full);
}

TEST(Diagnosis, AWrongClockExplainsTheCertificate) {
  EXPECT_EQ(
      first("x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before "
            "2026-01-02T00:00:00Z"),
      Cause::clock_skew);
}

TEST(Diagnosis, AFreeDiskWithoutSpaceLacksInodes) {
  EXPECT_EQ(first("ENOSPC: no space left on device, open 'a'", R"({"disk": "40%"})"),
            Cause::inode_exhaustion);
}

TEST(Diagnosis, FactsAloneAreEnough) {
  EXPECT_EQ(first("", R"({"unit_result": "oom-kill"})"), Cause::oom_killer);
  EXPECT_EQ(first("", R"({"prompt_est": 9000, "context_max": 8192})"), Cause::context_overflow);
  EXPECT_EQ(first("", R"({"clock_offset_s": -3600})"), Cause::clock_skew);
}

TEST(Diagnosis, EvidenceIsRedactedAndShort) {
  auto d = diagnose(
      {"invalid x-api-key sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123 \x1b[31m" + std::string(2000, 'y'),
       {}});
  ASSERT_FALSE(d.hypotheses.empty());
  const auto& text = d.hypotheses[0].evidence[0].text;
  EXPECT_EQ(text.find("abcdefghij"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LE(text.size(), kEvidenceShown);
}

TEST(Diagnosis, AConfigurationThatIsGoneIsNotABrokenOne) {
  EXPECT_EQ(first("[reload] config reload skipped (invalid config): ENOENT: no such file\n"
                  "Missing config. Run `openclaw setup` or set gateway.mode=local.",
                  R"({"config_missing": "there is no /home/ada/.openclaw/openclaw.json"})"),
            Cause::config_startup_guard);
}

TEST(Diagnosis, IsGivenAsJson) {
  auto json = nlohmann::json::parse(to_json(diagnose({"Refusing to bind gateway to lan without auth.", {}})));
  EXPECT_EQ(json["schema"], "meshops.diagnosis/1");
  EXPECT_EQ(json["confidence"], "high");
  const auto& best = json["hypotheses"][0];
  EXPECT_EQ(best["cause"], "config_startup_guard");
  EXPECT_EQ(best["evidence"][0]["line"], 1);
  for (auto key : {"score", "evidence", "against", "explains", "remedies"})
    EXPECT_TRUE(best.contains(key)) << key;
}

TEST(Diagnosis, SpeaksToPeople) {
  auto text = for_people(diagnose({"nf_conntrack: table full, dropping packet", {}}));
  EXPECT_NE(text.find("conntrack_full"), std::string::npos);
  EXPECT_NE(text.find("because line 1: nf_conntrack"), std::string::npos);
  EXPECT_NE(text.find("do: "), std::string::npos);
}

}  // namespace meshops::diagnose
