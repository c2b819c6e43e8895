// Walks as JSON and back, as lines for people, and targets as words.
#include "mesh/path_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "fakes/fake_edge.h"

namespace meshops::path {
namespace {

using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};

Report refused() {
  FakeEdge edge;
  edge.talks["10.0.0.2"] = FakeEdge::no_connection(TcpSeen::Outcome::refused);
  return report(walk(edge, {.name = "alpha", .address = {}}, {.name = "beta", .host = "10.0.0.2"}, kNow));
}

TEST(PathReport, ComesBackFromItsJson) {
  std::array<Report, 1> one{refused()};
  auto read = parse_reports(to_json(one));
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 1U);
  const auto& back = read->front();
  EXPECT_EQ(back.broken, Layer::tcp);
  EXPECT_EQ(back.verdict, "refused");
  EXPECT_EQ(back.sentence, one[0].sentence);
  EXPECT_EQ(back.lines.size(), 9U);
  EXPECT_EQ(back.seen, one[0].seen);
  EXPECT_EQ(to_json(*read), to_json(one));
}

TEST(PathReport, HasALineForEachLayerAndThenOneSentence) {
  auto text = for_people(refused(), false);
  EXPECT_THAT(text, HasSubstr("alpha → beta  (ssh 10.0.0.2 port 22)\n"));
  EXPECT_THAT(text, HasSubstr("  ✗ tcp"));
  EXPECT_THAT(text, HasSubstr("  ✓ icmp        1.0 ms  answers pings\n"));
  EXPECT_THAT(text,
              HasSubstr("\nbeta is up, but nothing takes connections on 10.0.0.2 port 22 (refused)\n  → "));
}

TEST(PathReport, OfAnotherNodeCannotPaintTheTerminal) {
  auto one = refused();
  one.sentence = "\x1b[2J";
  std::array<Report, 1> all{one};
  auto read = parse_reports(to_json(all));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->front().sentence, "\\x1b[2J");
}

TEST(PathReport, OfSomethingElseIsRefused) {
  for (const auto* text : {"", "[]", "{}", R"({"schema":"meshops.path/2","walks":[]})",
                           R"({"schema":"meshops.path/1"})", R"({"schema":"meshops.path/1","walks":[1]})"})
    EXPECT_FALSE(parse_reports(text)) << text;
}

TEST(Target, IsReadFromAWord) {
  struct {
    const char *word, *host;
    std::uint16_t port;
    Kind kind;
  } cases[] = {
      {"10.0.0.2", "10.0.0.2", 22, Kind::ssh},
      {"beta.example.org:443", "beta.example.org", 443, Kind::https},
      {"beta:18789", "beta", 18789, Kind::tcp},
      {"2001:db8::2", "2001:db8::2", 22, Kind::ssh},
      {"[2001:db8::2]:80", "2001:db8::2", 80, Kind::http},
      {"tcp://10.0.0.2:22", "10.0.0.2", 22, Kind::tcp},
      {"ssh://beta", "beta", 22, Kind::ssh},
      {"http://beta:18789/healthz", "beta", 18789, Kind::http},
      {"beta=ssh://10.0.0.2:2222", "10.0.0.2", 2222, Kind::ssh},
  };
  for (const auto& one : cases) {
    auto target = parse_target(one.word);
    ASSERT_TRUE(target) << one.word << ": " << target.error().text();
    EXPECT_EQ(target->host, one.host) << one.word;
    EXPECT_EQ(target->port, one.port) << one.word;
    EXPECT_EQ(target->kind, one.kind) << one.word;
    auto again = parse_target(to_word(*target));
    ASSERT_TRUE(again) << to_word(*target);
    EXPECT_EQ(again->host, target->host);
    EXPECT_EQ(again->kind, target->kind);
    EXPECT_EQ(again->name, target->name);
  }
}

TEST(Target, ThatCouldBeMoreThanAHostIsRefused) {
  for (const auto* word : {"", "-o", "a b", "ssh://user@beta", "ftp://beta", "beta:0", "beta:70000",
                           "ssh://beta/x", "$(id)", "a;b", "-x=ssh://beta", "tcp://"})
    EXPECT_FALSE(parse_target(word)) << word;
}

}  // namespace
}  // namespace meshops::path
