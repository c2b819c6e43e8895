// Everyone to everyone: one-way failures, nodes that could not be asked, and what is shown of them.
#include "mesh/matrix_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_edge.h"

namespace meshops::matrix {
namespace {

using path::FakeEdge;
using path::TcpSeen;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};
const std::vector<std::string> kNodes{"alpha", "beta", "gamma"};

std::string address(const std::string& node) {
  return node == "alpha" ? "10.0.0.1" : node == "beta" ? "10.0.0.2" : "10.0.0.3";
}

std::vector<Asked> asked(const std::string& from) {
  std::vector<Asked> out;
  for (const auto& to : kNodes)
    if (to != from) out.push_back({.to = to, .ssh = {.name = to, .host = address(to)}, .gateways = {}});
  return out;
}

/// `edge`: how the others look from `from`.
std::vector<Way> row(const std::string& from, FakeEdge& edge) {
  auto all = asked(from);
  std::vector<path::Report> reports;
  for (const auto& target : targets(all))
    reports.push_back(path::report(path::walk(edge, {.name = "its own name", .address = {}}, target, kNow)));
  auto made = ways(from, all, reports);
  EXPECT_TRUE(made);
  return made ? *made : std::vector<Way>();
}

/// beta does not reach gamma, and gamma reaches beta.
Table one_way() {
  Table out{.mesh = "home", .nodes = kNodes, .ways = {}};
  for (const auto& from : kNodes) {
    FakeEdge edge;
    if (from == "beta") edge.talks["10.0.0.3"] = FakeEdge::no_connection(TcpSeen::Outcome::timed_out);
    for (auto& way : row(from, edge)) out.ways.push_back(std::move(way));
  }
  return out;
}

TEST(Matrix, ShowsAWayThatHoldsInOneDirectionOnly) {
  auto table = one_way();
  ASSERT_EQ(table.one_way().size(), 1U);
  EXPECT_EQ(table.one_way()[0]->ssh.from, "beta");
  EXPECT_EQ(table.one_way()[0]->ssh.to, "gamma");
  EXPECT_FALSE(table.good());
  auto text = for_people(table, 100, false);
  EXPECT_THAT(text, HasSubstr("✗ beta → gamma (one way: back it holds): gamma is up, but"));
  EXPECT_THAT(text, HasSubstr("from / to  alpha      beta       gamma\n"));
  EXPECT_THAT(text, HasSubstr("beta       1.0 ms     -          ✗ tcp\n"));
  EXPECT_THAT(to_json(table, kNow), HasSubstr("\"one_way\": [\n    {\n      \"from\": \"beta\""));
}

TEST(Matrix, OfBothWaysBrokenIsNotOneWay) {
  auto table = one_way();
  for (auto& way : table.ways)
    if (way.ssh.from == "gamma" && way.ssh.to == "beta") way.ssh.broken = path::Layer::tcp;
  EXPECT_TRUE(table.one_way().empty());
}

TEST(Matrix, DoesNotTakeANodeThatCouldNotBeAskedForBroken) {
  auto table = one_way();
  std::erase_if(table.ways, [](const Way& way) { return way.ssh.from == "gamma"; });
  for (auto& way :
       no_ways("gamma", asked("gamma"), error(path::PathCode::no_meshops, "gamma has no meshops"), kNow))
    table.ways.push_back(std::move(way));
  EXPECT_TRUE(table.one_way().empty()) << "nobody knows whether gamma reaches beta";
  EXPECT_FALSE(table.good());
  auto text = for_people(table, 100, false);
  EXPECT_THAT(text, HasSubstr("gamma      ?          ?          -"));
  EXPECT_THAT(text, HasSubstr("? gamma could not be asked: gamma has no meshops"));
}

TEST(Matrix, TooWideForTheTerminalSaysWhoReachesWhom) {
  auto text = for_people(one_way(), 20, false);
  EXPECT_THAT(text, HasSubstr("alpha: reaches all 2\n"));
  EXPECT_THAT(text, HasSubstr("beta: reaches 1 of 2, not gamma\n"));
  EXPECT_THAT(text, Not(HasSubstr("from / to")));
}

TEST(Matrix, TellsGatewayPortsAndDoesNotCountThem) {
  FakeEdge edge;
  std::vector<Asked> all{
      {.to = "beta",
       .ssh = {.name = "beta", .host = "10.0.0.2"},
       .gateways = {
           {"main", {.name = "beta", .host = "10.0.0.22", .port = 18789, .kind = path::Kind::tcp}}}}};
  edge.talks["10.0.0.22"] = FakeEdge::no_connection(TcpSeen::Outcome::refused);
  std::vector<path::Report> reports;
  for (const auto& target : targets(all))
    reports.push_back(path::report(path::walk(edge, {.name = "alpha", .address = {}}, target, kNow)));
  auto made = ways("alpha", all, reports);
  ASSERT_TRUE(made);
  Table table{.mesh = "home", .nodes = {"alpha", "beta"}, .ways = *made};
  EXPECT_TRUE(table.good());
  EXPECT_THAT(for_people(table, 100, false),
              HasSubstr("gateway main of beta (port 18789): no other node reaches it"));
}

TEST(Matrix, RefusesAnAnswerAboutOtherWays) {
  auto all = asked("alpha");
  EXPECT_FALSE(ways("alpha", all, {}));
  FakeEdge edge;
  auto reports =
      std::vector<path::Report>(2, path::report(path::walk(edge, {.name = "alpha", .address = {}},
                                                           {.name = "x", .host = "10.9.9.9"}, kNow)));
  EXPECT_FALSE(ways("alpha", all, reports));
}

}  // namespace
}  // namespace meshops::matrix
