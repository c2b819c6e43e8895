// What a patient believes: requests as they travel, good ones and every kind of bad one.
#include "mesh/remote_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "mesh/remote_nonces.h"
#include "mesh/remote_signature.h"
#include "unit/base/temp_dir.h"
#include "unit/mesh/remote_signer.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");

class RemoteGate : public testing::Test {
 protected:
  RemoteGate() {
    mesh.name = "home";
    mesh.node = "alpha";
    mesh.nodes = {{.name = "alpha", .address = "10.0.0.1"},
                  {.name = "beta", .address = "10.0.0.2", .healing_key = beta.public_key()},
                  {.name = "gamma", .address = "10.0.0.3"}};
  }
  RemoteSigner beta;
  Mesh mesh;
  RemoteRequest request{.verb = Verb::heal,
                        .mesh = "home",
                        .patient = "alpha",
                        .healer = "beta",
                        .gateway = "main",
                        .fence = 7,
                        .ticket = 0,
                        .issued = kNow,
                        .expires = kNow + 30s,
                        .nonce = "00112233445566778899aabbccddeeff"};

  std::string line(const RemoteRequest& r) const {
    auto json = to_json(r);
    auto blob = beta.sign(kSignatureNamespace, signed_bytes(r.mesh, r.patient, json));
    return to_line(RemoteSigner::base64(blob), json);
  }
  /// "" if it is believed.
  std::string refused(std::string_view words, WallTime now = kNow) const {
    auto checked = check_request(words, mesh, now);
    return checked ? std::string() : std::string(checked.error().code());
  }
};

TEST_F(RemoteGate, AGoodRequestIsReadAsItWasWritten) {
  auto checked = check_request(line(request), mesh, kNow);
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_EQ(*checked, request);
}

TEST_F(RemoteGate, EachWayToBeWrongHasItsName) {
  auto other = request;
  other.patient = "gamma";
  EXPECT_EQ(refused(line(other)), "remote.wrong_patient");
  other = request;
  other.mesh = "work";
  EXPECT_EQ(refused(line(other)), "remote.wrong_mesh");
  other = request;
  other.healer = "gamma";
  EXPECT_EQ(refused(line(other)), "remote.unknown_healer") << "a node without a healing_key heals nobody";
  other.healer = "nobody";
  EXPECT_EQ(refused(line(other)), "remote.unknown_healer");

  RemoteSigner stranger;
  auto json = to_json(request);
  auto bytes = signed_bytes("home", "alpha", json);
  auto sealed = [&](const std::string& blob) { return to_line(RemoteSigner::base64(blob), json); };
  EXPECT_EQ(refused(sealed(beta.sign(kSignatureNamespace, bytes))), "");
  EXPECT_EQ(refused(sealed(stranger.sign(kSignatureNamespace, bytes))), "remote.bad_signature");
  EXPECT_EQ(refused(sealed(beta.sign("git", bytes))), "remote.bad_signature")
      << "what the key signed for something else";
  EXPECT_EQ(refused(sealed(beta.sign(kSignatureNamespace, bytes, "sha256"))), "remote.bad_signature");
  EXPECT_EQ(refused(sealed(beta.sign(kSignatureNamespace, json))), "remote.bad_signature")
      << "without the names of mesh and patient";
  EXPECT_EQ(refused(sealed(beta.sign(kSignatureNamespace, signed_bytes("home", "gamma", json)))),
            "remote.bad_signature")
      << "one that was made for another patient";
  auto cut = beta.sign(kSignatureNamespace, bytes);
  EXPECT_EQ(refused(sealed(cut.substr(0, cut.size() - 1))), "remote.bad_signature");
  EXPECT_EQ(refused(sealed(cut + "x")), "remote.bad_signature");
  EXPECT_EQ(refused("SSHSIG " + json), "remote.bad_signature");
}

TEST_F(RemoteGate, NoByteMayBeChanged) {
  auto good = line(request);
  for (std::size_t i = good.find('{'); i + 1 < good.size(); ++i) {
    auto changed = good;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_NE(refused(changed), "") << changed;
  }
}

TEST_F(RemoteGate, ARequestIsGoodInItsTimeAndWhatClocksMayDiffer) {
  auto words = line(request);
  EXPECT_EQ(refused(words, kNow - 30s), "");
  EXPECT_EQ(refused(words, kNow - 31s), "remote.not_yet");
  EXPECT_EQ(refused(words, kNow + 60s), "");
  EXPECT_EQ(refused(words, kNow + 61s), "remote.expired");
  auto longer = request;
  longer.expires = kNow + 61s;
  EXPECT_EQ(refused(line(longer)), "remote.malformed");
  longer.expires = kNow;
  EXPECT_EQ(refused(line(longer)), "remote.malformed");
}

TEST_F(RemoteGate, ANodeAsksNotItself) {
  mesh.nodes[0].healing_key = beta.public_key();
  mesh.nodes[1].healing_key.clear();
  auto own = request;
  own.healer = "alpha";
  EXPECT_EQ(refused(line(own)), "remote.forbidden");
}

TEST(RemoteRequestText, OnlyTheOneWayToWriteIt) {
  RemoteRequest r{.verb = Verb::probe,
                  .mesh = "home",
                  .patient = "alpha",
                  .healer = "beta",
                  .gateway = "",
                  .fence = 0,
                  .ticket = 0,
                  .issued = kNow,
                  .expires = kNow + 30s,
                  .nonce = std::string(32, 'a')};
  const auto good = to_json(r);
  ASSERT_TRUE(parse_remote_request(good));
  auto with = [&](std::string_view from, std::string_view to) {
    auto text = good;
    auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const auto& bad : {
           with("\"verb\":\"probe\"", "\"verb\":\"probe\",\"verb\":\"heal\""),  // twice
           with("\"verb\":\"probe\"", "\"verb\":\"shell\""),
           with("{", "{ "),
           with("\"fence\":0", "\"fence\":-1"),
           with("\"fence\":0", "\"fence\":0.0"),
           with("\"fence\":0", "\"fence\":\"0\""),
           with("\"ticket\":0", "\"ticket\":1"),  // a probe is no treatment
           with("\"ticket\":0,", ""),
           with("\"gateway\":\"\"", "\"gateway\":\"main\""),  // a probe names none
           with("\"patient\":\"alpha\"", "\"patient\":\"../alpha\""),
           with("\"patient\":\"alpha\"", "\"patient\":\"al\\u0070ha\""),
           with("05:40:00.000Z", "05:40:00Z"),
           with("aaaaaaaa", "AAAAAAAA"),
           with("meshops.remote/1", "meshops.remote/2"),
           good + " ",
           good.substr(0, good.size() - 1) + ",\"more\":1}",
           std::string("[]"),
           std::string(),
           std::string(100'000, '['),
       })
    EXPECT_EQ(parse_remote_request(bad).has_value(), false) << bad.substr(0, 300);
}

TEST(RemoteSignature, IsWhatSshKeygenMakes) {
  TempDir directory;
  auto key = (directory.path / "key").string();
  auto made = run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "beta", "-f", key});
  if (!made || !made->exit.clean()) GTEST_SKIP() << "ssh-keygen is not installed";
  auto pub = *read_file(key + ".pub");
  RunOptions options;
  options.input = "what is signed\n";
  auto said =
      run({"ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", std::string(kSignatureNamespace)}, options);
  ASSERT_TRUE(said);
  auto signature = without_armour(said->out);
  ASSERT_TRUE(signature) << said->err;
  EXPECT_TRUE(check_signature(*signature, pub, kSignatureNamespace, "what is signed\n"));
  EXPECT_FALSE(check_signature(*signature, pub, kSignatureNamespace, "what is signed"));
  EXPECT_FALSE(
      check_signature(*signature, RemoteSigner().public_key(), kSignatureNamespace, "what is signed\n"));
  EXPECT_FALSE(without_armour("no signature"));
}

TEST_F(RemoteGate, TheOwnersWordComesFirst) {
  EXPECT_TRUE(check_allowed(request, Profile::normal, ""));
  EXPECT_TRUE(check_allowed(request, Profile::cautious, ""));
  EXPECT_EQ(check_allowed(request, Profile::normal, "moving its disk").error().code(), "remote.paused");
  for (auto verb : {Verb::agent, Verb::reinstall, Verb::fallback}) {
    auto all = request;
    all.verb = verb;
    all.gateway.clear();
    EXPECT_EQ(check_allowed(all, Profile::normal, "moving its disk").error().code(), "remote.paused");
  }
  for (auto verb : {Verb::heal, Verb::unban, Verb::agent, Verb::lease, Verb::reinstall, Verb::fallback}) {
    request.verb = verb;
    EXPECT_EQ(check_allowed(request, Profile::observe_only, "").error().code(), "remote.forbidden")
        << text(verb);
  }
  for (auto verb : {Verb::probe, Verb::diagnose, Verb::release}) {
    request.verb = verb;
    EXPECT_TRUE(check_allowed(request, Profile::observe_only, "moving its disk")) << text(verb);
  }
}

TEST_F(RemoteGate, ARequestIsObeyedOnceAlsoAfterAKill) {
  TempDir directory;
  RemotePlaces places{directory.path / "state", directory.path / "run"};
  EXPECT_TRUE(see_once(request, places, kNow));
  // Nothing is held in memory: the next process reads what this one wrote.
  EXPECT_EQ(see_once(request, places, kNow).error().code(), "remote.replayed");
  auto next = request;
  next.nonce = std::string(32, 'b');
  EXPECT_TRUE(see_once(next, places, kNow));
  EXPECT_EQ(see_once(request, places, kNow + 50s).error().code(), "remote.replayed");
}

TEST_F(RemoteGate, OnAFullDiskItIsRememberedInMemoryAndElseRefused) {
  TempDir directory;
  // A place that takes nothing, root's neither.
  RemotePlaces places{directory.path / "state", directory.path / "run"};
  std::filesystem::create_directory_symlink("/proc/self", places.state);
  EXPECT_TRUE(see_once(request, places, kNow));
  EXPECT_EQ(see_once(request, places, kNow).error().code(), "remote.replayed");
  places.run = places.state;
  EXPECT_FALSE(see_once(request, places, kNow));
}

TEST_F(RemoteGate, ADamagedMemoryIsNoEmptyOne) {
  TempDir directory;
  RemotePlaces places{directory.path / "state", directory.path / "run"};
  ASSERT_TRUE(see_once(request, places, kNow));
  ASSERT_TRUE(write_file_atomic(places.state / "healing-nonces", "nonsense"));
  auto again = see_once(request, places, kNow);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), "remote.not_kept");
  EXPECT_THAT(again.error().for_people(), HasSubstr("rm "));
}

TEST(Nonces, OldOnesAreForgottenButNeverTheNewestThousand) {
  SeenNonces seen;
  auto nonce = [](std::size_t i) { return fmt::format("{:032x}", i); };
  auto now = kNow;
  for (std::size_t i = 0; i < 3000; ++i, now += 1s) ASSERT_TRUE(seen.see(nonce(i), now + 90s, now));
  EXPECT_LE(seen.size(), SeenNonces::kKept + 1);
  // The clock jumps back a day: what was seen last is still known.
  EXPECT_EQ(seen.see(nonce(2000), now, now - 24h).error().code(), "remote.replayed");
  auto again = SeenNonces::parse(seen.text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text(), seen.text());
  EXPECT_FALSE(SeenNonces::parse("nonsense"));
}

TEST(Nonces, AFloodIsRefusedNotForgotten) {
  SeenNonces seen;
  for (std::size_t i = 0; i < SeenNonces::kMost; ++i)
    ASSERT_TRUE(seen.see(fmt::format("{:032x}", i), kNow + 90s, kNow));
  EXPECT_EQ(seen.see(std::string(32, 'f'), kNow + 90s, kNow).error().code(), "remote.not_kept");
  EXPECT_EQ(seen.see(std::string(32, '0'), kNow + 90s, kNow).error().code(), "remote.replayed");
  EXPECT_TRUE(seen.see(std::string(32, 'f'), kNow + 300s, kNow + 100s));
}

TEST(RemoteAnswerText, ComesBackAsItWas) {
  RemoteAnswer good{.verb = "probe",
                    .node = "alpha",
                    .nonce = std::string(32, 'a'),
                    .at = kNow,
                    .good = true,
                    .code = {},
                    .message = {},
                    .hint = {},
                    .result = R"({"agent":"up"})"};
  auto back = parse_remote_answer(to_json(good));
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->result, good.result);
  EXPECT_EQ(back->at, kNow);
  auto no = refusal(error(RemoteCode::paused, "main is paused").hint("meshops resume main"));
  no.at = kNow;
  back = parse_remote_answer(to_json(no));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->good);
  EXPECT_EQ(back->code, "remote.paused");
  EXPECT_EQ(back->hint, "meshops resume main");
  EXPECT_FALSE(parse_remote_answer("bash: meshops: command not found"));
  EXPECT_FALSE(parse_remote_answer(R"({"schema":"meshops.remote-answer/1"})"));
}

}  // namespace
}  // namespace meshops::mesh
