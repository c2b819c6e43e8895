// What the agent says of itself in a file, and what it is worth to who reads it.
#include "mesh/word_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "base/file.h"
#include "fakes/fake_clock.h"
#include "unit/base/temp_dir.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;

const Word kNobody{.agent_age = kNeverSpoke};
const Word kNobodyThere{.agent_age = kNeverSpoke, .agent_gone = true};
const Word kWell{.agent_age = 0s, .gateways = Gateways::well};

TEST(WordFile, AWordIsAsOldAsItsFile) {
  TempDir directory;
  FakeClock clock;
  auto file = directory.path / "word";
  Fd held;
  ASSERT_TRUE(hold_word(file, held));
  Word said{.agent_age = 99s, .gateways = Gateways::given_up, .heals_itself = true, .paused = true};
  ASSERT_TRUE(write_word(file, said, clock));
  said.agent_age = 0s;
  EXPECT_EQ(read_word(file, clock), said);
  clock.advance(2500ms);
  said.agent_age = 2500ms;
  EXPECT_EQ(read_word(file, clock), said);
  ASSERT_TRUE(write_word(file, kWell, clock));
  EXPECT_EQ(read_word(file, clock), kWell);
}

TEST(WordFile, EverybodyMayReadItWhateverTheUmask) {
  TempDir directory;
  FakeClock clock;
  auto before = ::umask(0077);
  ASSERT_TRUE(write_word(directory.path / "word", kWell, clock));
  ::umask(before);
  struct stat is{};
  ASSERT_EQ(::stat((directory.path / "word").c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0644U);
}

TEST(WordFile, AnAgentThatEndedIsGoneAtOnce) {
  TempDir directory;
  FakeClock clock;
  auto file = directory.path / "word";
  ASSERT_TRUE(write_word(file, kWell, clock));
  EXPECT_TRUE(read_word(file, clock).agent_gone) << "nobody has ever held it";
  auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Fd held;
    if (hold_word(file, held)) ::pause();
    ::_exit(1);
  }
  for (int i = 0; i < 1000 && read_word(file, clock).agent_gone; ++i) ::usleep(10'000);
  EXPECT_FALSE(read_word(file, clock).agent_gone);
  Fd mine;
  EXPECT_FALSE(hold_word(file, mine)) << "of two agents one speaks";
  // One that is stopped starves, and is not gone.
  ::kill(child, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  EXPECT_FALSE(read_word(file, clock).agent_gone);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(read_word(file, clock).agent_gone);
  EXPECT_TRUE(hold_word(file, mine));
  EXPECT_FALSE(read_word(file, clock).agent_gone);
}

TEST(WordFile, WhatIsHeldIsHeldAgainAfterItWasSweptAway) {
  TempDir directory;
  FakeClock clock;
  auto file = directory.path / "word";
  Fd held;
  ASSERT_TRUE(hold_word(file, held));
  auto first = held.get();
  ASSERT_TRUE(hold_word(file, held));
  EXPECT_EQ(held.get(), first) << "it is there";
  std::filesystem::remove(directory.path / "word.held");
  EXPECT_TRUE(read_word(file, clock).agent_gone);
  ASSERT_TRUE(hold_word(file, held));
  EXPECT_FALSE(read_word(file, clock).agent_gone);
}

TEST(WordFile, WithoutAFileNobodyHasSpoken) {
  TempDir directory;
  FakeClock clock;
  EXPECT_EQ(read_word(directory.path / "word", clock), kNobodyThere);
  EXPECT_FALSE(write_word(directory.path / "gone" / "word", kWell, clock));
}

TEST(WordFile, ThatTheWallClockJumpsMakesNoWordOlder) {
  TempDir directory;
  FakeClock clock;
  Fd held;
  ASSERT_TRUE(hold_word(directory.path / "word", held));
  ASSERT_TRUE(write_word(directory.path / "word", kWell, clock));
  clock.set_wall(clock.wall() + std::chrono::hours(48));
  EXPECT_EQ(read_word(directory.path / "word", clock), kWell);
}

TEST(WordFile, AWordOfTheFutureIsNone) {
  Instant now{1h};
  EXPECT_EQ(parse_word(word_text(kWell, now), now), kWell);
  EXPECT_EQ(parse_word(word_text(kWell, now + 1ns), now), kNobody);
  EXPECT_EQ(parse_word(word_text(kWell, Instant{0s}), Instant{24h * 365}),
            (Word{.agent_age = kNeverSpoke, .gateways = Gateways::well}));
}

TEST(WordFile, WhatIsDamagedIsNone) {
  Instant now{1h};
  const auto good = word_text(kWell, now);
  EXPECT_EQ(good,
            R"({"schema":"meshops.word/1","said_at_ns":3600000000000,"gateways":"well","heals_itself":false,)"
            R"("paused":false})"
            "\n");
  for (std::size_t i = 0; i + 2 < good.size(); ++i)
    EXPECT_EQ(parse_word(good.substr(0, i), now), kNobody) << i;
  auto with = [&](std::string_view part, std::string_view instead) {
    auto text = good;
    return parse_word(text.replace(text.find(part), part.size(), instead), now);
  };
  EXPECT_EQ(with("word/1", "word/2"), kNobody);
  EXPECT_EQ(with("3600000000000", "-1"), kNobody);
  EXPECT_EQ(with("3600000000000", "1.5"), kNobody);
  EXPECT_EQ(with("3600000000000", "18446744073709551615"), kNobody);
  EXPECT_EQ(with("\"well\"", "\"splendid\""), kNobody);
  EXPECT_EQ(with("\"well\"", "1"), kNobody);
  EXPECT_EQ(with("\"paused\":false", "\"paused\":0"), kNobody);
  EXPECT_EQ(with("\"paused\"", "\"pause\""), kNobody);
  // A newer agent may say more.
  EXPECT_EQ(with("\"paused\"", "\"more\":1,\"paused\""), kWell);
}

TEST(WordFile, ItLiesBesideTheAgentsSocket) {
  Mesh mesh;
  mesh.socket = "/run/meshops/agent.sock";
  EXPECT_EQ(word_file(mesh), "/run/meshops/word");
}

}  // namespace
}  // namespace meshops::mesh
