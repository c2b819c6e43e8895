// What siblings did, as this node's own ledger has it.
#include "agent/visits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr Instant kNow{10h};
const WallTime kWall{std::chrono::sys_days(std::chrono::year(2026) / 11 / 29)};

mesh::Visit visit(std::uint64_t fence, std::vector<std::string> deeds) {
  return {.healer = "beta",
          .ticket = 7,
          .fence = fence,
          .begun = kNow - 20s,
          .ended = {},
          .deeds = std::move(deeds)};
}

std::vector<std::string> sentences(const store::Ledger& ledger) {
  std::vector<std::string> out;
  auto entries = ledger.list({}).value();
  for (const auto& entry : entries) out.push_back(entry.sentence);
  return out;
}

TEST(Visits, EachStandsInTheLedgerOnceAlsoAfterAnotherStart) {
  TempDir directory;
  auto ledger = store::Ledger::open(directory.path / "ledger.sqlite").value();
  record_visits({visit(3, {"agent"})}, "alpha", kNow, kWall, *ledger);
  record_visits({visit(3, {"agent"}), visit(4, {"agent", "reinstall"})}, "alpha", kNow + 1h, kWall + 1h,
                *ledger);
  EXPECT_THAT(sentences(*ledger),
              ElementsAre("beta brought this node's agent back: revive, reinstall, under lease 4",
                          "beta brought this node's agent back: revive, under lease 3"));
  auto entry = ledger->list({}).value().back();
  EXPECT_EQ(entry.gateway, "node alpha");
  EXPECT_EQ(entry.by, "beta");
  EXPECT_EQ(entry.remedy, "revive");
  EXPECT_EQ(entry.began, kWall - 20s);
  EXPECT_EQ(entry.verdict, store::Verdict::helped);
}

TEST(Visits, WhatWasDoneToAGatewayIsNotToldTwice) {
  TempDir directory;
  auto ledger = store::Ledger::open(directory.path / "ledger.sqlite").value();
  record_visits({visit(3, {"heal:main"})}, "alpha", kNow, kWall, *ledger);
  EXPECT_THAT(sentences(*ledger), ElementsAre());
}

}  // namespace
}  // namespace meshops
