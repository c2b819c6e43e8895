// Through whom a node comes into the mesh.
#include "mesh/serf_contacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mesh/serf_agent.h"
#include "unit/net/loop.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

Mesh mesh_of(unsigned nodes) {
  Mesh mesh;
  mesh.node = "n0";
  for (unsigned i = 0; i < nodes; ++i) {
    NodeSpec node;
    node.name = fmt::format("n{}", i);
    node.address = fmt::format("10.0.0.{}", i + 1);
    mesh.nodes.push_back(std::move(node));
  }
  return mesh;
}

TEST(SerfContacts, EachOtherNodeOnceInAnOrderOfItsOwn) {
  auto mesh = mesh_of(20);
  auto ours = serf::addresses_in_order(mesh);
  EXPECT_EQ(ours.size(), 19U);
  EXPECT_EQ(std::set<std::string>(ours.begin(), ours.end()).size(), 19U);
  EXPECT_THAT(ours, testing::Not(testing::Contains("10.0.0.1:7946")));
  mesh.node = "n1";
  EXPECT_NE(serf::addresses_in_order(mesh)[0], ours[0]) << "not everybody asks the same one";
}

TEST(SerfContacts, SerfIsGivenSoManyAndNotFifty) {
  auto config = serf::agent_config(mesh_of(50), Secret("key"), "1");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(nlohmann::json::parse(config->reveal())["retry_join"].size(), serf::kContacts);
}

struct Listening : testing::Test {
  boost::asio::io_context io{1};
  std::unique_ptr<Net> net = real_net();
  boost::asio::ip::tcp::acceptor there{io, {boost::asio::ip::address_v4::loopback(), 0}};
  std::string open = fmt::format("127.0.0.1:{}", there.local_endpoint().port());
};

TEST_F(Listening, WhoIsDownIsNotWaitedFor) {
  auto found = test::run(io, serf::contacts_among(*net, {"127.0.0.1:1", open, "127.0.0.1:2"}, 5s));
  EXPECT_THAT(found, ElementsAre(open));
}

TEST_F(Listening, IfNobodyListensSerfIsLeftToSaySo) {
  std::vector<std::string> all;
  for (int i = 1; i <= 9; ++i) all.push_back(fmt::format("127.0.0.1:{}", i));
  auto found = test::run(io, serf::contacts_among(*net, all, 5s));
  ASSERT_EQ(found.size(), serf::kContacts);
  EXPECT_EQ(found[0], all[0]);
}

}  // namespace
}  // namespace meshops
