// What is made of a walk: which layer breaks it, in which words.
#include "mesh/path_steps.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/text.h"
#include "fakes/fake_edge.h"

namespace meshops::path {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kNow{std::chrono::seconds(1'790'000'000)};

/// From alpha to beta's SSH server, all well.
Walk well() {
  FakeEdge edge;
  return walk(edge, {.name = "alpha", .address = {}}, {.name = "beta", .host = "10.0.0.2"}, kNow);
}
Walk tls_walk() {
  auto out = well();
  out.target = {
      .name = "beta", .host = "beta.example.org", .port = 443, .kind = Kind::https, .request = "/healthz"};
  out.ssh = {};
  out.tls = {.outcome = TlsSeen::Outcome::shaken,
             .version = "TLSv1.3",
             .subject = "CN = beta.example.org",
             .names = {"beta.example.org"},
             .begins = kNow - 24h,
             .ends = kNow + 24h * 60,
             .trusted = true,
             .name_fits = true};
  out.http = {.outcome = HttpSeen::Outcome::answered, .status = 200};
  return out;
}
Conclusion judged(const Walk& walk) { return conclude(walk, steps(walk)); }
const Step step(const Walk& walk, Layer layer) { return steps(walk)[static_cast<std::size_t>(layer)]; }

TEST(Path, ThatHoldsIsGoodInOneSentence) {
  auto out = judged(well());
  EXPECT_FALSE(out.broken);
  EXPECT_EQ(out.sentence, "the way from alpha to beta is good");
  EXPECT_EQ(out.remedy, "");
  EXPECT_FALSE(judged(tls_walk()).broken) << judged(tls_walk()).sentence;
}

TEST(Path, WithPingsBlockedIsNotDown) {
  auto walk = well();
  walk.echo = {.tried = true};
  auto out = judged(walk);
  EXPECT_FALSE(out.broken);
  EXPECT_THAT(out.sentence, HasSubstr("does not answer pings, which is no fault"));
  EXPECT_EQ(step(walk, Layer::icmp).weight, Weight::note);
}

TEST(Path, ToAClosedPortSaysThatTheMachineIsUp) {
  auto walk = well();
  walk.tcp = {.outcome = TcpSeen::Outcome::refused};
  walk.ssh = {};
  walk.load = {};
  auto out = judged(walk);
  EXPECT_EQ(out.broken, Layer::tcp);
  EXPECT_EQ(out.sentence, "beta is up, but nothing takes connections on 10.0.0.2 port 22 (refused)");
  EXPECT_THAT(out.remedy, HasSubstr("sshd"));
}

TEST(Path, ThatIsSilentOnOnePortOnlyIsAFirewall) {
  auto walk = well();
  walk.tcp = {.outcome = TcpSeen::Outcome::timed_out};
  EXPECT_EQ(judged(walk).verdict, Verdict::dropped);
  walk.echo = {.tried = true};
  EXPECT_EQ(judged(walk).verdict, Verdict::silent) << "nothing says that it is up";
}

TEST(Path, WithoutARouteEndsBeforeAnybodyKnocks) {
  auto walk = well();
  walk.route = {.outcome = RouteSeen::Outcome::none};
  walk.tcp = {};
  EXPECT_EQ(judged(walk).broken, Layer::route);
  EXPECT_THAT(judged(walk).remedy, HasSubstr("ip route get 10.0.0.2"));
}

NameSeen named(std::vector<std::string> file, std::vector<std::string> server,
               std::vector<std::string> system) {
  NameSeen out{.needed = true, .addresses = std::move(system)};
  if (!file.empty()) out.told.push_back({"/etc/hosts line 4", true, false, std::move(file)});
  out.told.push_back({"name server 10.0.0.53", false, false, std::move(server)});
  return out;
}

TEST(Name, OfAWrongLineInTheHostsFileExplainsWhyTheWayEnds) {
  auto walk = well();
  walk.target.host = "beta.example.org";
  walk.name = named({"10.0.0.9"}, {"10.0.0.2"}, {"10.0.0.9"});
  walk.address = "10.0.0.9";
  EXPECT_EQ(judged(walk).verdict, Verdict::good) << "as long as it works, it is a note";
  EXPECT_THAT(judged(walk).sentence, HasSubstr("/etc/hosts of alpha says another address"));
  walk.tcp = {.outcome = TcpSeen::Outcome::no_neighbour};
  auto out = judged(walk);
  EXPECT_EQ(out.broken, Layer::name);
  EXPECT_EQ(out.verdict, Verdict::hosts_file_misleads);
  EXPECT_THAT(out.sentence,
              HasSubstr("/etc/hosts line 4 says 10.0.0.9, name server 10.0.0.53 says 10.0.0.2"));
}

TEST(Name, OfAnotherMachineWithAnotherHostKeyIsTheHostsFilesFault) {
  auto walk = well();
  walk.name = named({"10.0.0.9"}, {"10.0.0.2"}, {"10.0.0.9"});
  walk.ssh.key = SshSeen::Key::changed;
  EXPECT_EQ(judged(walk).verdict, Verdict::hosts_file_misleads);
}

TEST(Name, InAHostsFileThatAgreesIsNoNews) {
  auto walk = well();
  walk.name = named({"10.0.0.2"}, {"10.0.0.2", "10.0.0.3"}, {"10.0.0.2"});
  EXPECT_EQ(step(walk, Layer::name).weight, Weight::good);
}

TEST(Name, ThatNobodyKnowsIsNotAServerThatIsGone) {
  auto walk = well();
  walk.address = "";
  walk.route = {};
  walk.tcp = {};
  walk.ssh = {};
  walk.name = named({}, {}, {});
  EXPECT_EQ(judged(walk).verdict, Verdict::no_such_name);
  walk.name.told.front().silent = true;
  EXPECT_EQ(judged(walk).verdict, Verdict::no_name_server);
}

TEST(BlackHole, IsNamedBeforeWhatHangsBecauseOfIt) {
  auto walk = tls_walk();
  walk.target.kind = Kind::http;
  walk.tls = {};
  walk.load = {.outcome = LoadSeen::Outcome::stuck, .packet = 1500};
  walk.echo = {.tried = true, .took = 1ms, .largest = 1280};
  walk.http = {.outcome = HttpSeen::Outcome::silent};
  auto out = judged(walk);
  EXPECT_EQ(out.broken, Layer::mtu);
  EXPECT_THAT(out.sentence, HasSubstr("over 1280 bytes, of 1500 of the interface"));
}

TEST(LargePings, ThatAreLostWhileTcpGetsThroughBreakNothing) {
  auto walk = well();
  walk.echo = {.tried = true, .took = 1ms, .largest = 576};
  EXPECT_FALSE(judged(walk).broken);
  EXPECT_EQ(step(walk, Layer::mtu).verdict, Verdict::large_pings_lost);
}

TEST(SmallerMtu, ThatARouterTellsIsGood) {
  auto walk = well();
  walk.echo = {.tried = true, .took = 1ms, .largest = 1400, .told_mtu = 1400};
  EXPECT_EQ(step(walk, Layer::mtu).verdict, Verdict::smaller);
  EXPECT_FALSE(judged(walk).broken);
}

TEST(Certificate, SaysWhatIsWrongWithIt) {
  auto walk = tls_walk();
  walk.tls.ends = kNow - 24h * 3;
  EXPECT_EQ(judged(walk).verdict, Verdict::expired);
  EXPECT_THAT(judged(walk).sentence, HasSubstr("3 days ago"));
  walk = tls_walk();
  walk.tls.name_fits = false;
  walk.tls.names = {"gamma.example.org"};
  EXPECT_EQ(judged(walk).verdict, Verdict::wrong_name);
  EXPECT_THAT(judged(walk).sentence, HasSubstr("is not for beta.example.org: it is for gamma.example.org"));
  walk = tls_walk();
  walk.tls.trusted = false;
  walk.tls.why_not = "self-signed certificate";
  EXPECT_EQ(judged(walk).verdict, Verdict::untrusted);
  walk = tls_walk();
  walk.tls.ends = kNow + 24h * 5;
  EXPECT_FALSE(judged(walk).broken);
  EXPECT_EQ(step(walk, Layer::tls).verdict, Verdict::ends_soon);
}

TEST(Gateway, ThatAsksForALoginIsNotDown) {
  auto walk = tls_walk();
  walk.http.status = 401;
  EXPECT_FALSE(judged(walk).broken);
  EXPECT_EQ(step(walk, Layer::auth).verdict, Verdict::asks_for_login);
  walk.http.status = 503;
  EXPECT_EQ(judged(walk).broken, Layer::http);
  EXPECT_THAT(judged(walk).sentence, HasSubstr("the way to beta is good, but"));
}

TEST(HostKey, ThatChangedBreaksAndThatIsNewDoesNot) {
  auto walk = well();
  walk.ssh.key = SshSeen::Key::unknown;
  EXPECT_FALSE(judged(walk).broken);
  walk.ssh.key = SshSeen::Key::changed;
  EXPECT_EQ(judged(walk).broken, Layer::auth);
  EXPECT_THAT(judged(walk).remedy, HasSubstr("ssh-keygen -R 10.0.0.2"));
}

TEST(Hairpin, IsToldOfANodeThatDoesNotReachItself) {
  auto walk = well();
  walk.target.itself = true;
  walk.tcp = {.outcome = TcpSeen::Outcome::timed_out};
  walk.hairpin = {.outcome = HairpinSeen::Outcome::failed, .address = "10.0.0.2", .why = "no way back"};
  EXPECT_EQ(judged(walk).broken, Layer::hairpin);
  auto other = well();
  other.hairpin = walk.hairpin;
  EXPECT_FALSE(judged(other).broken) << "it does not need that to reach beta";
}

TEST(Meanings, AreWholeAndEachHasItsOwnId) {
  std::set<std::string_view> ids;
  for (const auto& row : meanings()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_EQ(meaning(row.verdict).id, row.id);
    EXPECT_TRUE(row.weight != Weight::breaks || !row.remedy.empty()) << row.id << " says nothing to do";
  }
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(Verdict::no_hairpin) + 1);
}

Walk any_walk() {
  auto walk = *rc::gen::arbitrary<bool>() ? well() : tls_walk();
  auto pick = [](int from, int to) { return *rc::gen::inRange(from, to); };
  if (pick(0, 3) == 0)
    walk.name = named(pick(0, 2) == 0 ? std::vector<std::string>{"10.0.0.9"} : std::vector<std::string>{},
                      pick(0, 2) == 0 ? std::vector<std::string>{"10.0.0.2"} : std::vector<std::string>{},
                      pick(0, 3) == 0 ? std::vector<std::string>{} : std::vector<std::string>{"10.0.0.9"});
  walk.route.outcome = static_cast<RouteSeen::Outcome>(pick(0, 4));
  walk.echo.tried = pick(0, 2) == 0;
  if (pick(0, 2) == 0) walk.echo.took.reset();
  walk.echo.largest = static_cast<unsigned>(pick(0, 1501));
  walk.tcp.outcome = static_cast<TcpSeen::Outcome>(pick(0, 9));
  walk.load.outcome = static_cast<LoadSeen::Outcome>(pick(0, 3));
  walk.tls.outcome = static_cast<TlsSeen::Outcome>(pick(0, 5));
  walk.http.outcome = static_cast<HttpSeen::Outcome>(pick(0, 5));
  walk.http.status = pick(100, 600);
  walk.ssh.outcome = static_cast<SshSeen::Outcome>(pick(0, 5));
  walk.ssh.key = static_cast<SshSeen::Key>(pick(0, 5));
  return walk;
}

RC_GTEST_PROP(AnyWalk, NamesTheFirstLayerThatBreaksIt, ()) {
  auto walk = any_walk();
  auto all = steps(walk);
  auto out = conclude(walk, all);
  std::optional<Layer> first;
  for (const auto& one : all)
    if (!first && one.weight == Weight::breaks) first = one.layer;
  RC_ASSERT(out.broken == first);
  RC_ASSERT(!out.sentence.empty() && (!first || !out.remedy.empty()));
  RC_ASSERT(out.sentence.find('{') == std::string::npos && out.remedy.find('{') == std::string::npos);
}

RC_GTEST_PROP(AnyWalk, IsNeverBrokenByPingsAlone, ()) {
  auto walk = any_walk();
  walk.load.outcome = LoadSeen::Outcome::passed;
  auto before = judged(walk).broken.has_value();
  walk.echo = {.tried = *rc::gen::arbitrary<bool>()};
  RC_ASSERT(judged(walk).broken.has_value() == before);
  RC_ASSERT(judged(walk).broken != Layer::icmp);
}

}  // namespace
}  // namespace meshops::path
