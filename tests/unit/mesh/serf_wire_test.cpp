// Bytes as Serf 0.9.4 sent them.
#include "mesh/serf_wire.h"

#include <gtest/gtest.h>

namespace meshops::serf {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

std::string header(char seq, const std::string& error = "") {
  return "\x82\xa5"s + "Error" + static_cast<char>(0xa0 + error.size()) + error + "\xa3Seq"s + seq;
}
const std::string kMembers =
    "\x81\xa7Members\x92"
    "\x8b\xa4"
    "Addr\xc4\x04\x0a\x4d\x00\x0b\xab"
    "DelegateCur\x05\xab"
    "DelegateMax\x05\xab"
    "DelegateMin\x02\xa4Name\xa2"
    "a1\xa4Port\xcd\x1f\x0a\xabProtocolCur\x02\xabProtocolMax\x05\xabProtocolMin\x01\xa6Status\xa5"
    "alive\xa4Tags\x82\xa4mesh\xa4home\xa7version\xa5"
    "0.1.0"
    "\x84\xa4"
    "Addr\xc4\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x4d\x00\x0c\xa4Name\xa2"
    "b1\xa4Port\xcd\x1f\x0a\xa6Status\xa6"
    "failed"s;
const std::string kAddressOfLoopback =
    "\x85\xa4Keys\x81\xd9,cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=\x02\xa8Messages\x81\xa2"
    "b1\xa9"
    "disk full\xa6NumErr\x01\xa8NumNodes\x02\xa7NumResp\x02"s;

std::vector<Item> all_of(Incoming& in) {
  std::vector<Item> out;
  while (auto item = in.next()) out.push_back(std::move(*item));
  return out;
}

TEST(SerfWire, AMembersAnswerIsRead) {
  Incoming in;
  ASSERT_TRUE(in.feed(header(5) + kMembers));
  auto items = all_of(in);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_TRUE(items[0].header);
  EXPECT_EQ(items[0].seq, 5U);
  EXPECT_EQ(items[0].error, "");
  EXPECT_FALSE(items[1].header);
  auto members = read_members(items[1].body);
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0], (Member{.name = "a1",
                                .address = "10.77.0.11",
                                .port = 7946,
                                .state = MemberState::alive,
                                .tags = {{"mesh", "home"}, {"version", "0.1.0"}}}));
  EXPECT_EQ(members[1].address, "10.77.0.12") << "an IPv4 address in sixteen bytes";
  EXPECT_EQ(members[1].state, MemberState::failed);
}

TEST(SerfWire, HoweverTheBytesAreCutTheyMeanTheSame) {
  auto bytes = header(5) + kMembers + header(6, "no") + header(7) + kMembers;
  for (std::size_t cut = 1; cut < 60; ++cut) {
    Incoming in;
    for (std::size_t at = 0; at < bytes.size(); at += cut) ASSERT_TRUE(in.feed(bytes.substr(at, cut)));
    auto items = all_of(in);
    ASSERT_EQ(items.size(), 5U) << cut;
    EXPECT_EQ(items[2].error, "no");
    EXPECT_EQ(items[4].seq, 7U);
    EXPECT_EQ(read_members(items[4].body).size(), 2U);
  }
}

TEST(SerfWire, TwoHeadersBeforeOneBodyAreTwoHeaders) {
  // What `stats` sends.
  Incoming in;
  ASSERT_TRUE(in.feed(header(5) + header(5) + "\x81\xa4serf\x81\xa7members\xa1" + "3"));
  auto items = all_of(in);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_TRUE(items[1].header);
  EXPECT_EQ(read_stats(items[2].body).at("serf.members"), "3");
}

TEST(SerfWire, ARefusalIsFitToPrint) {
  Incoming in;
  ASSERT_TRUE(in.feed(header(5, "1 error:\n\tX\x1b[2J")));
  EXPECT_EQ(in.next()->error, "1 error:\\x0a\\x09X\\x1b[2J");
}

TEST(SerfWire, AKeyInARefusalIsNotKept) {
  Incoming in;
  ASSERT_TRUE(in.feed("\x82\xa5"s + "Error\xd9\x33" +
                      "no key cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=" + "\xa3Seq\x05"));
  EXPECT_FALSE(in.next()->error.contains("cruN96q05"));
}

TEST(SerfWire, WhatIsNoMsgpackEndsTheConnection) {
  Incoming in;
  EXPECT_FALSE(in.feed("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_FALSE(in.feed(header(5))) << "nobody knows where a value begins";
  EXPECT_FALSE(in.next());
}

TEST(SerfWire, AnAnswerWithoutAHeaderIsRefused) {
  Incoming in;
  EXPECT_FALSE(in.feed(kMembers));
}

TEST(SerfWire, DepthAndSizeHaveLimits) {
  Incoming deep;
  EXPECT_FALSE(deep.feed(std::string(kMostDepth + 2, '\x91')));
  Incoming long_text;
  EXPECT_FALSE(long_text.feed("\xdb\xff\xff\xff\xff")) << "4 GiB are never waited for";
  Incoming many;
  EXPECT_FALSE(many.feed("\xdd\xff\xff\xff\xff"));
  Incoming wide;  // a million empty arrays of sixteen each
  Status fed = wide.feed("\xdd\x00\x0f\xff\xff"s);
  for (int i = 0; fed && i < 200'000; ++i)
    fed = wide.feed("\x9f\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0"s);
  EXPECT_FALSE(fed);
}

TEST(SerfWire, ValuesOfAnotherTypeAreTakenAsNotSaid) {
  EXPECT_TRUE(read_members(nlohmann::json::array({1, 2})).empty());
  EXPECT_TRUE(read_members({{"Members", "x"}}).empty());
  auto odd = read_members(
      {{"Members", {{{"Name", "a"}, {"Addr", "12345"}, {"Port", 70000}, {"Status", 4}, {"Tags", 1}}}}});
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_EQ(odd[0], (Member{.name = "a"}));
  EXPECT_EQ(read_query_record({{"Type", nullptr}}).kind, QueryRecord::Kind::other);
  EXPECT_FALSE(read_coordinate({{"Ok", "yes"}}));
  EXPECT_TRUE(read_stats({{"a", 1}}).empty());
}

TEST(SerfWire, AKeyAnswerCountsWhoHoldsWhich) {
  Incoming in;
  ASSERT_TRUE(in.feed(header(5) + kAddressOfLoopback));
  auto answer = read_key_answer(all_of(in)[1].body);
  EXPECT_EQ(answer.nodes, 2U);
  EXPECT_EQ(answer.answered, 2U);
  EXPECT_EQ(answer.failed, 1U);
  EXPECT_EQ(answer.keys.at("cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc="), 2U);
  EXPECT_EQ(answer.complaints.at("b1"), "disk full");
}

TEST(SerfWire, AQueryOfTheStreamCarriesItsNumber) {
  Incoming in;
  ASSERT_TRUE(in.feed(header(77) + "\x85\xa5" +
                      "Event\xa5query\xa2ID\x01\xa5LTime\x02\xa4Name\xa3see\xa7Payload\xc4\x05hello"));
  auto event = read_event(all_of(in)[1].body);
  EXPECT_EQ(event.kind, Event::Kind::query);
  EXPECT_EQ(event.id, 1U);
  EXPECT_EQ(event.name, "see");
  EXPECT_EQ(event.payload, "hello");
}

TEST(SerfWire, RequestsAreWhatSerfReads) {
  auto parse = [](std::string_view bytes) {
    // A request is two values without a frame; as an array of two they can be read back.
    return nlohmann::json::from_msgpack("\x92" + std::string(bytes));
  };
  EXPECT_EQ(parse(handshake(0)), nlohmann::json({{{"Command", "handshake"}, {"Seq", 0}}, {{"Version", 1}}}));
  EXPECT_EQ(parse(join(3, {"10.0.0.2:7946"}))[1],
            (nlohmann::json{{"Existing", {"10.0.0.2:7946"}}, {"Replay", false}}));
  auto asked = parse(query(9, {.name = "see", .payload = "\x00\xff"s, .nodes = {"a"}, .timeout = 2s}))[1];
  EXPECT_EQ(asked["Timeout"], 2'000'000'000);
  EXPECT_EQ(asked["FilterNodes"], nlohmann::json({"a"}));
  EXPECT_EQ(asked["Payload"].get_binary().size(), 2U);
  EXPECT_EQ(parse(auth(1, Secret("k")).reveal())[1]["AuthKey"], "k");
  EXPECT_EQ(parse(key_order(1, KeyOrder::use, Secret("k")).reveal())[0]["Command"], "use-key");
}

TEST(SerfWire, ARoundTripIsTheDistanceOfTwoCoordinates) {
  Coordinate here{.vector = {0.003, 0}, .height = 0.001, .adjustment = 0, .error = 0.1};
  Coordinate there{.vector = {0, 0.004}, .height = 0.002, .adjustment = -0.001, .error = 0.1};
  EXPECT_NEAR(milliseconds(*round_trip(here, there)), 7.0, 0.001);
  there.adjustment = -1;
  EXPECT_NEAR(milliseconds(*round_trip(here, there)), 8.0, 0.001)
      << "an adjustment below nothing does not count";
  there.vector = {1};
  EXPECT_FALSE(round_trip(here, there));
  there.vector = {std::numeric_limits<double>::quiet_NaN(), 0};
  EXPECT_FALSE(round_trip(here, there));
}

}  // namespace
}  // namespace meshops::serf
