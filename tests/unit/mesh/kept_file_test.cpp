#include "mesh/kept_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
constexpr Instant kNow{2h};

Kept something() {
  return {.treatments = {{.what = {.patient = "beta",
                                   .healer = "alpha",
                                   .number = 7,
                                   .age = {},
                                   .over = true,
                                   .helped = true},
                          .at = Instant{1h}}},
          .claims = {{.patient = "beta", .healer = "gamma", .round = 3, .at = Instant{1h + 5s}}},
          .paused = {"delta"},
          .told = {"delta", ""}};
}

TEST(KeptFile, TimesOfThisBootComeBackAsTheyWere) {
  auto back = parse_kept(to_json(something(), "boot-1"), "boot-1", kNow).value();
  EXPECT_EQ(back, something());
}

TEST(KeptFile, AfterAnotherBootAllOfItHasJustHappened) {
  auto back = parse_kept(to_json(something(), "boot-1"), "boot-2", Instant{30s}).value();
  EXPECT_EQ(back.treatments[0].at, Instant{30s});
  EXPECT_EQ(back.claims[0].at, Instant{30s});
  EXPECT_EQ(back.claims[0].round, 0U) << "rounds begin anew with each boot";
}

TEST(KeptFile, NothingIsFromTheFuture) {
  auto back = parse_kept(to_json(something(), "boot-1"), "boot-1", Instant{10s}).value();
  EXPECT_EQ(back.treatments[0].at, Instant{10s});
}

TEST(KeptFile, ADamagedOneIsNotGuessedAt) {
  auto whole = to_json(something(), "boot-1");
  for (std::size_t n = 0; n + 2 < whole.size(); ++n)
    EXPECT_FALSE(parse_kept(whole.substr(0, n), "boot-1", kNow)) << n;
}

class OnShelf : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("meshops-kept-" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir_ / "state");
    std::filesystem::create_directories(dir_ / "run");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  RemotePlaces places() const { return {.state = dir_ / "state", .run = dir_ / "run"}; }
  std::filesystem::path dir_;
};

TEST_F(OnShelf, ANodeThatNeverHadAMemoryHasNothingToRemember) {
  auto recalled = recall(places(), "boot-1", kNow);
  EXPECT_TRUE(recalled.remembers);
  EXPECT_TRUE(recalled.kept.treatments.empty());
}

TEST_F(OnShelf, WhatWasKeptIsRecalled) {
  ASSERT_TRUE(keep(places(), something(), "boot-1"));
  auto recalled = recall(places(), "boot-1", kNow);
  EXPECT_TRUE(recalled.remembers);
  EXPECT_EQ(recalled.kept.treatments.at(0).what, something().treatments[0].what);
}

TEST_F(OnShelf, OneThatIsDamagedIsToldOf) {
  ASSERT_TRUE(keep(places(), something(), "boot-1"));
  ASSERT_TRUE(write_file_atomic(places().state / "healing-memory", "{\"schema\":"));
  auto recalled = recall(places(), "boot-1", kNow);
  EXPECT_FALSE(recalled.remembers);
  EXPECT_FALSE(recalled.why_not.empty());
  EXPECT_TRUE(std::filesystem::exists(places().state / "healing-memory.damaged"));
  EXPECT_TRUE(keep(places(), something(), "boot-1")) << "and a new one is kept from then on";
}

TEST_F(OnShelf, NobodyWaitsForTheShelf) {
  auto other = lock_shelves(places());
  ASSERT_TRUE(other);
  EXPECT_FALSE(keep(places(), something(), "boot-1"));
}

}  // namespace
}  // namespace meshops::mesh
