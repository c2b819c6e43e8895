#include "store/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../base/temp_dir.h"
#include "store/ledger.h"

namespace meshops::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");

class OutboxTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    outbox.reset();
    auto opened = Outbox::open(file);
    ASSERT_TRUE(opened) << opened.error().for_people();
    outbox = std::move(*opened);
  }
  std::int64_t put(std::string key, WallTime queued = kNow, std::string to = "phone") {
    auto id =
        outbox->put({.to = std::move(to), .key = std::move(key), .body = R"({"a":1})", .queued = queued});
    EXPECT_TRUE(id) << id.error().text();
    return id.value_or(0);
  }
  std::vector<std::int64_t> due(WallTime now) {
    std::vector<std::int64_t> out;
    auto messages = outbox->due(now, 100);
    EXPECT_TRUE(messages);
    for (const auto& m : *messages) out.push_back(m.id);
    return out;
  }

  TempDir dir;
  std::filesystem::path file = dir.path / "ledger.sqlite";
  std::unique_ptr<Outbox> outbox;
};

TEST_F(OutboxTest, AMessageWaitsThroughARestartAndGoesOnce) {
  auto id = put("main/disk_full/gave_up");
  reopen();
  auto messages = *outbox->due(kNow, 100);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].to, "phone");
  EXPECT_EQ(messages[0].key, "main/disk_full/gave_up");
  EXPECT_EQ(messages[0].body, R"({"a":1})");
  EXPECT_EQ(messages[0].queued, kNow);
  EXPECT_EQ(messages[0].tries, 0U);
  ASSERT_TRUE(outbox->sent(id, kNow));
  EXPECT_THAT(due(kNow + 24h), IsEmpty());
  EXPECT_TRUE(outbox->sent(id, kNow).error().is("store.not_found")) << "a second time is a mistake";
}
TEST_F(OutboxTest, AFailedOneComesBackWhenItsTimeHasCome) {
  auto id = put("k");
  ASSERT_TRUE(outbox->failed(id, "it answered 503", kNow + 10s));
  EXPECT_THAT(due(kNow + 9s), IsEmpty());
  EXPECT_THAT(due(kNow + 10s), ElementsAre(id));
  auto message = outbox->due(kNow + 10s, 1)->front();
  EXPECT_EQ(message.tries, 1U);
  EXPECT_EQ(message.last_error, "it answered 503");
  EXPECT_EQ(message.next_try, kNow + 10s);
}
TEST_F(OutboxTest, AClockThatWentBackHoldsNothingUp) {
  auto id = put("k");
  ASSERT_TRUE(outbox->failed(id, "", kNow + 1h));
  EXPECT_THAT(due(kNow), IsEmpty());
  EXPECT_THAT(due(kNow - 24h * 365), ElementsAre(id));
}
TEST_F(OutboxTest, TheOldestGoesFirst) {
  auto a = put("a"), b = put("b"), c = put("c");
  EXPECT_THAT(due(kNow), ElementsAre(a, b, c));
  EXPECT_EQ(outbox->due(kNow, 2)->size(), 2U);
}
TEST_F(OutboxTest, WhatWasDroppedWasNeverTold) {
  auto id = put("main/x/gave_up");
  EXPECT_EQ(*outbox->last("phone", "main/x/gave_up"), kNow);
  EXPECT_EQ(*outbox->last("mail", "main/x/gave_up"), std::nullopt);
  EXPECT_EQ(*outbox->last_of("phone", "main/"), kNow);
  EXPECT_EQ(*outbox->last_of("phone", "mai%"), std::nullopt) << "a prefix is no pattern";
  EXPECT_EQ(outbox->queued_since("phone", kNow)->size(), 1U);
  EXPECT_EQ(outbox->queued_since("phone", kNow + 1ms)->size(), 0U);
  ASSERT_TRUE(outbox->drop(id, "it answered 404", kNow));
  EXPECT_EQ(*outbox->last("phone", "main/x/gave_up"), std::nullopt);
  EXPECT_EQ(*outbox->last_of("phone", "main/"), std::nullopt);
  EXPECT_EQ(outbox->queued_since("phone", kNow)->size(), 0U);
  EXPECT_THAT(due(kNow), IsEmpty());
}
TEST_F(OutboxTest, TheLastResultOfEachIsKept) {
  EXPECT_EQ(outbox->last_settled("phone")->has_value(), false);
  auto a = put("a"), b = put("b");
  put("c");
  ASSERT_TRUE(outbox->failed(a, "it answered 503", kNow));
  ASSERT_TRUE(outbox->sent(a, kNow + 1s));
  ASSERT_TRUE(outbox->drop(b, "it answered 404", kNow + 2s));
  auto last = *outbox->last_settled("phone");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->message.key, "b");
  EXPECT_EQ(last->state, Delivery::State::dropped);
  EXPECT_EQ(last->settled, kNow + 2s);
  EXPECT_EQ(last->message.last_error, "it answered 404");
  EXPECT_EQ(outbox->waiting(10)->front().key, "c");
}
TEST_F(OutboxTest, ForgettingSparesWhatWaits) {
  auto a = put("a");
  put("b");
  ASSERT_TRUE(outbox->sent(a, kNow));
  EXPECT_EQ(*outbox->forget_before(kNow + 1s), 1U);
  EXPECT_EQ(*outbox->forget_before(kNow + 1s), 0U);
  EXPECT_EQ(outbox->waiting(10)->size(), 1U);
}
TEST_F(OutboxTest, ItLivesInTheLedgersFile) {
  auto ledger = Ledger::open(file);
  ASSERT_TRUE(ledger) << ledger.error().text();
  auto id = put("a");
  ASSERT_TRUE((*ledger)->begin({.gateway = "main", .began = kNow}));
  ASSERT_TRUE(outbox->sent(id, kNow));
  EXPECT_EQ((*ledger)->list({})->size(), 1U);
  auto reader = Outbox::read(file);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->last_settled("phone")->value().message.key, "a");
}

}  // namespace
}  // namespace meshops::store
