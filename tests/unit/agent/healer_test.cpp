// The healer from trouble to verdict: one gateway, a scripted judge, real records. What starts and stops is
// the bedside's; here it only takes notes.
#include "agent/healer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "fakes/fake_machine.h"
#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using heal::Sight;
using heal::Trouble;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kConfig = "/home/oc/.openclaw/openclaw.json";
const std::string kBroken =
    "{ meta: { lastTouchedVersion: \"2026.9.6\" }, gateway: { mode: \"local\" },\n  bogusKey: 1 }\n";
const std::string kMended = "{ meta: { lastTouchedVersion: \"2026.9.6\" }, gateway: { mode: \"local\" } }\n";

class FakeBedside final : public Bedside {
 public:
  explicit FakeBedside(FakeMachine& machine) : machine_(machine) {
    spec_.name = "main";
    spec_.runtime = RuntimeKind::systemd_system;
    spec_.unit = "openclaw-gateway.service";
    spec_.state_dir = "/home/oc/.openclaw";
    spec_.config = kConfig;
    identity_.state_dir = spec_.state_dir;
    identity_.config = kConfig;
    identity_.port = 18789;
  }
  Sight is{.trouble = Trouble::refused};
  std::string log = "<root>: Unrecognized key: \"bogusKey\"\n";
  std::vector<std::string> notes;
  bool runs = false;

  const GatewaySpec& spec() const override { return spec_; }
  const Identity& identity() const override { return identity_; }
  pid_t pid() const override { return runs ? 700 : 0; }
  bool running() const override { return runs; }
  Sight sight() const override { return is; }
  std::string summary() const override { return "as the test says"; }
  Instant last_start() const override { return machine_.the_clock.now(); }
  WallTime last_end() const override { return machine_.the_clock.wall(); }
  bool quiet() const override { return true; }
  void operated() override {}
  asio::awaitable<Result<nlohmann::ordered_json>> closeup() override {
    notes.emplace_back("looked");
    if (on_look) on_look();
    co_return nlohmann::ordered_json{
        {"schema", "meshops.closeup/1"}, {"gateway", "main"}, {"at", "2026-11-24T05:00:00Z"},
        {"facts", {{"exit_code", 78}}},  {"log", log},        {"skipped", nlohmann::ordered_json::array()}};
  }
  void hold() override { notes.emplace_back("held"); }
  void release(bool start, std::string) override { notes.emplace_back(start ? "started" : "released"); }
  asio::awaitable<Status> stop(std::string) override {
    notes.emplace_back("stopped");
    runs = false;
    co_return ok();
  }
  Status restart(std::string) override {
    notes.emplace_back("restarted");
    return ok();
  }
  std::function<void()> on_look;

 private:
  FakeMachine& machine_;
  GatewaySpec spec_;
  Identity identity_;
};

class HealerTest : public testing::Test {
 protected:
  HealerTest() {
    machine.the_host.file(kConfig, kBroken);
    mesh.node = "alpha";
    mesh.limits.backoff_reset = 10min;
  }
  TempDir directory;
  asio::io_context loop;
  FakeMachine machine{loop};
  Mesh mesh;
  std::unique_ptr<store::Ledger> ledger = *store::Ledger::open(directory.path / "ledger.sqlite");
  store::Kept kept{directory.path / "kept"};
  std::vector<alert::Alert> alerts;
  std::vector<diagnose::Cause> judged{diagnose::Cause::config_schema_invalid};
  Records records{
      .ledger = *ledger,
      .kept = kept,
      .incidents = Incidents(directory.path / "incidents"),
      .tell = [this](alert::Alert a) { alerts.push_back(std::move(a)); },
      .judge = [this](std::string, std::optional<WallTime>) -> asio::awaitable<Result<diagnose::Diagnosis>> {
        co_return diagnosis();
      }};
  FakeBedside bedside{machine};
  std::unique_ptr<Healer> healer = std::make_unique<Healer>(bedside, mesh, machine, records);

  diagnose::Diagnosis diagnosis() const {
    diagnose::Diagnosis out{.confidence = diagnose::Confidence::high, .hypotheses = {}, .symptoms = {}};
    for (auto cause : judged)
      out.hypotheses.push_back(
          {.cause = cause, .score = 0.9, .evidence = {}, .against = {}, .explains = {}, .remedies = {}});
    return out;
  }
  void sees(Sight sight, Duration later = 1s) {
    machine.the_clock.advance(later);
    bedside.is = sight;
    healer->saw();
    loop.restart();
    loop.run();
  }
  store::Entry last() { return ledger->list({}).value().at(0); }
  std::string config() { return machine.the_host.read(kConfig).value_or("(nothing)"); }
};

TEST_F(HealerTest, AnUnknownKeyIsTakenOutTheGatewayStartedAndTheEntryClosed) {
  sees({.trouble = Trouble::refused});
  EXPECT_EQ(config(), kMended);
  EXPECT_THAT(bedside.notes, ElementsAre("held", "looked", "started"));
  EXPECT_EQ(last().remedy, "remove_unknown_keys");
  EXPECT_EQ(last().verdict, store::Verdict::open);
  EXPECT_FALSE(last().incident.empty());
  EXPECT_TRUE(records.incidents.get(last().incident, "closeup-1.json"));
  sees({.trouble = Trouble::none, .starting = true}, 10s);
  sees({}, 10s);
  sees({}, 31s);
  EXPECT_EQ(last().verdict, store::Verdict::helped);
  EXPECT_THAT(alerts, IsEmpty());
  EXPECT_THAT(records.incidents.get(last().incident, "incident.json").value_or(""),
              HasSubstr("meshops.incident/1"));
}

TEST_F(HealerTest, WhatDidNotHelpIsTakenBack) {
  sees({.trouble = Trouble::refused});
  ASSERT_EQ(config(), kMended);
  bedside.notes.clear();
  // It was started after that, and refuses again for the same cause.
  machine.the_clock.advance(5s);
  sees({.trouble = Trouble::refused});
  EXPECT_EQ(config(), kBroken);
  EXPECT_EQ(last().verdict, store::Verdict::no_help);
  EXPECT_THAT(bedside.notes, ElementsAre("held", "looked", "released"));
}

TEST_F(HealerTest, AFileThatAPersonChangesMeanwhileIsLeftToThem) {
  healer = std::make_unique<Healer>(bedside, mesh, machine, records);
  // The person saves between the plan and the cut: planning reads the file, the surgeon reads it again.
  records.judge = [this](std::string,
                         std::optional<WallTime>) -> asio::awaitable<Result<diagnose::Diagnosis>> {
    asio::post(loop, [this] { machine.the_host.file(kConfig, "{ a: 1 }"); });
    co_return diagnosis();
  };
  sees({.trouble = Trouble::refused});
  EXPECT_THAT(config(), testing::AnyOf("{ a: 1 }", kMended));
}

TEST_F(HealerTest, WithoutARemedyPeopleAreToldWithTheDiagnosis) {
  judged = {diagnose::Cause::secret_env_missing};
  sees({.trouble = Trouble::refused});
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].kind, alert::Alert::Kind::gave_up);
  EXPECT_EQ(alerts[0].cause, "secret_env_missing");
  EXPECT_THAT(alerts[0].command, HasSubstr("meshops diagnose main"));
  ASSERT_FALSE(alerts[0].lines.empty());
  EXPECT_EQ(config(), kBroken);
  sees({}, 1s);
  sees({}, 31s);
  ASSERT_EQ(alerts.size(), 2U);
  EXPECT_EQ(alerts[1].kind, alert::Alert::Kind::recovered);
}

/// A node with siblings: who heals here now is asked first.
class HealerAmongSiblings : public HealerTest {
 protected:
  HealerAmongSiblings() { records.lease = &own; }
  mesh::RemotePlaces places{directory.path / "state", directory.path / "run"};
  mesh::LeaseFile own{places, machine.the_clock, "boot"}, siblings{places, machine.the_clock, "boot"};
};

TEST_F(HealerAmongSiblings, WhileASiblingHealsHereTheOwnHealerBeginsNothing) {
  ASSERT_TRUE(siblings.take("beta"));
  sees({.trouble = Trouble::refused});
  EXPECT_EQ(config(), kBroken);
  EXPECT_THAT(bedside.notes, IsEmpty());
  auto person = healer->person_asks();
  ASSERT_FALSE(person);
  EXPECT_THAT(person.error().text(), HasSubstr("beta"));
  // The sibling dies: after its lease the node helps itself.
  sees({.trouble = Trouble::refused}, mesh::kLeaseLength);
  EXPECT_EQ(config(), kMended);
  EXPECT_EQ(last().by, "meshops");
}

TEST_F(HealerAmongSiblings, WhatTheSiblingAskedForIsDoneAndItsNameStandsInTheLedger) {
  auto lease = siblings.take("beta");
  bedside.is = {.trouble = Trouble::refused};
  records.asked_by = "beta";
  records.asked_under = lease->fence;
  ASSERT_TRUE(healer->person_asks());
  loop.run();
  EXPECT_EQ(config(), kMended);
  EXPECT_EQ(last().by, "node beta");
  // A later lease of the same sibling is no order.
  sees({}, 1s);
  sees({}, 31s);
  machine.the_host.file(kConfig, kBroken);
  ASSERT_TRUE(siblings.take("beta"));
  sees({.trouble = Trouble::refused}, 11min);
  ASSERT_TRUE(siblings.take("beta"));
  bedside.notes.clear();
  sees({.trouble = Trouble::refused});
  EXPECT_THAT(bedside.notes, testing::Not(testing::Contains("looked")));
}

TEST_F(HealerAmongSiblings, WhileItTreatsSiblingsAreToldWhatAndSinceWhen) {
  bedside.on_look = [this] {
    auto beta = siblings.take("beta");
    ASSERT_FALSE(beta);
    EXPECT_THAT(beta.error().text(), HasSubstr("main"));
  };
  sees({.trouble = Trouble::refused});
  bedside.on_look = nullptr;
  ASSERT_EQ(config(), kMended);
  sees({.trouble = Trouble::none, .starting = true}, 10s);
  auto beta = siblings.take("beta");
  ASSERT_FALSE(beta) << "it still has to prove itself";
  EXPECT_THAT(beta.error().text(), HasSubstr("remove_unknown_keys"));
  sees({}, 10s);
  sees({}, 31s);
  EXPECT_TRUE(siblings.take("beta"));
}

TEST_F(HealerTest, ARehearsalChangesNothing) {
  Result<nlohmann::ordered_json> said = fail(heal::HealCode::busy, "not asked");
  asio::co_spawn(
      loop, [&]() -> asio::awaitable<void> { said = co_await healer->rehearse(); }, asio::detached);
  loop.run();
  ASSERT_TRUE(said) << said.error().text();
  EXPECT_THAT((*said)["decision"].get<std::string>(), HasSubstr("remove_unknown_keys"));
  for (const auto& o : (*said)["options"]) {
    bool chosen = o["remedy"] == "remove_unknown_keys";
    EXPECT_EQ(o["why_not"].is_null(), chosen) << o.dump();
    EXPECT_EQ(o["tried"], false);
  }
  EXPECT_EQ(config(), kBroken);
  EXPECT_TRUE(ledger->list({})->empty());
  EXPECT_TRUE(records.incidents.list().empty());
}

TEST_F(HealerTest, APersonTakesAnEntryBack) {
  sees({.trouble = Trouble::refused});
  sees({}, 1s);
  sees({}, 31s);
  ASSERT_EQ(last().verdict, store::Verdict::helped);
  Status done = fail(heal::HealCode::busy, "not asked");
  asio::co_spawn(
      loop, [&]() -> asio::awaitable<void> { done = co_await healer->take_back(last().id, "user 0"); },
      asio::detached);
  loop.restart();
  loop.run();
  EXPECT_TRUE(done);
  EXPECT_EQ(config(), kBroken);
  EXPECT_EQ(last().verdict, store::Verdict::undone);
}

TEST_F(HealerTest, ASwappedModelIsSwappedBackInTime) {
  const std::string routed =
      "{ meta: { v: 1 }, gateway: { mode: \"local\" },\n"
      "  agents: { defaults: { model: { primary: \"one/large\", fallbacks: [\"two/large\"] } } } }\n";
  machine.the_host.file(kConfig, routed);
  mesh.heal.consent = {"swap_primary_model"};
  bedside.runs = true;
  judged = {diagnose::Cause::provider_rate_limited};
  sees({.trouble = Trouble::turns_fail});
  EXPECT_THAT(config(), HasSubstr("primary: \"two/large\""));
  sees({}, 10s);
  sees({}, 31s);
  ASSERT_EQ(last().verdict, store::Verdict::helped);
  // The next agent knows of it, too.
  healer = std::make_unique<Healer>(bedside, mesh, machine, records);
  asio::co_spawn(loop, healer->take_over(), asio::detached);
  sees({}, 20min);
  EXPECT_THAT(config(), HasSubstr("primary: \"two/large\""));
  sees({}, 11min);
  EXPECT_EQ(config(), routed);
  EXPECT_EQ(last().verdict, store::Verdict::undone);
}

TEST_F(HealerTest, ATreatmentThatTheAgentDiedInIsTakenBackByTheNext) {
  auto id =
      *ledger->begin({.gateway = "main", .cause = "config_schema_invalid", .remedy = "x", .by = "meshops"});
  auto keep = [this](const std::string& b) { return kept.put(b); };
  heal::WriteFile write{kConfig, heal::FileState{kBroken, {0600, 0, 0}},
                        heal::FileState{kMended, {0600, 0, 0}}};
  ASSERT_TRUE(ledger->intend(id, {.number = 1, .action = *heal::to_json(write, keep)}));
  machine.the_host.file(kConfig, kMended);  // it had happened, and nobody wrote that down
  asio::co_spawn(loop, healer->take_over(), asio::detached);
  loop.run();
  EXPECT_EQ(config(), kBroken);
  EXPECT_EQ(last().verdict, store::Verdict::interrupted);
}

TEST_F(HealerTest, ATreatmentThatWasDoneIsWatchedOnByTheNextAgent) {
  auto id =
      *ledger->begin({.gateway = "main", .cause = "config_schema_invalid", .remedy = "x", .by = "meshops"});
  auto step = *ledger->intend(id, {.number = 1, .action = "{}"});
  ASSERT_TRUE(ledger->settle(step, store::Deed::done, 1ms, "", ""));
  asio::co_spawn(loop, healer->take_over(), asio::detached);
  loop.run();
  sees({}, 1s);
  sees({}, 31s);
  EXPECT_EQ(last().verdict, store::Verdict::helped);
}

}  // namespace
}  // namespace meshops
