// Which configurations are kept for a bad night, and which never.
#include "agent/good_config.h"

#include <gtest/gtest.h>

#include "fakes/fake_host.h"
#include "unit/base/temp_dir.h"

namespace meshops {
namespace {

using namespace std::chrono_literals;

constexpr auto kConfig = "/home/oc/.openclaw/openclaw.json";
constexpr uid_t kOwner = 1000;
const std::string kOld = "{ gateway: { mode: 'local' } }";
const std::string kNew = "{ gateway: { mode: 'local', port: 18790 } }";

class GoodConfigTest : public testing::Test {
 protected:
  TempDir directory;
  FakeHost host;
  GoodConfig good{directory.path};
  WallTime now = *parse_iso8601("2026-11-24T05:00:00Z");
  WallTime began = now;
  Duration ready_for{};

  void config(const std::string& bytes) { write(kConfig, bytes); }
  void write(const std::string& path, const std::string& bytes) {
    host.file(path, bytes, 0600, kOwner);
    host.files[path].info.modified = now;
  }
  void starts(Duration later = 1h) {
    passes(later);
    began = now;
    ready_for = 0s;
  }
  void passes(Duration time) {
    now += std::chrono::duration_cast<std::chrono::milliseconds>(time);
    ready_for += time;
  }
  /// It is ready, and looked at.
  void look(Duration later = 5s) {
    passes(later);
    auto kept = good.look(
        host, {.config = kConfig, .now = now, .for_how_long = ready_for, .began = began, .uid = kOwner});
    ASSERT_TRUE(kept) << kept.error().text();
  }
  std::string proven() const { return read_file(GoodConfig::proven(directory.path)).value_or("(none)"); }
  std::string latest() const { return read_file(GoodConfig::latest(directory.path)).value_or("(none)"); }
};

TEST_F(GoodConfigTest, WhatItStartedWithIsKeptAtOnceAndProvenAfterTwoMinutes) {
  config(kOld);
  starts();
  look();
  EXPECT_EQ(latest(), kOld);
  EXPECT_EQ(proven(), "(none)");
  look(114s);
  EXPECT_EQ(proven(), "(none)");
  look(2s);
  EXPECT_EQ(proven(), kOld);
}

TEST_F(GoodConfigTest, ANewOneThatFailsAtOnceDoesNotReplaceTheProvenOne) {
  config(kOld);
  starts();
  look(3min);
  config(kNew);
  starts(10s);
  look();
  EXPECT_EQ(latest(), kNew);
  EXPECT_EQ(proven(), kOld);
}

TEST_F(GoodConfigTest, AnEditThatTheRunningGatewayHasNotTakenIsNeverKept) {
  config(kOld);
  starts();
  look(3min);
  config("{ gateway: { mode: 'local' }, bogusKey: 1 }");  // it says: config reload skipped
  for (int i = 0; i < 100; ++i) look();
  EXPECT_EQ(latest(), kOld);
  EXPECT_EQ(proven(), kOld);
}

TEST_F(GoodConfigTest, AnEditThatItSaysItHasTakenIsKept) {
  config(kOld);
  starts();
  look(3min);
  config(kNew);
  write(std::string(kConfig) + ".last-good", kNew);
  look();
  EXPECT_EQ(latest(), kNew);
  EXPECT_EQ(proven(), kOld) << "two minutes for each edit";
  look(2min);
  EXPECT_EQ(proven(), kNew);
}

TEST_F(GoodConfigTest, ItsOwnCopyMayComeAMomentLater) {
  starts();
  passes(1s);
  config(kNew);  // by the gateway itself, while it started
  look();
  EXPECT_EQ(latest(), "(none)");
  write(std::string(kConfig) + ".last-good", kNew);
  look(20s);
  EXPECT_EQ(latest(), kNew);
}

TEST_F(GoodConfigTest, WhatDoesNotParseIsNeverKept) {
  for (const auto* bytes : {"", "{ gateway: {", "[1]",
                            "\x7f"
                            "ELF"}) {
    config(bytes);
    starts();
    look(3min);
    EXPECT_EQ(latest(), "(none)") << bytes;
    EXPECT_EQ(proven(), "(none)") << bytes;
  }
}

TEST_F(GoodConfigTest, ALinkToSomebodyElsesFileIsNotFollowed) {
  // Restored, it would be given to the gateway's user.
  host.file("/root/secrets.json", kNew, 0600, 0);
  host.link(kConfig, "/root/secrets.json");
  host.files[kConfig].info.uid = kOwner;
  starts();
  look(3min);
  EXPECT_EQ(latest(), "(none)");
}

TEST_F(GoodConfigTest, BehindALinkTheFileItselfIsDated) {
  host.link(kConfig, "/home/oc/real.json");
  host.files[kConfig].info.uid = kOwner;
  host.files[kConfig].info.modified = now;
  write("/home/oc/real.json", kOld);
  starts();
  look(3min);
  EXPECT_EQ(proven(), kOld);
  write("/home/oc/real.json", kNew);
  look(3min);
  EXPECT_EQ(latest(), kOld) << "the link is old, what it leads to is not";
}

TEST_F(GoodConfigTest, WithoutKnowingWhenItBeganNothingIsGuessed) {
  config(kOld);
  passes(1h);
  ASSERT_TRUE(good.look(host, {.config = kConfig, .now = now, .for_how_long = 1h, .uid = kOwner}));
  EXPECT_EQ(latest(), "(none)");
}

TEST_F(GoodConfigTest, AProcessThatIsAdoptedIsJudgedByItsOwnAge) {
  config(kOld);
  passes(1h);
  began = now - 30min;
  ready_for = 0s;
  look();
  EXPECT_EQ(latest(), kOld);
  look(2min);
  EXPECT_EQ(proven(), kOld);
}

}  // namespace
}  // namespace meshops
