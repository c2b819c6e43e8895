#include "formats/unit_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::systemd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kGateway = R"([Unit]
Description=OpenClaw Gateway
After=network-online.target

[Service]
# runs for ever
ExecStart=/usr/bin/node --max-old-space-size=8192 \
    # not the dev build
    /opt/openclaw/index.js gateway \
    --port 18789
Restart=always
TimeoutStartSec=30
Environment=HOME=/home/claw
Environment="NAME=OpenClaw Gateway" EMPTY= 'ONE=1'
)";

TEST(UnitFile, ReadsSectionsKeysAndPlaces) {
  auto unit = UnitFile::parse(kGateway, "openclaw.service");
  EXPECT_THAT(unit.problems(), IsEmpty());
  EXPECT_EQ(unit.value("Unit", "Description"), "OpenClaw Gateway");
  EXPECT_EQ(unit.value("Service", "Description"), std::nullopt);
  EXPECT_EQ(unit.last("Service", "Restart")->at, (Place{"openclaw.service", 11, 1}));
  EXPECT_EQ(unit.last("Service", "Restart")->value_at, (Place{"openclaw.service", 11, 9}));
  EXPECT_TRUE(unit.has_section("Service"));
  EXPECT_FALSE(unit.has_section("Install"));
}

TEST(UnitFile, ContinuationSkipsCommentsInside) {
  auto unit = UnitFile::parse(kGateway);
  auto commands = parse_commands(*unit.value("Service", "ExecStart"));
  ASSERT_TRUE(commands);
  EXPECT_THAT(commands->at(0).argv, ElementsAre("/usr/bin/node", "--max-old-space-size=8192",
                                                "/opt/openclaw/index.js", "gateway", "--port", "18789"));
}

TEST(UnitFile, AContinuedLineEndsWithTheFile) {
  EXPECT_EQ(UnitFile::parse("[S]\nA=1 \\").value("S", "A"), "1");
  EXPECT_EQ(UnitFile::parse("[S]\nA=1 \\\n# x").value("S", "A"), "1");
  EXPECT_EQ(UnitFile::parse("[S]\nA=1 \\\\\nB=2").value("S", "A"), "1 \\\\");
  EXPECT_EQ(UnitFile::parse("[S]\nA=1 \\\n\nB=2").value("S", "B"), "2");
}

TEST(UnitFile, ContinuedValuesKnowTheirOwnLine) {
  auto unit = UnitFile::parse("[S]\nA=\\\n  x\n");
  EXPECT_EQ(unit.last("S", "A")->value_at, (Place{"", 3, 3}));
}

TEST(UnitFile, AnEmptyAssignmentTakesBackWhatWasBefore) {
  auto unit =
      UnitFile::parse("[Service]\nExecStart=/a\nExecStart=\nExecStart=/b\nExecStart=/c\nUser=x\nUser=\n");
  EXPECT_THAT(unit.values("Service", "ExecStart"), ElementsAre("/b", "/c"));
  EXPECT_EQ(unit.value("Service", "User"), std::nullopt);
}

TEST(UnitFile, DropInsComeLaterAndSayWhereTheyAre) {
  auto unit = UnitFile::parse("[Service]\nExecStart=/a\nTimeoutStartSec=30\n", "a.service");
  unit.add("TimeoutStartSec=1\n[Service]\nTimeoutStartSec=300\n", "a.service.d/10.conf");
  EXPECT_EQ(unit.span("Service", "TimeoutStartSec"), 300s);
  EXPECT_EQ(unit.last("Service", "TimeoutStartSec")->at, (Place{"a.service.d/10.conf", 3, 1}));
  // The section of the file before does not leak into the drop-in.
  ASSERT_EQ(unit.problems().size(), 1U);
  EXPECT_EQ(unit.problems()[0].at, (Place{"a.service.d/10.conf", 1, 1}));
}

TEST(UnitFile, OddLinesBecomeProblemsAndReadingGoesOn) {
  auto unit = UnitFile::parse("A=1\n[Service\n[Service]\n  no equals\n=x\nB=\xff\nC=3\n", "f");
  std::vector<std::string> seen;
  for (const auto& p : unit.problems())
    seen.push_back(fmt::format("{}:{} {}", p.at.line, p.at.column, p.what));
  EXPECT_THAT(seen, ElementsAre("1:1 'A' stands before the first [section] and is ignored",
                                "2:1 the section header '[Service' does not end with ']'",
                                "4:3 'no equals' has no '=' and is ignored", "5:1 there is no key before '='",
                                "6:1 the line is not UTF-8 and is ignored"));
  EXPECT_EQ(unit.value("Service", "C"), "3");
}

TEST(UnitFile, LineEndsOfOtherSystemsAndABomAreRead) {
  auto unit = UnitFile::parse("\xEF\xBB\xBF[S]\r\nA = 1 \r\n; c\rB=2");
  EXPECT_EQ(unit.value("S", "A"), "1");
  EXPECT_EQ(unit.value("S", "B"), "2");
}

TEST(UnitFile, TimeoutSecCountsForBothAndZeroIsInfinity) {
  auto unit =
      UnitFile::parse("[Service]\nTimeoutStartSec=30\nTimeoutSec=1min\nTimeoutStopSec=0\nRestartSec=0\n");
  EXPECT_EQ(unit.span("Service", "TimeoutStartSec"), 60s);
  EXPECT_EQ(unit.span("Service", "TimeoutStopSec"), kInfinity);
  EXPECT_EQ(unit.span("Service", "RestartSec"), 0s);
  EXPECT_EQ(unit.span("Service", "WatchdogSec"), std::nullopt);
}

TEST(UnitFile, EnvironmentIsPutTogether) {
  auto unit = UnitFile::parse(kGateway);
  unit.add("[Service]\nEnvironment=ONE=2 broken 1X=1 \"DIR=%h/x y\" QUOTE=\\\"\n");
  EXPECT_THAT(unit.environment({.home = "/root"}),
              ElementsAre(Pair("DIR", "/root/x y"), Pair("EMPTY", ""), Pair("HOME", "/home/claw"),
                          Pair("NAME", "OpenClaw Gateway"), Pair("ONE", "2"), Pair("QUOTE", "\"")));
}

TEST(UnitSpan, ReadsWhatSystemdReads) {
  struct Case {
    std::string_view text;
    std::optional<Duration> span;
  };
  const Case kCases[] = {
      {"5min 20s", 320s},
      {"90", 90s},
      {"infinity", kInfinity},
      {"2h", 2h},
      {"1.5h", 90min},
      {"1y", 31557600s},
      {"1M", 2629800s},
      {"1m", 1min},
      {"1month", 2629800s},
      {"250ms", 250ms},
      {"7us", 7us},
      {"7µs", 7us},
      {"1w 2days", 216h},
      {"5min20s", 320s},
      {" 3 sec ", 3s},
      {".5s", 500ms},
      {"0", 0s},
      {"0.001", 1ms},
      {"1 2", 3s},
      {"", std::nullopt},
      {"x", std::nullopt},
      {"-1", std::nullopt},
      {"5 parsecs", std::nullopt},
      {"5.s", std::nullopt},
      {"infinity 1s", std::nullopt},
      {"99999999999999999999", std::nullopt},
      {"300y", std::nullopt},
      {"200y 200y", std::nullopt},
  };
  for (const auto& [text, span] : kCases) EXPECT_EQ(parse_span(text), span) << text;
}

TEST(UnitBoolean, ReadsWhatSystemdReads) {
  for (auto yes : {"1", "yes", "Y", "true", "T", "ON"}) EXPECT_EQ(parse_boolean(yes), true) << yes;
  for (auto no : {"0", "no", "n", "FALSE", "f", "off"}) EXPECT_EQ(parse_boolean(no), false) << no;
  for (auto neither : {"", "2", "maybe", "yes "}) EXPECT_EQ(parse_boolean(neither), std::nullopt) << neither;
}

TEST(UnitSpecifiers, ComeFromTheUnitNameAndTheContext) {
  Specifiers s{.unit = "open-claw\\x2dgw@ops-eu.service",
               .user = "claw",
               .uid = "1000",
               .home = "/home/claw",
               .runtime_dir = "/run/user/1000",
               .state_dir = "/home/claw/.local/state",
               .host = "alpha.example.org"};
  EXPECT_EQ(expand("%n", s), "open-claw\\x2dgw@ops-eu.service");
  EXPECT_EQ(expand("%N|%p|%P", s), "open-claw\\x2dgw@ops-eu|open-claw\\x2dgw|open/claw-gw");
  EXPECT_EQ(expand("%i|%I|%j|%f", s), "ops-eu|ops/eu|claw\\x2dgw|/ops/eu");
  EXPECT_EQ(expand("%u %U %h %t %S", s), "claw 1000 /home/claw /run/user/1000 /home/claw/.local/state");
  EXPECT_EQ(expand("%H %l 100%% %", s), "alpha.example.org alpha 100% %");
  EXPECT_EQ(expand("%z %m", s), "%z %m");
  EXPECT_EQ(expand("%i", {.unit = "a.service"}), "");
}

TEST(UnitWords, AreSplitUnquotedAndUnescaped) {
  auto words = [](std::string_view text) { return *split_words(text); };
  EXPECT_THAT(words(R"(a 'b c' "d 'e'" f"g h"i)"), ElementsAre("a", "b c", "d 'e'", "fg hi"));
  EXPECT_THAT(words(R"(\x41\102\u00e9 a\sb \"q\" "" \t)"), ElementsAre("ABé", "a b", "\"q\"", "", "\t"));
  EXPECT_THAT(words(R"(\q \x0 \x00 \ud800 end\)"), ElementsAre("\\q", "\\x0", "\\x00", "\\ud800", "end\\"));
  EXPECT_THAT(words("  "), IsEmpty());
  EXPECT_EQ(split_words("a 'b").error().code(), "unit.unbalanced_quote");
}

TEST(UnitCommands, PrefixesNamesAndSeveralOnALine) {
  auto commands =
      parse_commands(R"(-@/bin/sh %p -c 'echo "$A" ; b' ; !!/bin/true \; x)", {.unit = "gw.service"});
  ASSERT_TRUE(commands) << commands.error().text();
  ASSERT_EQ(commands->size(), 2U);
  EXPECT_EQ(commands->at(0).prefixes, "-@");
  EXPECT_TRUE(commands->at(0).ignores_failure());
  EXPECT_EQ(commands->at(0).path, "/bin/sh");
  EXPECT_THAT(commands->at(0).argv, ElementsAre("gw", "-c", "echo \"$A\" ; b"));
  EXPECT_EQ(commands->at(1).prefixes, "!!");
  EXPECT_THAT(commands->at(1).argv, ElementsAre("/bin/true", ";", "x"));
  for (auto none : {"", ";", "-", "@/bin/sh", "''"}) EXPECT_FALSE(parse_commands(none)) << none;
}

}  // namespace
}  // namespace meshops::systemd
