#include "alert/shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "an_alert.h"
#include "base/text.h"

namespace meshops::alert {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string decoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    auto at = std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c);
    if (at == std::string_view::npos) continue;
    bits = bits << 6U | static_cast<std::uint32_t>(at);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xFFU);
  }
  return out;
}
struct Mail {
  std::vector<std::string> headers;  // unfolded
  std::string body;
};
Mail opened(const std::string& message) {
  Mail mail;
  auto end = message.find("\r\n\r\n");
  std::string head = message.substr(0, end + 2);
  for (std::string_view rest = head; !rest.empty();) {
    auto line_end = rest.find("\r\n");
    auto line = rest.substr(0, line_end);
    if (line.starts_with(' ') && !mail.headers.empty())
      mail.headers.back() += line;
    else
      mail.headers.emplace_back(line);
    rest.remove_prefix(line_end + 2);
  }
  mail.body = decoded(message.substr(end + 4));
  return mail;
}

TEST(Shapes, JsonHasEveryFieldOnOneLineAndComesBack) {
  auto text = to_json(an_alert());
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  const std::string expected = R"json({
    "schema": "meshops.alert/1", "kind": "gave_up", "mesh": "home", "node": "alpha", "gateway": "main",
    "cause": "disk_full", "headline": "main is down: its disk is full",
    "lines": ["no space left on device (ENOSPC), 3 times", "/ is 100 % full", "against: none"],
    "command": "meshops diagnose main", "incident": "20261124-1", "at": "2026-11-24T05:40:00.000Z", "held_back": 0})json";
  EXPECT_EQ(json::parse(text), json::parse(expected));
  auto back = parse_alert(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, an_alert());
}
TEST(Shapes, WhatIsNoAlertIsNotTakenForOne) {
  for (const char* text :
       {"", "[]", "null", "{}", R"({"schema":"meshops.alert/2"})", "{\"schema\":\"meshops.alert/1\"}",
        R"({"schema":"meshops.alert/1","kind":"sad","at":"2026-11-24T05:40:00Z"})"})
    EXPECT_TRUE(parse_alert(text).error().is("alert.not_an_alert")) << text;
}

TEST(Shapes, SlackGetsPlainTextBlocksAndAFencedCommand) {
  const std::string expected = R"json({
    "text": "🔴 alpha: main is down: its disk is full",
    "blocks": [
      {"type": "section", "text": {"type": "plain_text", "text": "🔴 alpha: main is down: its disk is full", "emoji": false}},
      {"type": "section", "text": {"type": "plain_text", "emoji": false,
        "text": "no space left on device (ENOSPC), 3 times\n/ is 100 % full\nagainst: none"}},
      {"type": "section", "text": {"type": "mrkdwn", "text": "```meshops diagnose main```"}},
      {"type": "context", "elements": [{"type": "plain_text", "emoji": false,
        "text": "mesh home, gateway main, cause disk_full, incident 20261124-1"}]}]})json";
  EXPECT_EQ(json::parse(slack_body(an_alert())), json::parse(expected));
}
TEST(Shapes, DiscordGetsAnEmbedAndMayMentionNobody) {
  auto alert = an_alert(Alert::Kind::recovered);
  alert.headline = "main is well again @everyone";
  alert.lines = {"a_b *c* [link](https://example.org)"};
  const std::string expected = R"json({
    "content": "🟢 alpha\\: main is well again \\@everyone",
    "embeds": [{"description": "a\\_b \\*c\\* \\[link\\]\\(https\\://example\\.org\\)\n```\nmeshops diagnose main\n```",
                "color": 1605688, "timestamp": "2026-11-24T05:40:00.000Z",
                "footer": {"text": "mesh home, gateway main, cause disk_full, incident 20261124-1"}}],
    "allowed_mentions": {"parse": []}})json";
  EXPECT_EQ(json::parse(discord_body(alert)), json::parse(expected));
}
TEST(Shapes, TelegramGetsItsHtmlEscaped) {
  auto alert = an_alert();
  alert.headline = "a <b> & \"c\"";
  alert.lines = {"1 < 2"};
  auto body = json::parse(telegram_body(alert, "-1001"));
  EXPECT_EQ(body["chat_id"], "-1001");
  EXPECT_EQ(body["parse_mode"], "HTML");
  EXPECT_EQ(body["text"],
            "<b>🔴 alpha: a &lt;b&gt; &amp; \"c\"</b>\n1 &lt; 2\n<pre>meshops diagnose main</pre>\n"
            "mesh home, gateway main, cause disk_full, incident 20261124-1");
}
TEST(Shapes, MailIsAWholeMessage) {
  auto message = mail_message(an_alert(), "meshops@example.org", {"a@example.org", "b@example.org"});
  auto mail = opened(message);
  EXPECT_THAT(
      mail.headers,
      testing::ElementsAre("From: meshops <meshops@example.org>", "To: a@example.org, b@example.org",
                           HasSubstr("Subject: =?UTF-8?B?"), "Date: Tue, 24 Nov 2026 05:40:00 +0000",
                           testing::MatchesRegex("Message-ID: <[0-9a-f]+.meshops@example.org>"),
                           "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
                           "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"));
  auto subject = mail.headers[2].substr(std::string("Subject: ").size());
  std::string text;
  for (auto word : words(subject)) text += decoded(word.substr(10, word.size() - 12));
  EXPECT_EQ(text, "[meshops] alpha: main is down: its disk is full");
  EXPECT_EQ(
      mail.body,
      "main is down: its disk is full\r\n\r\n"
      "no space left on device (ENOSPC), 3 times\r\n/ is 100 % full\r\nagainst: none\r\n"
      "\r\nOn alpha, run:\r\n    meshops diagnose main\r\n"
      "\r\nmesh home, gateway main, cause disk_full, incident 20261124-1, at 2026-11-24T05:40:00.000Z\r\n");
}
TEST(Shapes, TheSameAlertHasTheSameMessageId) {
  auto id = [](const Alert& alert) { return opened(mail_message(alert, "m@e.org", {"a@e.org"})).headers[4]; };
  EXPECT_EQ(id(an_alert()), id(an_alert()));
  EXPECT_NE(id(an_alert()), id(an_alert(Alert::Kind::recovered)));
}
TEST(Shapes, WhatWasHeldBackIsSaidByEach) {
  auto alert = an_alert();
  alert.held_back = 7;
  for (const auto& body : {slack_body(alert), discord_body(alert), telegram_body(alert, "1"),
                           opened(mail_message(alert, "m@e.org", {"a@e.org"})).body})
    EXPECT_THAT(body, HasSubstr("7 more were held back"));
  EXPECT_EQ(json::parse(to_json(alert))["held_back"], 7);
}
TEST(Shapes, WhatLooksLikeAKeyDoesNotLeaveTheMachine) {
  auto alert = an_alert();
  alert.headline = "401 for sk-proj-abc";
  alert.lines = {"Incorrect key: 0123456789abcdef0123456789abcdef"};
  for (const auto& body : {to_json(alert), slack_body(alert), discord_body(alert), telegram_body(alert, "1"),
                           opened(mail_message(alert, "m@e.org", {"a@e.org"})).body}) {
    EXPECT_THAT(body, Not(HasSubstr("abc")));
    EXPECT_THAT(body, Not(HasSubstr("0123456789abcdef")));
  }
}
TEST(Shapes, LongTextsAreCutBetweenLetters) {
  auto alert = an_alert();
  alert.headline.clear();
  for (int i = 0; i < 200; ++i) alert.headline += "é";
  alert.lines.assign(9, alert.headline + alert.headline);
  alert = fitted(alert);
  EXPECT_LE(alert.headline.size(), 300U);
  EXPECT_TRUE(alert.headline.ends_with("é…"));
  EXPECT_EQ(alert.lines.size(), 3U);
  EXPECT_EQ(fitted(alert), alert) << "once is enough";
}

/// Texts that break careless writers of JSON, Markdown, HTML, mail and terminals.
std::string hostile() {
  auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", " ", "\"", "\\", "\r\n", "\nBcc: x@example.org", "\n.\n", "<", ">", "&", "@everyone", "<!channel>",
      "<@U1>", "```", "`", "*", "_", "](http://x)", "</b>", "<pre>", "\x01", "\x1b[2J", "\x7f", "\xff", "é",
      "😀", "\u2028", "=?"));
  return join(pieces, "");
}
Alert any_alert() {
  Alert alert;
  alert.kind = *rc::gen::element(Alert::Kind::gave_up, Alert::Kind::stopped, Alert::Kind::noticed,
                                 Alert::Kind::recovered, Alert::Kind::test);
  for (auto* text : {&alert.mesh, &alert.node, &alert.gateway, &alert.cause, &alert.headline, &alert.command,
                     &alert.incident})
    *text = hostile();
  for (int n = *rc::gen::inRange(0, 5); n > 0; --n)
    alert.lines.push_back(hostile() + std::string(*rc::gen::inRange<std::size_t>(0, 600), 'x'));
  alert.at = WallTime(std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000)));
  alert.held_back = *rc::gen::inRange(0U, 3U);
  return alert;
}
std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

RC_GTEST_PROP(AnyAlert, IsWellFormedAndWithinTheLimitsOfEachReceiver, ()) {
  auto alert = any_alert();
  auto back = parse_alert(to_json(alert));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == fitted(alert));

  auto slack = json::parse(slack_body(alert));
  RC_ASSERT(!slack["text"].get<std::string>().contains('<'));
  for (const auto& block : slack["blocks"]) {
    if (block["type"] != "section") continue;
    auto text = block["text"]["text"].get<std::string>();
    RC_ASSERT(letters(text) <= 3000U && !text.empty());
    if (block["text"]["type"] == "mrkdwn")
      RC_ASSERT(!text.contains('<') && text.find("```", 3) == text.size() - 3);
  }

  auto discord = json::parse(discord_body(alert));
  RC_ASSERT(letters(discord["content"].get<std::string>()) <= 2000U);
  RC_ASSERT(letters(discord["embeds"][0]["description"].get<std::string>()) <= 4096U);
  RC_ASSERT(letters(discord["embeds"][0].value("/footer/text"_json_pointer, std::string())) <= 2048U);
  RC_ASSERT(discord["allowed_mentions"] == json::parse(R"({"parse":[]})"));

  auto telegram = json::parse(telegram_body(alert, "1"))["text"].get<std::string>();
  RC_ASSERT(letters(telegram) <= 4096U);
  for (std::string_view tag : {"<b>", "</b>", "<pre>", "</pre>"})
    if (auto at = telegram.find(tag); at != std::string::npos) telegram.erase(at, tag.size());
  RC_ASSERT(!telegram.contains('<'));
}
RC_GTEST_PROP(AnyAlert, IsAMailThatNobodyCanAddHeadersTo, ()) {
  auto message = mail_message(any_alert(), "meshops@example.org", {"a@example.org"});
  std::string bare = message;
  for (auto at = bare.find("\r\n"); at != std::string::npos; at = bare.find("\r\n", at)) bare.erase(at, 2);
  RC_ASSERT(!bare.contains('\r') && !bare.contains('\n'));
  RC_ASSERT(std::ranges::all_of(message, [](unsigned char c) { return c < 0x7F; }));
  for (auto line : split(message, '\n')) RC_ASSERT(line.size() <= 99U);
  auto mail = opened(message);
  RC_ASSERT(mail.headers.size() == 9U);
  RC_ASSERT(valid_utf8(mail.body));
}

}  // namespace
}  // namespace meshops::alert
