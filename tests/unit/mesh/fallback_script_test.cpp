// The script that heals where meshops does not run: what it believes, what it refuses, and that it and
// meshops keep one lease, one list of nonces and one memory of treatments. Real /bin/sh and ssh-keygen; what
// it does to units is in the lab (tests/lab/test_fallback.py).
#include "mesh/fallback_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "mesh/lease_file.h"
#include "mesh/remote_gate.h"
#include "mesh/remote_report.h"
#include "mesh/remote_session.h"
#include "unit/base/temp_dir.h"
#include "unit/mesh/remote_signer.h"

namespace meshops::mesh {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

class FallbackScript : public testing::Test {
 protected:
  void SetUp() override {
    if (auto there = run({"sh", "-c", "command -v ssh-keygen flock runuser"}); !there || !there->exit.clean())
      GTEST_SKIP() << "ssh-keygen, flock or runuser is not installed";
    mesh.name = "home";
    mesh.node = "alpha";
    mesh.state_dir = directory.path / "state";
    mesh.socket = directory.path / "run/agent.sock";
    mesh.nodes = {{.name = "alpha"},
                  {.name = "beta", .healing_key = beta.public_key()},
                  {.name = "gamma", .healing_key = gamma.public_key()}};
    ASSERT_TRUE(make_directories(mesh.state_dir));
    ASSERT_TRUE(write_file_atomic(script, fallback_script(), {.mode = 0755}));
    install();
  }
  void install() {
    auto conf = fallback_conf(mesh, directory.path / "meshops", "", {});
    ASSERT_TRUE(conf) << conf.error().text();
    ASSERT_TRUE(write_file_atomic(directory.path / "remote.conf", *conf));
    ASSERT_TRUE(write_file_atomic(directory.path / "remote.signers", allowed_signers(healers_of(mesh))));
  }

  TempDir directory;
  fs::path script = directory.path / "remote";
  RemoteSigner beta, gamma;
  Mesh mesh;
  SystemClock clock;
  std::uint64_t asked = 0;

  RemoteRequest request(Verb verb, std::uint64_t fence = 0, std::string healer = "beta") {
    auto now = clock.wall();
    return {.verb = verb,
            .mesh = "home",
            .patient = "alpha",
            .healer = std::move(healer),
            .gateway = verb == Verb::heal || verb == Verb::diagnose ? "main" : "",
            .fence = fence,
            .ticket = verb == Verb::lease ? 17446744073709551615ULL : 0,
            .issued = now,
            .expires = now + 30s,
            .nonce = fmt::format("{:032x}", ++asked)};
  }
  std::string line(std::string json, std::string_view patient = "alpha",
                   std::string_view name_space = kSignatureNamespace) const {
    const auto& key = json.find("\"healer\":\"gamma\"") == std::string::npos ? beta : gamma;
    return to_line(RemoteSigner::base64(key.sign(name_space, signed_bytes("home", patient, json))), json);
  }
  RemoteAnswer send(const std::string& words) const {
    RunOptions options;
    options.input = words;
    options.environment = {{"HOME", "/"}};
    auto done = run({"/bin/sh", script.string()}, options);
    EXPECT_TRUE(done);
    EXPECT_EQ(done->err, "") << "nothing of its insides goes to the asker";
    auto answer = parse_remote_answer(done->out);
    EXPECT_TRUE(answer) << done->out;
    return answer.value_or(RemoteAnswer{});
  }
  RemoteAnswer ask(const RemoteRequest& r) { return send(line(to_json(r))); }
  /// "" if it was obeyed.
  std::string refused(const std::string& words) const {
    auto answer = send(words);
    return answer.good ? std::string() : answer.code;
  }
  LeaseFile lease_file() { return {remote_places(mesh), clock, boot_id()}; }
};

TEST_F(FallbackScript, TheBinaryCarriesItAsItIsInTheSource) {
  EXPECT_TRUE(fallback_script() == *read_file(MESHOPS_SOURCE_DIR "/src/mesh/fallback.sh"));
  EXPECT_TRUE(fallback_script().starts_with("#!/bin/sh\n"));
}

TEST_F(FallbackScript, SaysWhatItIsAndWhyMeshopsIsNotThatAnswers) {
  auto r = request(Verb::probe);
  auto answer = ask(r);
  ASSERT_TRUE(answer.good) << answer.message;
  EXPECT_EQ(answer.node, "alpha");
  EXPECT_EQ(answer.verb, "probe");
  EXPECT_EQ(answer.nonce, r.nonce);
  EXPECT_LT(std::chrono::abs(answer.at - clock.wall()), 1min);
  auto report = parse_probe_report(answer.result);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_TRUE(report->by_fallback);
  EXPECT_THAT(report->agent_said, HasSubstr("meshops does not run here"));
  // A text, an empty file, a program that is another one: none of them is run as meshops.
  for (const auto& bytes :
       {std::string("#!/bin/sh\necho 'meshops.remote/1 ready'\n"), std::string(), *read_file("/bin/echo")}) {
    ASSERT_TRUE(write_file_atomic(directory.path / "meshops", bytes, {.mode = 0755}));
    EXPECT_TRUE(parse_probe_report(ask(request(Verb::probe)).result)->by_fallback);
  }
}

TEST_F(FallbackScript, EachWayToBeWrongHasItsName) {
  auto wrong = [&](auto&& change) {
    auto r = request(Verb::probe);
    change(r);
    return refused(line(to_json(r)));
  };
  EXPECT_EQ(wrong([](auto&) {}), "");
  EXPECT_EQ(wrong([](auto& r) { r.patient = "gamma"; }), "remote.wrong_patient");
  EXPECT_EQ(wrong([](auto& r) { r.mesh = "work"; }), "remote.wrong_mesh");
  EXPECT_EQ(wrong([](auto& r) { r.healer = "delta"; }), "remote.unknown_healer");
  EXPECT_EQ(wrong([](auto& r) { r.healer = "alpha"; }), "remote.forbidden");
  EXPECT_EQ(wrong([](auto& r) { r.issued -= 100s, r.expires -= 100s; }), "remote.expired");
  EXPECT_EQ(wrong([](auto& r) { r.issued += 100s, r.expires += 100s; }), "remote.not_yet");
  EXPECT_EQ(wrong([](auto& r) { r.expires = r.issued + 61s; }), "remote.malformed");
  EXPECT_EQ(wrong([](auto& r) { r.expires = r.issued; }), "remote.malformed");
  for (auto verb : {Verb::heal, Verb::diagnose, Verb::unban, Verb::agent}) {
    auto answer = ask(request(verb));
    EXPECT_EQ(answer.code, "remote.cannot") << text(verb);
    EXPECT_THAT(answer.message, HasSubstr("meshops does not run on alpha"));
  }
  auto json = to_json(request(Verb::probe));
  EXPECT_EQ(refused(line(json, "gamma")), "remote.bad_signature") << "made for another patient";
  EXPECT_EQ(refused(line(json, "alpha", "git")), "remote.bad_signature") << "made for something else";
  auto blob = RemoteSigner().sign(kSignatureNamespace, signed_bytes("home", "alpha", json));
  EXPECT_EQ(refused(to_line(RemoteSigner::base64(blob), json)), "remote.bad_signature");
  auto others = to_json(request(Verb::probe, 0, "gamma"));
  blob = beta.sign(kSignatureNamespace, signed_bytes("home", "alpha", others));
  EXPECT_EQ(refused(to_line(RemoteSigner::base64(blob), others)), "remote.bad_signature")
      << "in another's name";
  auto good = line(json);
  EXPECT_EQ(refused(good), "") << "none of these has spent it";
  EXPECT_EQ(refused(good), "remote.replayed");
}

TEST_F(FallbackScript, OnlyTheOneWayToWriteARequest) {
  const auto good = to_json(request(Verb::probe));
  auto with = [&](std::string_view from, std::string_view to) {
    auto text = good;
    auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const auto& bad :
       {with("\"verb\":\"probe\"", "\"verb\":\"probe\",\"verb\":\"release\""), with("\"probe\"", "\"shell\""),
        with("{", "{ "), with("\"fence\":0", "\"fence\":-1"), with("\"fence\":0", "\"fence\":00"),
        with("\"fence\":0", "\"fence\":9999999999999999999"), with("\"fence\":0", "\"fence\":\"0\""),
        with("\"ticket\":0", "\"ticket\":1"), with("\"gateway\":\"\"", "\"gateway\":\"main\""),
        with("\"patient\":\"alpha\"", "\"patient\":\"../alpha\""),
        with("meshops.remote/1", "meshops.remote/2"), with("T", " "), with("-", "/"), good + " ", good + "}",
        good.substr(0, good.size() - 1) + ",\"more\":1}", good.substr(0, good.size() - 1), std::string("{}"),
        std::string("x")})
    EXPECT_EQ(refused(line(bad)), "remote.malformed") << bad;
  // What a shell would make something of, where words of others stand: each word somewhere, each place once.
  const std::vector<std::string> keys = {"verb",   "mesh",    "patient", "healer", "gateway",
                                         "issued", "expires", "nonce",   "schema"};
  const std::vector<std::string> odd_words = {"$(id)",  "`id`", ";id;", "|id",  "&id", "*",   "?",    "[a]",
                                              "~",      "a b",  "'",    "\\\"", "\\n", "-rf", "\x01", "\xff",
                                              "${IFS}", "$0",   "!!",   "%s",   "<x",  ">x"};
  auto is_refused = [&](const std::string& key, const std::string& odd) {
    auto at = good.find(fmt::format("\"{}\":\"", key));
    ASSERT_NE(at, std::string::npos);
    auto value = at + key.size() + 4;
    auto bad = good.substr(0, value) + odd + good.substr(good.find('"', value));
    EXPECT_EQ(refused(line(bad)), "remote.malformed") << bad;
  };
  for (std::size_t i = 0; i < odd_words.size(); ++i) is_refused(keys[i % keys.size()], odd_words[i]);
  for (const auto& key : keys) is_refused(key, "$(touch${IFS}/owned)");
  EXPECT_EQ(refused("$(id) " + good + "\n"), "remote.malformed");
  EXPECT_EQ(refused(line(with("\"fence\":0", "\"fence\":a[$(id)]"))), "remote.malformed");
  EXPECT_EQ(refused(line(good)), "");
}

TEST_F(FallbackScript, ReadsOneLineOf4095BytesAndNoMore) {
  auto one = line(to_json(request(Verb::probe)));
  auto two = line(to_json(request(Verb::lease)));
  EXPECT_EQ(refused(one.substr(0, one.size() - 1)), "remote.malformed") << "cut";
  EXPECT_EQ(refused(""), "remote.malformed");
  EXPECT_EQ(refused("\n"), "remote.malformed");
  EXPECT_EQ(refused(std::string(100'000, 'A')), "remote.malformed");
  EXPECT_EQ(refused(std::string(4096, 'A') + one), "remote.malformed");
  EXPECT_EQ(refused(one.substr(0, 5) + std::string(1, '\0') + one.substr(5, 20) + "\n" + one),
            "remote.malformed");
  EXPECT_EQ(refused(std::string(1100, 'A') + one.substr(one.find(' '))), "remote.malformed");
  EXPECT_EQ(send(one + two).verb, "probe");
  EXPECT_EQ(*lease_file().current(), std::nullopt) << "the second line was obeyed";
}

TEST_F(FallbackScript, ItsLeaseIsTheOneOfMeshops) {
  auto answer = ask(request(Verb::lease));
  ASSERT_TRUE(answer.good) << answer.message;
  auto given = parse_lease_report(answer.result, "alpha");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->fence, 1U);
  auto file = lease_file();
  auto seen = file.current();
  ASSERT_TRUE(seen && *seen);
  EXPECT_EQ((*seen)->holder, "beta");
  EXPECT_EQ((*seen)->ticket, 17446744073709551615ULL);
  EXPECT_TRUE(file.holds("beta", 1));
  EXPECT_FALSE(file.take("gamma"));
  EXPECT_EQ(ask(request(Verb::lease, 0, "gamma")).code, "remote.leased");
  EXPECT_TRUE(ask(request(Verb::lease, 1)).good) << "renewed";
  EXPECT_EQ(ask(request(Verb::lease, 2)).code, "remote.no_lease");
  EXPECT_EQ(ask(request(Verb::release, 1, "gamma")).code, "remote.leased");
  EXPECT_TRUE(ask(request(Verb::release, 1)).good);
  EXPECT_EQ(*file.current(), std::nullopt);
  // And the other way round.
  ASSERT_EQ(file.take("gamma", 5)->fence, 2U);
  EXPECT_EQ(ask(request(Verb::lease)).code, "remote.leased");
  EXPECT_EQ(ask(request(Verb::fallback, 2)).code, "remote.leased");
  EXPECT_EQ(parse_probe_report(ask(request(Verb::probe)).result)->lease_holder, "gamma");
  EXPECT_TRUE(ask(request(Verb::release, 2, "gamma")).good);
  ASSERT_TRUE(file.begin_own("main", "looks"));
  EXPECT_EQ(ask(request(Verb::lease)).code, "remote.leased") << "its own healer goes first";
  file.end_own("main");
  EXPECT_EQ(parse_lease_report(ask(request(Verb::lease)).result, "alpha")->fence, 3U);
}

TEST_F(FallbackScript, ThreeTreatmentsAnHourWhoeverCounts) {
  auto file = lease_file();
  ASSERT_TRUE(file.take("gamma", 4));
  ASSERT_TRUE(file.begin_deed("gamma", 1, "heal:main", 3));
  ASSERT_TRUE(file.release("gamma", 1));
  for (std::uint64_t fence = 2; fence <= 3; ++fence) {
    EXPECT_EQ(ask(request(Verb::fallback, 0)).code, "remote.no_lease");
    auto given = parse_lease_report(ask(request(Verb::lease)).result, "alpha");
    ASSERT_TRUE(given);
    EXPECT_EQ(given->fence, fence);
    EXPECT_EQ(given->history.size(), fence - 1);
    auto done = ask(request(Verb::fallback, fence));
    ASSERT_TRUE(done.good) << done.message;
    EXPECT_TRUE(parse_deed_report(done.result)->by_fallback);
    EXPECT_EQ(ask(request(Verb::fallback, fence)).code, "remote.spent") << "once under a lease";
    ASSERT_TRUE(ask(request(Verb::release, fence)).good);
  }
  auto history = file.history("alpha");
  ASSERT_TRUE(history) << history.error().text();
  ASSERT_EQ(history->size(), 3U);
  EXPECT_EQ(history->front().healer, "gamma");
  EXPECT_EQ(history->back().number, 17446744073709551615ULL);
  EXPECT_TRUE(history->back().over);
  ASSERT_EQ(file.take("gamma")->fence, 4U);
  EXPECT_EQ(file.begin_deed("gamma", 4, "agent", 3).error().code(), "remote.spent");
  EXPECT_EQ(ask(request(Verb::fallback, 4, "gamma")).code, "remote.spent");
}

TEST_F(FallbackScript, ARequestThatItObeyedMeshopsDoesNotObeyAgain) {
  auto r = request(Verb::probe);
  ASSERT_TRUE(ask(r).good);
  EXPECT_EQ(see_once(r, remote_places(mesh), clock.wall()).error().code(), "remote.replayed");
  auto other = request(Verb::probe);
  ASSERT_TRUE(see_once(other, remote_places(mesh), clock.wall()));
  EXPECT_EQ(ask(other).code, "remote.replayed");
}

TEST_F(FallbackScript, TheOwnersWordComesFirst) {
  mesh.limits.profile = Profile::observe_only;
  install();
  for (auto verb : {Verb::lease, Verb::reinstall, Verb::fallback})
    EXPECT_NE(refused(line(to_json(request(verb)))), "") << text(verb);
  EXPECT_EQ(ask(request(Verb::lease)).code, "remote.forbidden");
  EXPECT_TRUE(parse_probe_report(ask(request(Verb::probe)).result)->observes_only);
}

TEST_F(FallbackScript, WithoutACopyNothingIsReinstalled) {
  auto fence = parse_lease_report(ask(request(Verb::lease)).result, "alpha")->fence;
  auto answer = ask(request(Verb::reinstall, fence));
  EXPECT_EQ(answer.code, "remote.cannot");
  EXPECT_THAT(answer.message, HasSubstr("no whole copy of meshops"));
  EXPECT_TRUE(lease_file().history("alpha")->empty()) << "and it counts for nothing";
}

TEST_F(FallbackScript, WhatIsDamagedIsNotTakenForEmpty) {
  for (const auto& name : {"healing-nonces", "healing-lease", "healing-treatments"}) {
    ASSERT_TRUE(write_file_atomic(mesh.state_dir / name, "nonsense"));
    EXPECT_EQ(ask(request(Verb::lease)).code, "remote.not_kept") << name;
    fs::remove(mesh.state_dir / name);
  }
  ASSERT_TRUE(write_file_atomic(mesh.state_dir / "healing-lease", "7\n{\"schema\":\"meshops.lease/1\"}\n"));
  EXPECT_EQ(ask(request(Verb::lease)).code, "remote.not_kept");
  fs::remove(directory.path / "remote.conf");
  EXPECT_EQ(ask(request(Verb::probe)).code, "remote.cannot");
}

TEST_F(FallbackScript, OnADiskThatTakesNothingItRemembersInMemory) {
  fs::remove_all(mesh.state_dir);
  fs::create_directory_symlink("/proc/self", mesh.state_dir);  // takes nothing, root's neither
  auto r = request(Verb::lease);
  ASSERT_TRUE(ask(r).good);
  EXPECT_EQ(ask(r).code, "remote.replayed");
  EXPECT_TRUE(lease_file().holds("beta", 1));
  EXPECT_EQ(ask(request(Verb::lease, 0, "gamma")).code, "remote.leased");
}

TEST(FallbackConf, HasOnlyWhatAShellTakesAsItIs) {
  Mesh mesh;
  mesh.name = "home";
  mesh.node = "alpha";
  mesh.state_dir = "/var/lib/meshops";
  mesh.socket = "/run/meshops/agent.sock";
  auto conf =
      fallback_conf(mesh, "/usr/bin/meshops", "/srv/mesh.toml",
                    {{.name = "main",
                      .unit = "openclaw-gateway.service",
                      .user = {},
                      .owner = "claw",
                      .config = "/home/claw/.openclaw/openclaw.json"},
                     {.name = "second", .unit = "a.service", .user = "claw", .owner = {}, .config = "/a b"},
                     {.name = "odd", .unit = "a;id.service", .user = {}, .owner = {}, .config = {}}});
  ASSERT_TRUE(conf);
  EXPECT_EQ(*conf,
            "meshops.remote-conf/1\nmesh home\nnode alpha\nprogram /usr/bin/meshops\nconfig /srv/mesh.toml\n"
            "state /var/lib/meshops\nrun /run/meshops\nper_hour 3\nobserves_only no\n"
            "gateway main openclaw-gateway.service - claw /home/claw/.openclaw/openclaw.json\n"
            "gateway second a.service claw - -\n");
  EXPECT_FALSE(fallback_conf(mesh, "/usr/bin/mesh ops", "", {}));
  EXPECT_FALSE(fallback_conf(mesh, "/usr/bin/meshops", "/srv/\";id;\".toml", {}));
}

}  // namespace
}  // namespace meshops::mesh
