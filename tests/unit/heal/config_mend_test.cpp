// Corrections of a configuration's text: what has one reading is mended, what has two is left.
#include "heal/config_mend.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace meshops::heal {
namespace {

std::string mended(std::string_view text, std::vector<ConfigIssue> issues) {
  auto out = mend(text, issues);
  return out ? out->text : out.error().text();
}
std::string repaired(std::string_view text) {
  auto out = repair_syntax(text);
  return out ? out->text : "nothing";
}

TEST(Issues, AreReadFromTheWordsOfTheGateway) {
  auto issues = issues_in({
      R"(<root>: Unrecognized key: "bogusKey")",
      R"(openclaw.json:6 — discovery: Unrecognized key: "foo")",
      R"(config reload skipped (invalid config): : Unrecognized keys: "a", "b c")",
      R"(- cron.enabled: Invalid input: expected boolean, received string (allowed: true, false))",
      R"(openclaw.json:12 — models.providers.mine.api: Invalid option: expected one of "ollama"|"google-vertex", got: "x")",
      R"(<root>: Unrecognized key: "bogusKey")",
      R"(somebody wrote: it says Unrecognized key once)",
      R"(Run "openclaw doctor --fix" to repair, then retry.)",
  });
  ASSERT_EQ(issues.size(), 5U);
  EXPECT_EQ(issues[0].path, "");
  EXPECT_EQ(unknown_keys(issues[0].message), std::vector<std::string>{"bogusKey"});
  EXPECT_EQ(issues[1].path, "discovery");
  EXPECT_EQ(issues[2].path, "");
  EXPECT_EQ(unknown_keys(issues[2].message), (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(issues[3].path, "cron.enabled");
  EXPECT_EQ(issues[3].allowed, (std::vector<std::string>{"true", "false"}));
  EXPECT_EQ(issues[4].allowed, (std::vector<std::string>{"ollama", "google-vertex"}));
}

TEST(Locate, FindsKeysWithDotsAndItemsOfLists) {
  auto d = json5::Document::parse("{agents: {list: [{}, {'my.key': {a: 1}}], 'list.1': 2}}");
  auto place = [&](std::string_view path) {
    auto found = locate(d->root(), path);
    return found ? json5::path_text(*found) : "nothing";
  };
  EXPECT_EQ(place(""), "the document");
  EXPECT_EQ(place("agents.list.1.my.key.a"), "agents.list[1][\"my.key\"].a");
  EXPECT_EQ(place("agents.list[0]"), "agents.list[0]");
  EXPECT_EQ(place("agents.list.1"), "agents[\"list.1\"]") << "the longest key counts";
  EXPECT_EQ(place("agents.list.7"), "nothing");
  EXPECT_EQ(place("agents.other"), "nothing");
}

TEST(Mend, TakesKeysOutAndLeavesEveryOtherByte) {
  EXPECT_EQ(mended("{\n  // why\n  a: 1, // one\n  bogus: { x: [1] },\n  b: 2,\n}\n",
                   {{"", "Unrecognized key: \"bogus\"", {}}}),
            "{\n  // why\n  a: 1, // one\n  b: 2,\n}\n");
  EXPECT_EQ(mended("{a: {x: 1, y: 2, z: 3}}", {{"a", "Unrecognized keys: \"x\", \"z\"", {}}}), "{a: {y: 2}}");
}

TEST(Mend, LeavesWhatTodaysSchemaKnowsAndWhatTheGatewayRenamesItself) {
  for (std::string key : {"wizard", "talk", "env", "logging", "meta", "media", "crestodian", "gateway"}) {
    auto text = fmt::format("{{a: 1, {}: {{}}}}", key);
    auto out = mend(text, {{"", fmt::format("Unrecognized key: \"{}\"", key), {}}});
    EXPECT_EQ(out->text, text);
    EXPECT_EQ(out->left, std::vector<std::string>{key});
  }
  EXPECT_EQ(mended("{channels: {matrix: {t: 1}}}", {{"channels", "Unrecognized key: \"matrix\"", {}}}),
            "{channels: {matrix: {t: 1}}}")
      << "its plugin may only be missing";
  EXPECT_EQ(mended("{messages: {media: 1}}", {{"messages", "Unrecognized key: \"media\"", {}}}),
            "{messages: {}}")
      << "deeper, it is a key like any other";
}

struct Value {
  std::string_view before;
  ConfigIssue issue;
  std::string_view after;
};
const Value kValues[] = {
    {"{gateway: {port: '18811'}}",
     {"gateway.port", "Invalid input: expected number, received string", {}},
     "{gateway: {port: 18811}}"},
    {"{p: 'eighty'}", {"p", "Invalid input: expected number, received string", {}}, "{p: 'eighty'}"},
    {"{p: '0x50'}", {"p", "Invalid input: expected number, received string", {}}, "{p: '0x50'}"},
    {"{p: '080'}", {"p", "Invalid input: expected number, received string", {}}, "{p: '080'}"},
    {"{on: 'no'}", {"on", "Invalid input: expected boolean, received string", {}}, "{on: false}"},
    {"{on: 'Yes'}", {"on", "Invalid input: expected boolean, received string", {}}, "{on: true}"},
    {"{on: 'true'}", {"on", "Invalid input: expected boolean, received string", {}}, "{on: true}"},
    {"{on: 'maybe'}", {"on", "Invalid input: expected boolean, received string", {}}, "{on: 'maybe'}"},
    {"{on: 1}", {"on", "Invalid input: expected boolean, received number", {}}, "{on: true}"},
    {"{id: 98765432109}",
     {"id", "Invalid input: expected string, received number", {}},
     "{id: \"98765432109\"}"},
    {"{id: 1e3}", {"id", "Invalid input: expected string, received number", {}}, "{id: 1e3}"},
    {"{x: {api: 'google'}}",
     {"x.api", "Invalid option", {"ollama", "google-generative-ai", "google-vertex"}},
     "{x: {api: \"google-generative-ai\"}}"},
    {"{x: {api: 'google'}}", {"x.api", "Invalid option", {"ollama"}}, "{x: {api: 'google'}}"},
    {"{x: {api: 'Ollama'}}",
     {"x.api", "Invalid option", {"ollama", "openai-responses"}},
     "{x: {api: \"ollama\"}}"},
    {"{bind: 'loopbak'}", {"bind", "Invalid option", {"loopback", "lan", "auto"}}, "{bind: \"loopback\"}"},
    {"{bind: 'wan'}", {"bind", "Invalid option", {"lan", "man"}}, "{bind: 'wan'}"},
    {"{x: {api: 'openai'}}",
     {"x.api", "Invalid option", {"openai-completions", "openai-responses"}},
     "{x: {api: 'openai'}}"},
};
TEST(Mend, CorrectsValuesWithOneObviousReading) {
  for (const auto& v : kValues) EXPECT_EQ(mended(v.before, {v.issue}), v.after) << v.before;
}

TEST(Mend, AComplaintThatHoldsNoLongerIsPassedOver) {
  auto out =
      mend("{a: 1}", {{"gone.long.ago", "Unrecognized key: \"x\"", {}}, {"", "Unrecognized key: \"b\"", {}}});
  EXPECT_EQ(out->text, "{a: 1}");
  EXPECT_TRUE(out->left.empty());
}

TEST(Mend, WhatIsWrongInThousandsOfPlacesOfALargeFileIsNotMendedPlaceByPlace) {
  std::string text = "{\n", complaint = "Unrecognized keys: ";
  for (int i = 0; i < 20'000; ++i) {
    text += fmt::format("  key{}: '{}',\n", i, std::string(100, 'x'));
    complaint += fmt::format("\"key{}\", ", i);
  }
  auto out = mend(text + "}\n", {{"", complaint, {}}});
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().text().find("too much is wrong with 2.2 MiB"), std::string::npos)
      << out.error().text();
  std::vector<ConfigIssue> many(100'000, {"", "Unrecognized key: \"a\"", {}});
  EXPECT_FALSE(mend(text + "}\n", many));
}

TEST(RepairSyntax, AHugeFileIsLeftToItsCopies) {
  std::string text = "{\n";
  for (int i = 0; i < 20'000; ++i) text += fmt::format("  key{}: '{}',\n", i, std::string(100, 'x'));
  EXPECT_FALSE(repair_syntax(text + "  a 1\n}\n"));
}

struct Broken {
  std::string_view claim, before, after;
};
const Broken kBroken[] = {
    {"a comma was forgotten", "{\n  a: 1\n  b: 2\n}\n", "{\n  a: 1\n  ,b: 2\n}\n"},
    {"a comma too many", "{a: 1,, b: 2}", "{a: 1, b: 2}"},
    {"a colon was forgotten", "{\"a\" 1}", "{\"a\" :1}"},
    {"a semicolon for a comma", "{a: 1; b: 2}", "{a: 1, b: 2}"},
    {"an equals sign for a colon", "{a = 1}", "{a : 1}"},
    {"a stray letter behind a number", "{port: 18789p, b: 1}", "{port: 18789, b: 1}"},
    {"a brace too many at the end", "{a: {b: 1}}}\n", "{a: {b: 1}}\n"},
    {"a letter behind the end", "{a: 1}\nq\n", "{a: 1}\n\n"},
    {"the end is missing", "{gateway: {mode: 'local'}", "nothing"},
    {"cut in the middle", "{gateway: {mode: 'lo", "nothing"},
    {"empty", "", "nothing"},
    {"two documents", "{a: 1}\n{b: 2}\n", "nothing"},
    {"a half-written line", "{\n  a: 1,\n  b: what was i going to say\n}\n", "nothing"},
    {"binary", std::string_view("\x7f\x45LF\0\0\0", 7), "nothing"},
    {"well formed", "{a: 1}", "nothing"},
};
TEST(RepairSyntax, ChangesOneCharacterIfThatGivesOneReading) {
  for (const auto& b : kBroken) EXPECT_EQ(repaired(b.before), b.after) << b.claim;
}

TEST(RepairSyntax, SaysWhereAndWhat) {
  EXPECT_EQ(repair_syntax("{\n  a: 1\n  b: 2\n}")->words, "line 3: put ',' before 'b'");
  EXPECT_EQ(repair_syntax("{a: 1}}")->words, "leave out '}' behind the end of the document");
}

/// Whatever is typed into a configuration: the repair is JSON5, or there is none.
RC_GTEST_PROP(RepairSyntax, GivesJson5OrNothing, ()) {
  std::string text =
      "{\n  // é\n  \"gateway\": { \"mode\": \"local\", 'port': 18789 },\n  a: [1, 2, {b: null}],\n}\n";
  for (int n = *rc::gen::inRange(1, 3); n > 0; --n) {
    auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    if (*rc::gen::arbitrary<bool>())
      text.erase(at, 1);
    else
      text.insert(at, 1, *rc::gen::elementOf(std::string("{}[],:\"'p1\n\xc3/")));
  }
  if (auto repair = repair_syntax(text)) RC_ASSERT(json5::Document::parse(repair->text).has_value());
}

TEST(SurvivesStart, NamesWhatTheGatewayWouldPutBack) {
  const std::string accepted = "{meta: {v: 1}, gateway: {mode: 'local'}, a: '" + std::string(600, 'x') + "'}";
  auto why = [&](const std::string& text) {
    auto status = survives_start(accepted, text);
    return status ? std::string() : status.error().text();
  };
  EXPECT_EQ(why(accepted), "");
  EXPECT_NE(why("{gateway: {mode: 'local'}, a: '" + std::string(600, 'x') + "'}").find("meta"),
            std::string::npos);
  EXPECT_NE(why("{meta: {}, gateway: {}, a: '" + std::string(600, 'x') + "'}").find("gateway.mode"),
            std::string::npos);
  EXPECT_NE(why("{meta: {}, gateway: {mode: 'local'}}").find("less than half"), std::string::npos);
  EXPECT_EQ(why("{$include: './rest.json5'}"), "") << "such a file is exempt";
  EXPECT_TRUE(survives_start("{meta: 1, gateway: {mode: 'local'}, a: 'not so large'}",
                             "{meta: 1, gateway: {mode: 1}}"))
      << "small files are not compared";
  EXPECT_TRUE(survives_start("", "{}")) << "nothing was ever accepted";
}

}  // namespace
}  // namespace meshops::heal
