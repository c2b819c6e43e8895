#include "formats/journal_line.h"

#include <gtest/gtest.h>

namespace meshops::journal {
namespace {

using namespace std::string_literals;

TEST(LogLine, ConsoleJsonIsRead) {
  auto line = parse_log_line(
      R"({"time":"2026-11-24T05:40:00.123Z","level":"WARN","subsystem":"gateway/reload","message":"a \u001b[31mred\u001b[0m word","port":1})"
      "\n");
  EXPECT_EQ(line.form, Form::console_json);
  EXPECT_EQ(line.time, parse_iso8601("2026-11-24T05:40:00.123Z"));
  EXPECT_EQ(line.level, "warn");
  EXPECT_EQ(line.subsystem, "gateway/reload");
  EXPECT_EQ(line.message, "a red word");
  EXPECT_EQ(line.field("port"), "1");
  EXPECT_EQ(line.field("level"), "") << "it has a place of its own";
}

TEST(LogLine, ConsoleJsonIsReadBehindAJournalsTime) {
  auto line = parse_log_line(
      R"(2026-11-24T19:17:31.177Z {"time": "2026-11-24T19:17:31.174Z", "level": "error", "subsystem": "plugins", "message": "no"})");
  EXPECT_EQ(line.form, Form::console_json);
  EXPECT_EQ(line.subsystem, "plugins");
  EXPECT_EQ(line.time->time_since_epoch().count() % 1000, 174);
  auto untimed = parse_log_line(R"(2026-11-24T19:17:31.177Z {"level": "error", "message": "no"})");
  ASSERT_TRUE(untimed.time);
  EXPECT_EQ(untimed.time->time_since_epoch().count() % 1000, 177);
}

TEST(LogLine, TheLogFileIsRead) {
  auto line = parse_log_line(
      R"({"0":"{\"subsystem\":\"gateway\"}","1":"ready","_meta":{"logLevelName":"INFO","hostname":"a"},"time":"2026-11-24T06:40:00.123+01:00","message":"ready"})");
  EXPECT_EQ(line.form, Form::file_json);
  EXPECT_EQ(line.time, parse_iso8601("2026-11-24T05:40:00.123Z"));
  EXPECT_EQ(line.level, "info");
  EXPECT_EQ(line.subsystem, "gateway");
  EXPECT_EQ(line.message, "ready");
}

TEST(LogLine, APlainMessageOfTheLogFileHasItsTextInZero) {
  auto line = parse_log_line(R"({"0":"starting up","_meta":{"logLevelName":"ERROR"},"time":"soon"})");
  EXPECT_EQ(line.form, Form::file_json);
  EXPECT_EQ(line.subsystem, "");
  EXPECT_EQ(line.message, "starting up");
  EXPECT_EQ(line.time, std::nullopt);
}

TEST(LogLine, TheColouredConsoleIsRead) {
  auto line = parse_log_line(
      "\x1b[90m2026-11-24T05:40:00.123Z\x1b[39m \x1b[36m[gateway]\x1b[39m \x1b[1mready\x1b[22m");
  EXPECT_EQ(line.form, Form::console);
  EXPECT_EQ(line.time, parse_iso8601("2026-11-24T05:40:00.123Z"));
  EXPECT_EQ(line.subsystem, "gateway");
  EXPECT_EQ(line.message, "ready");
  EXPECT_EQ(line.level, "");
}

TEST(LogLine, ATimeOfDayIsNoDate) {
  auto line = parse_log_line("05:40:00+01:00 [agent/embedded] a [b] c");
  EXPECT_EQ(line.form, Form::console);
  EXPECT_EQ(line.time, std::nullopt);
  EXPECT_EQ(line.subsystem, "agent/embedded");
  EXPECT_EQ(line.message, "a [b] c");
}

TEST(LogLine, AnythingElseIsText) {
  for (auto text : {"Error: boom", "    at main (index.js:1:2)", "{\"a\":1}", "{broken", "[]", ""}) {
    auto line = parse_log_line(text);
    EXPECT_EQ(line.form, Form::text) << text;
    EXPECT_EQ(line.message, text[0] == ' ' ? text + 4 : text);
  }
}

TEST(LogLine, ALongLineIsCut) {
  EXPECT_EQ(parse_log_line(std::string(kLineLimit * 2, 'a')).message.size(), kLineLimit);
}

TEST(Ansi, SequencesGoAndTextStays) {
  EXPECT_EQ(without_ansi("\x1b[1;31ma\x1b[0m\x1b]0;title\x07"
                         "b\x1b]8;;u\x1b\\c\x1bMd\x1b"),
            "abcd");
  EXPECT_EQ(without_ansi("\x1b[12\né"), "\né");
  EXPECT_EQ(without_ansi("\x1b["), "");
}

TEST(JournalExport, TextAndBinaryFieldsAreRead) {
  auto bytes =
      "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000123456\nMESSAGE\n\x05\0\0\0\0\0\0\0a\n\nb=\nA=\n\nB=x\n\n"s;
  auto read = parse_export(bytes, false);
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(read.entries[0].find("__CURSOR"), "s=1;i=2");
  EXPECT_EQ(read.entries[0].find("MESSAGE"), "a\n\nb=");
  EXPECT_EQ(read.entries[0].find("A"), "");
  EXPECT_EQ(read.entries[0].find("C"), std::nullopt);
  EXPECT_EQ(iso8601(*read.entries[0].time()), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(read.entries[1].find("B"), "x");
  EXPECT_EQ(read.consumed, bytes.size());
  EXPECT_EQ(read.broken, 0U);
}

TEST(JournalExport, AHalfEntryWaitsForItsRest) {
  auto bytes = "A=1\n\nB\n\x03\0\0\0\0\0\0\0xyz\nC=2\n\n"s;
  for (std::size_t cut = 5; cut < bytes.size(); ++cut) {
    auto read = parse_export(std::string_view(bytes).substr(0, cut), false);
    EXPECT_EQ(read.entries.size(), 1U) << cut;
    EXPECT_EQ(read.consumed, 5U) << cut;
    EXPECT_EQ(read.broken, 0U) << cut;
  }
  EXPECT_EQ(parse_export("A=1\n\nB=2\n", true).entries.size(), 2U);
  EXPECT_EQ(parse_export("A=1\n\nB=2", true).entries.size(), 2U);
}

TEST(JournalExport, BrokenEntriesAreCountedAndLeftOut) {
  auto read = parse_export("lower=1\n\nA=1\n\n1X=1\nB=1\n\nD=1\n\n", false);
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(read.entries[1].find("D"), "1");
  EXPECT_EQ(read.broken, 2U);
  EXPECT_FALSE(read.corrupt);
}

TEST(JournalExport, ReadingEndsWhereTheFramingIsLost) {
  for (const auto& lost : {"??\n"s, "C\n\xff\xff\xff\xff\xff\xff\xff\xff"s, "C\n\x01\0\0\0\0\0\0\0xy"s}) {
    auto read = parse_export("A=1\n\nB=1\n" + lost + "\n\nD=1\n\n", false);
    EXPECT_TRUE(read.corrupt);
    ASSERT_EQ(read.entries.size(), 1U);
    EXPECT_EQ(read.consumed, 5U);
  }
}

// Found by the fuzzer: half a field over the limit was read on as lines, so a long message could forge
// entries.
TEST(JournalExport, AMessageOverTheLimitCannotForgeEntries) {
  ExportLimits limits{.field_bytes = 10};
  auto bytes = "MESSAGE\n\x12\0\0\0\0\0\0\0x\n\n_UID=0\nFAKE=1\n\n\nA=1\n\nB=1\n\n"s;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    for (bool at_end : {false, true}) {
      auto read = parse_export(std::string_view(bytes).substr(0, cut), at_end, limits);
      for (const auto& entry : read.entries) EXPECT_FALSE(entry.find("_UID") || entry.find("FAKE")) << cut;
    }
  }
  auto whole = parse_export(bytes, false, limits);
  ASSERT_EQ(whole.entries.size(), 1U);
  EXPECT_EQ(whole.entries[0].find("B"), "1");
  EXPECT_EQ(whole.broken, 1U);
}

TEST(JournalExport, LimitsHold) {
  ExportLimits limits{.entries = 2, .fields = 2, .field_bytes = 3};
  auto read = parse_export("A=1234\n\nA=1\nB=2\nC=3\n\nA=1\n\nB=1\n\nC=1\n\n", false, limits);
  EXPECT_EQ(read.broken, 2U);
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(read.entries[1].find("B"), "1");
  EXPECT_EQ(read.consumed, 31U);
}

}  // namespace
}  // namespace meshops::journal
