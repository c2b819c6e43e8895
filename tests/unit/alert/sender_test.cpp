#include "alert/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "../base/temp_dir.h"
#include "an_alert.h"
#include "base/log.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_net.h"

namespace meshops::alert {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = Alert::Kind;

/// The real outbox, on a disk that may be full.
class FillableOutbox final : public store::Outbox {
 public:
  explicit FillableOutbox(std::unique_ptr<store::Outbox> real) : real_(std::move(real)) {}
  bool full = false;

  Result<std::int64_t> put(const store::Message& m) override {
    return full ? no<std::int64_t>() : real_->put(m);
  }
  Result<std::vector<store::Message>> due(WallTime now, std::size_t most,
                                          const std::set<std::string>& not_to) const override {
    return real_->due(now, most, not_to);
  }
  Status sent(std::int64_t id, WallTime at) override { return full ? no<void>() : real_->sent(id, at); }
  Status failed(std::int64_t id, std::string_view why, WallTime next) override {
    return full ? no<void>() : real_->failed(id, why, next);
  }
  Status drop(std::int64_t id, std::string_view why, WallTime at) override {
    return full ? no<void>() : real_->drop(id, why, at);
  }
  Result<std::optional<WallTime>> last(const std::string& to, const std::string& key) const override {
    return real_->last(to, key);
  }
  Result<std::optional<WallTime>> last_of(const std::string& to, const std::string& prefix) const override {
    return real_->last_of(to, prefix);
  }
  Result<std::vector<WallTime>> queued_since(const std::string& to, WallTime since) const override {
    return real_->queued_since(to, since);
  }
  Result<std::vector<store::Message>> waiting(std::size_t most) const override {
    return real_->waiting(most);
  }
  Result<std::optional<store::Delivery>> last_settled(const std::string& to) const override {
    return real_->last_settled(to);
  }
  Result<std::size_t> forget_before(WallTime time) override {
    return full ? no<std::size_t>() : real_->forget_before(time);
  }

 private:
  template <class T>
  static Result<T> no() {
    return fail(store::StoreCode::full, "the disk is full");
  }
  std::unique_ptr<store::Outbox> real_;
};

class SenderTest : public testing::Test {
 protected:
  void SetUp() override {
    log::set_sink([](log::Level, std::string_view, std::string_view, std::initializer_list<log::Field>) {});
    outbox = std::make_unique<FillableOutbox>(*store::Outbox::open(dir.path / "ledger.sqlite"));
    restart();
    net.answer("POST /phone", 200);
    net.answer("POST /mail", 200);
  }
  void TearDown() override { log::set_sink(nullptr); }
  void restart() { sender = std::make_unique<Sender>(specs, *outbox, net, clock, io.get_executor()); }

  void post(const Alert& alert) {
    auto posted = sender->post(alert);
    EXPECT_TRUE(posted) << posted.error().text();
  }
  /// One pass; gives how long it wants to rest.
  Duration pass() {
    std::optional<Duration> rest;
    asio::co_spawn(io, sender->send_due(), [&](const std::exception_ptr& thrown, Duration d) {
      if (!thrown) rest = d;
    });
    io.restart();
    io.run();
    EXPECT_TRUE(rest);
    return rest.value_or(0s);
  }
  /// What was asked since the last call: "phone gave_up disk_full".
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (; seen < net.requests.size(); ++seen) {
      auto json = nlohmann::json::parse(net.requests[seen].body);
      auto held = json["held_back"].get<unsigned>();
      out.push_back(fmt::format("{} {} {}{}", net.requests[seen].target.substr(1),
                                json["kind"].get<std::string>(), json["cause"].get<std::string>(),
                                held > 0 ? fmt::format(" +{}", held) : ""));
    }
    return out;
  }
  std::vector<std::string> sent_by(const Alert& alert) {
    post(alert);
    pass();
    return told();
  }
  static Alert about(std::string cause, Kind kind = Kind::gave_up, std::string gateway = "main") {
    auto alert = an_alert(kind);
    alert.cause = std::move(cause);
    alert.gateway = std::move(gateway);
    return alert;
  }
  std::vector<std::string> errors(const std::string& to) {
    std::vector<std::string> out;
    auto waiting = outbox->waiting(100);
    for (const auto& m : *waiting)
      if (m.to == to) out.push_back(m.last_error);
    return out;
  }

  TempDir dir;
  asio::io_context io{1};
  FakeClock clock;
  FakeNet net;
  std::vector<AlertSpec> specs = {{.name = "phone", .url = "http://127.0.0.1:1/phone"}};
  std::unique_ptr<FillableOutbox> outbox;
  std::unique_ptr<Sender> sender;
  std::size_t seen = 0;
};

TEST_F(SenderTest, AnAlertArrivesOnce) {
  EXPECT_THAT(sent_by(about("disk_full")), ElementsAre("phone gave_up disk_full"));
  clock.advance(1h);
  pass();
  EXPECT_THAT(told(), IsEmpty());
  auto last = *outbox->last_settled("phone");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->state, store::Delivery::State::sent);
}
TEST_F(SenderTest, TheSameIsNotSaidAgainWithinItsQuiet) {
  EXPECT_THAT(sent_by(about("disk_full")), ElementsAre("phone gave_up disk_full"));
  clock.advance(59min);
  EXPECT_THAT(sent_by(about("disk_full")), IsEmpty());
  EXPECT_THAT(sent_by(about("oom")), ElementsAre("phone gave_up oom")) << "another cause is news";
  EXPECT_THAT(sent_by(about("disk_full", Kind::stopped)), ElementsAre("phone stopped disk_full"));
  EXPECT_THAT(sent_by(about("disk_full", Kind::gave_up, "second")), ElementsAre("phone gave_up disk_full"));
  clock.advance(1min);
  EXPECT_THAT(sent_by(about("disk_full")), ElementsAre("phone gave_up disk_full"));
}
TEST_F(SenderTest, AClockThatWentBackKeepsNothingQuiet) {
  sent_by(about("disk_full"));
  clock.set_wall(clock.wall() - 24h);
  EXPECT_THAT(sent_by(about("disk_full")), ElementsAre("phone gave_up disk_full"));
}
TEST_F(SenderTest, RecoveryIsToldOnlyToWhomTheTroubleWas) {
  EXPECT_THAT(sent_by(about("", Kind::recovered)), IsEmpty());
  sent_by(about("disk_full"));
  clock.advance(1min);
  EXPECT_THAT(sent_by(about("", Kind::recovered, "second")), IsEmpty());
  EXPECT_THAT(sent_by(about("", Kind::recovered)), ElementsAre("phone recovered "));
  clock.advance(1min);
  EXPECT_THAT(sent_by(about("", Kind::recovered)), IsEmpty()) << "once";
}
TEST_F(SenderTest, TroubleAfterARecoveryIsNewsAtOnce) {
  sent_by(about("disk_full"));
  clock.advance(1min);
  sent_by(about("", Kind::recovered));
  clock.advance(1min);
  EXPECT_THAT(sent_by(about("disk_full")), ElementsAre("phone gave_up disk_full"))
      << "else people would believe that it is well";
}
TEST_F(SenderTest, OfTwoNodesEachIsNews) {
  auto of_node = [](std::string node, Kind kind) {
    auto alert = about("", kind, "");
    alert.node = std::move(node);
    return alert;
  };
  EXPECT_THAT(sent_by(of_node("beta", Kind::stopped)), ElementsAre("phone stopped "));
  EXPECT_THAT(sent_by(of_node("gamma", Kind::stopped)), ElementsAre("phone stopped ")) << "another node";
  EXPECT_THAT(sent_by(of_node("beta", Kind::stopped)), IsEmpty());
  clock.advance(1min);
  EXPECT_THAT(sent_by(of_node("delta", Kind::recovered)), IsEmpty());
  EXPECT_THAT(sent_by(of_node("beta", Kind::recovered)), ElementsAre("phone recovered "));
  EXPECT_THAT(sent_by(of_node("gamma", Kind::stopped)), IsEmpty()) << "its trouble goes on";
  EXPECT_THAT(sent_by(of_node("gamma", Kind::recovered)), ElementsAre("phone recovered "));
}
TEST_F(SenderTest, ATestIsAlwaysSent) {
  EXPECT_EQ(sent_by(about("", Kind::test)).size(), 1U);
  EXPECT_EQ(sent_by(about("", Kind::test)).size(), 1U);
}
TEST_F(SenderTest, OverTheRateTheNewestWaitsAndSpeaksForTheOthers) {
  specs[0].per_hour = 2;
  restart();
  EXPECT_EQ(sent_by(about("a")).size(), 1U);
  clock.advance(10min);
  EXPECT_EQ(sent_by(about("b")).size(), 1U);
  for (const char* cause : {"c", "d", "e"}) {
    clock.advance(1min);
    EXPECT_THAT(sent_by(about(cause)), IsEmpty());
  }
  clock.advance(46min);  // 59 min after the first
  pass();
  EXPECT_THAT(told(), IsEmpty());
  clock.advance(1min);
  pass();
  EXPECT_THAT(told(), ElementsAre("phone gave_up e +2"));
  EXPECT_TRUE(outbox->waiting(10)->empty());
}

TEST_F(SenderTest, AFailureIsTriedAgainAfterLongerAndLongerPauses) {
  net.answer("POST /phone", 503, "busy");
  post(about("disk_full"));
  EXPECT_EQ(pass(), 10s);
  EXPECT_THAT(errors("phone"), ElementsAre("alert 'phone': it answered 503: busy"));
  clock.advance(9s);
  pass();
  EXPECT_EQ(net.requests.size(), 1U);
  clock.advance(1s);
  EXPECT_EQ(pass(), 20s);
  clock.advance(20s);
  pass();
  EXPECT_EQ(net.requests.size(), 3U);
  net.answer("POST /phone", 200);
  clock.advance(40s);
  pass();
  EXPECT_EQ(net.requests.size(), 4U);
  EXPECT_TRUE(outbox->waiting(10)->empty());
}
TEST(Backoff, GrowsToAnHour) {
  EXPECT_EQ(backoff(1), 10s);
  EXPECT_EQ(backoff(2), 20s);
  EXPECT_EQ(backoff(9), 2560s);
  EXPECT_EQ(backoff(10), 1h);
  EXPECT_EQ(backoff(4'000'000'000), 1h);
}
TEST_F(SenderTest, RetryAfterIsHonouredUpToAnHour) {
  HttpAnswer busy;
  busy.status = 429;
  busy.headers["retry-after"] = "1800";
  net.answers.insert_or_assign("POST /phone", busy);
  post(about("disk_full"));
  pass();
  clock.advance(29min);
  pass();
  EXPECT_EQ(net.requests.size(), 1U);
  busy.headers["retry-after"] = "999999";
  net.answers.insert_or_assign("POST /phone", busy);
  clock.advance(1min);
  pass();
  EXPECT_EQ(net.requests.size(), 2U);
  clock.advance(1h);
  pass();
  EXPECT_EQ(net.requests.size(), 3U);
}
TEST_F(SenderTest, ADeadReceiverHoldsUpNobodyElse) {
  specs.push_back({.name = "mail", .url = "http://127.0.0.1:1/mail"});
  restart();
  net.fails("POST /phone", error(NetCode::timed_out, "x"));
  post(about("a"));
  post(about("b"));
  pass();
  EXPECT_THAT(told(), ElementsAre("phone gave_up a", "mail gave_up a", "mail gave_up b"))
      << "and what waits behind the first for the dead one costs no time-out of its own";
  net.answer("POST /phone", 200);
  clock.advance(10s);
  pass();
  EXPECT_THAT(told(), ElementsAre("phone gave_up a", "phone gave_up b")) << "in order";
}
TEST_F(SenderTest, ARefusalIsGivenUpAfterThreeTries) {
  net.answer("POST /phone", 404, "no such hook");
  post(about("disk_full"));
  for (int i = 0; i < 6; ++i) {
    pass();
    clock.advance(1h);
  }
  EXPECT_EQ(net.requests.size(), 3U);
  auto last = *outbox->last_settled("phone");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->state, store::Delivery::State::dropped);
  EXPECT_EQ(last->message.last_error, "alert 'phone': it answered 404: no such hook");
  net.answer("POST /phone", 200);
  EXPECT_THAT(sent_by(about("disk_full")), testing::Contains("phone gave_up disk_full"))
      << "what never arrived keeps nothing quiet";
}
TEST_F(SenderTest, AReceiverMayBeAwayForAWeekend) {
  net.fails("POST /phone", error(NetCode::refused, "x"));
  post(about("disk_full"));
  auto begun = clock.wall();
  while (clock.wall() - begun < 71h) {
    pass();
    clock.advance(1h);
  }
  EXPECT_FALSE(outbox->waiting(10)->empty());
  clock.advance(2h);
  pass();
  EXPECT_TRUE(outbox->waiting(10)->empty());
  EXPECT_EQ((*outbox->last_settled("phone"))->state, store::Delivery::State::dropped);
}
TEST_F(SenderTest, AJumpOfTheClockGivesNothingUp) {
  net.fails("POST /phone", error(NetCode::refused, "x"));
  post(about("disk_full"));
  pass();
  clock.set_wall(clock.wall() + 24h * 365);
  clock.advance(10s);
  pass();
  EXPECT_FALSE(outbox->waiting(10)->empty());
}
TEST_F(SenderTest, WhatWasQueuedIsSentByTheNextAgent) {
  post(about("disk_full"));
  restart();
  pass();
  EXPECT_THAT(told(), ElementsAre("phone gave_up disk_full"));
}
TEST_F(SenderTest, AnAlertThatWasTakenOutOfTheConfigurationIsDropped) {
  post(about("disk_full"));
  specs = {{.name = "mail", .url = "http://127.0.0.1:1/mail"}};
  restart();
  pass();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT((*outbox->last_settled("phone"))->message.last_error, HasSubstr("no [[alert]] has that name"));
}

TEST_F(SenderTest, AFullDiskDoesNotKeepAnAlertBack) {
  outbox->full = true;
  auto posted = sender->post(about("disk_full"));
  EXPECT_TRUE(posted.error().is("store.full"));
  pass();
  EXPECT_THAT(told(), ElementsAre("phone gave_up disk_full"));
  outbox->full = false;
  pass();
  EXPECT_THAT(told(), IsEmpty());
}
TEST_F(SenderTest, AFullDiskAndADeadReceiverAreWaitedOutTogether) {
  outbox->full = true;
  net.answer("POST /phone", 503);
  (void)sender->post(about("disk_full"));
  pass();
  clock.advance(10s);
  pass();
  EXPECT_EQ(net.requests.size(), 2U);
  outbox->full = false;
  pass();
  EXPECT_EQ(outbox->waiting(10)->size(), 1U) << "written down as soon as there is room";
}
TEST_F(SenderTest, WhatArrivedIsNotSentAgainBecauseTheDiskIsFull) {
  post(about("disk_full"));
  outbox->full = true;
  for (int i = 0; i < 5; ++i) {
    pass();
    clock.advance(1min);
  }
  EXPECT_EQ(net.requests.size(), 1U);
  outbox->full = false;
  pass();
  EXPECT_TRUE(outbox->waiting(10)->empty());
  EXPECT_EQ(net.requests.size(), 1U);
}
TEST_F(SenderTest, AFailureThatCannotBeNotedIsNotTriedWithoutPause) {
  post(about("disk_full"));
  net.answer("POST /phone", 404);
  outbox->full = true;
  pass();
  EXPECT_GE(pass(), 1s);
  EXPECT_EQ(net.requests.size(), 1U);
}

TEST_F(SenderTest, APostWakesTheSender) {
  asio::co_spawn(io, sender->run(), asio::detached);
  io.poll();
  EXPECT_TRUE(net.requests.empty());
  post(about("disk_full"));
  io.restart();
  io.poll();
  EXPECT_THAT(told(), ElementsAre("phone gave_up disk_full"));
  io.stop();
}

}  // namespace
}  // namespace meshops::alert
