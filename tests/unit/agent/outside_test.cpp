// What lies outside of the mesh: the witness there, and the lease about a node that nobody reaches.
#include "agent/outside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>

#include "fakes/fake_machine.h"
#include "fakes/fake_store.h"
#include "unit/net/loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using mesh::Outside;
using store::ObjectCode;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Is = OutsideWorld::Lease::Is;
using Said = OutsideWorld::Said;

struct Outsides : testing::Test {
  Outsides() {
    mesh.name = "home";
    mesh.node = "alpha";
    mesh.nodes = {{.name = "alpha"}, {.name = "beta"}};
  }
  /// As at the agent's start.
  void begin(bool paused = false) {
    world = std::make_unique<OutsideWorld>(mesh, machine, "boot-1", store);
    boost::asio::co_spawn(io, world->run([paused] { return paused; }), boost::asio::detached);
    turn();
  }
  void turn() {
    io.restart();
    io.poll();
  }
  std::optional<Said> ask(std::optional<Duration> missed_for = std::nullopt) {
    machine.the_clock.advance(5s);
    return test::run(io, world->ask("beta", missed_for));
  }
  void beat_of_beta(Duration age, bool paused = false) {
    store->lay("home/beat/beta", to_json(mesh::Beat{.node = "beta", .boot = "b", .paused = paused}), age);
  }
  OutsideWorld::Lease take(std::uint64_t ticket = 7) { return test::run(io, world->take("beta", ticket)); }
  mesh::StoreLease lease() {
    return mesh::parse_store_lease(store->objects.at("home/lease/beta").bytes).value();
  }

  boost::asio::io_context io;
  FakeMachine machine{io};
  Mesh mesh;
  std::shared_ptr<FakeStore> store = std::make_shared<FakeStore>();
  std::unique_ptr<OutsideWorld> world;
};

TEST_F(Outsides, BeginWithAHeartbeatAndAProof) {
  begin(true);
  auto beat = mesh::parse_beat(store->objects.at("home/beat/alpha").bytes, "alpha").value();
  EXPECT_EQ(beat, (mesh::Beat{.node = "alpha", .boot = "boot-1", .paused = true}));
  EXPECT_TRUE(store->objects.contains("home/proof/alpha"));
  EXPECT_EQ(world->trouble(), "");
}

TEST_F(Outsides, HeartbeatTellsWhetherAPeerIsThere) {
  begin();
  EXPECT_EQ(ask(1min), (Said{Outside::cannot_tell})) << "it has none";
  beat_of_beta(40s, true);
  auto paused = ask(1min).value();
  EXPECT_EQ(paused.says, Outside::sees_it);
  EXPECT_TRUE(paused.paused_ago);
  beat_of_beta(4min);
  EXPECT_EQ(ask(3min), (Said{Outside::misses_it}));
  EXPECT_EQ(ask(1min), (Said{Outside::cannot_tell})) << "its agent ended long before it";
  store->lay("home/beat/beta", "junk");
  EXPECT_EQ(ask(3min), (Said{Outside::cannot_tell}));
  EXPECT_EQ(world->trouble(), "") << "one object is not the store";
  EXPECT_EQ(test::run(io, world->ask("beta", 1min)), std::nullopt) << "a moment ago";
  EXPECT_EQ(test::run(io, world->ask("nobody", 1min)), std::nullopt);
}

TEST_F(Outsides, OfUrlAndStoreTheOneThatSeesTheNodeCounts) {
  mesh.nodes[1].outside_url = "https://status.example.org/beta";
  begin();
  beat_of_beta(4min);
  machine.the_net.answer("GET /beta", 200);
  EXPECT_EQ(ask(4min)->says, Outside::sees_it);
  machine.the_net.answer("GET /beta", 404);
  EXPECT_EQ(ask(4min)->says, Outside::misses_it);
  beat_of_beta(10s);
  EXPECT_EQ(ask(4min)->says, Outside::sees_it);
  store->broken = error(ObjectCode::not_reached, "the store is away");
  EXPECT_EQ(ask(4min)->says, Outside::misses_it) << "the URL alone";
  machine.the_net.answer("GET /beta", 302);
  EXPECT_EQ(ask(4min)->says, Outside::cannot_tell);
}

TEST_F(Outsides, WithoutAStoreTheUrlIsAsked) {
  store.reset();
  begin();
  EXPECT_EQ(ask(), std::nullopt);
  mesh.nodes[1].outside_url = "https://status.example.org/beta";
  machine.the_net.answer("GET /beta", 503);
  EXPECT_EQ(ask()->says, Outside::misses_it);
  EXPECT_EQ(take().is, Is::no_store);
  EXPECT_EQ(world->trouble(), "");
}

TEST_F(Outsides, LeaseIsTakenRenewedAndGivenBack) {
  begin();
  auto first = take(7);
  ASSERT_EQ(first.is, Is::held) << first.said;
  EXPECT_EQ(first.fence, 1U);
  EXPECT_EQ(lease().holder, "alpha");
  EXPECT_EQ(lease().ticket, 7U);
  store->now += 40s;
  EXPECT_EQ(test::run(io, world->renew("beta", 1)).is, Is::held);
  auto given = [&]() -> boost::asio::awaitable<bool> {
    co_await world->give_back("beta", 1);
    co_return true;
  };
  EXPECT_TRUE(test::run(io, given()));
  EXPECT_TRUE(lease().released);
  EXPECT_EQ(test::run(io, world->renew("beta", 1)).is, Is::refused);
  EXPECT_EQ(take(8).fence, 2U) << "fences only grow";
}

TEST_F(Outsides, LeaseIsRefusedWhileAnotherHasIt) {
  begin();
  store->lay("home/lease/beta", to_json(mesh::StoreLease{"gamma", 1, 4, 9, false}), 30s);
  auto refused = take();
  EXPECT_EQ(refused.is, Is::refused);
  EXPECT_THAT(refused.said, HasSubstr("gamma has the lease"));
  store->now += 15s;
  auto taken = take();
  EXPECT_EQ(taken.is, Is::held);
  EXPECT_EQ(taken.fence, 5U);
  store->lay("home/lease/beta", "junk");
  EXPECT_EQ(take().is, Is::refused) << "whoever wrote that: its number is not known";
}

TEST_F(Outsides, AStoreThatIsAwayGivesNoLease) {
  begin();
  store->broken = error(ObjectCode::not_reached, "the store is away");
  EXPECT_EQ(take().is, Is::not_reached);
  EXPECT_EQ(test::run(io, world->renew("beta", 1)).is, Is::not_reached) << "that is no loss";
  EXPECT_THAT(world->trouble(), HasSubstr("the store is away"));
  store->broken.reset();
  EXPECT_EQ(take().is, Is::held);
  EXPECT_EQ(world->trouble(), "");
}

/// A key without s3:ListBucket is told 403 of what is not there.
TEST_F(Outsides, AKeyThatMayNotListIsEnough) {
  begin();
  struct Blind final : store::ObjectStore {
    explicit Blind(std::shared_ptr<FakeStore> in) : seeing(std::move(in)) {}
    boost::asio::awaitable<Result<std::optional<store::Object>>> get(std::string key) override {
      auto got = co_await seeing->get(key);
      if (got && !*got) co_return fail(ObjectCode::refused, "403");
      co_return got;
    }
    boost::asio::awaitable<Result<std::string>> put(std::string key, std::string bytes,
                                                    store::PutIf condition) override {
      return seeing->put(std::move(key), std::move(bytes), std::move(condition));
    }
    std::string text() const override { return "blind"; }
    std::shared_ptr<FakeStore> seeing;
  };
  world = std::make_unique<OutsideWorld>(mesh, machine, "boot-1", std::make_shared<Blind>(store));
  boost::asio::co_spawn(io, world->run([] { return false; }), boost::asio::detached);
  turn();
  EXPECT_EQ(ask(1min)->says, Outside::cannot_tell);
  EXPECT_EQ(take().is, Is::held);
  EXPECT_EQ(take().fence, 2U);
  EXPECT_EQ(world->trouble(), "");
}

TEST_F(Outsides, AStoreThatIgnoresConditionsIsNoneForLeases) {
  store->ignores_conditions = true;
  begin();
  EXPECT_EQ(take().is, Is::no_store);
  EXPECT_THAT(world->trouble(), HasSubstr("a store in memory took"));
  EXPECT_THAT(store->asked, Not(Contains("put home/lease/beta")));
  beat_of_beta(10s);
  EXPECT_EQ(ask(1min)->says, Outside::sees_it) << "as a witness it is as good as any";
}

TEST_F(Outsides, AStoreThatIsNotProvenYetGivesNoLease) {
  store->broken = error(ObjectCode::not_reached, "the store is away");
  begin();
  EXPECT_EQ(take().is, Is::not_reached);
  EXPECT_THAT(world->trouble(), HasSubstr("the store is away"));
}

}  // namespace
}  // namespace meshops
