// What `meshops secrets list` tells of a machine, and what it never tells.
#include "audit/secret_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "../base/temp_dir.h"
#include "audit/fingerprint_key.h"
#include "base/file.h"
#include "fakes/fake_host.h"
#include "fakes/fake_live.h"

namespace meshops::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const WallTime kNow = *parse_iso8601("2026-11-24T05:40:00Z");
const std::string kToken = std::string("7423915608:") + "AAEkV3qPz0LrXw9sTjNcUyB5mHdGfQa1oIx";
const std::string kPassword = "tH7-pq91-Zx04-mmW2";

class SecretListTest : public testing::Test {
 protected:
  SecretListTest() {
    host.users.push_back({"claw", 1000, 1000, "/home/claw"});
    host.directory("/home/claw/.openclaw");
    host.file("/home/claw/.openclaw/.env", "# of the gateway\nTELEGRAM_BOT_TOKEN=" + kToken + "\n", 0600,
              1000);
    host.files["/home/claw/.openclaw/.env"].info.modified = kNow - std::chrono::hours(24 * 12);
  }
  SecretList gather(std::string_view key = "key of the mesh") {
    Site site(Ground::live, host, &live, default_mesh({.host_name = "alpha", .root = true}), kNow);
    return SecretList::gather(site, key);
  }
  static const ListedSecret* at(const SecretList& list, std::string_view place) {
    for (const auto& secret : list.secrets)
      if (secret.place() == place) return &secret;
    return nullptr;
  }
  FakeHost host;
  FakeLive live;
};

TEST_F(SecretListTest, TellsPlaceKindOwnerAndAge) {
  auto list = gather();
  const auto* one = at(list, "/home/claw/.openclaw/.env:2");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->name, "TELEGRAM_BOT_TOKEN");
  EXPECT_EQ(one->kind, "Telegram bot token");
  EXPECT_EQ(one->owner, "claw");
  EXPECT_EQ(one->mode, 0600U);
  EXPECT_EQ(one->since, kNow - std::chrono::hours(24 * 12));
  EXPECT_EQ(one->fingerprint.size(), 12U);
  EXPECT_THAT(one->also, IsEmpty());
  EXPECT_THAT(list.files, Contains("/home/claw/.openclaw/.env"));
}

TEST_F(SecretListTest, FingerprintsCompareWithinOneKeyAndTellNothingWithoutIt) {
  auto mine = gather(), again = gather(), other = gather("another key");
  EXPECT_EQ(mine.secrets.at(0).fingerprint, again.secrets.at(0).fingerprint);
  EXPECT_EQ(mine.key, again.key);
  EXPECT_NE(mine.secrets.at(0).fingerprint, other.secrets.at(0).fingerprint);
  EXPECT_NE(mine.key, other.key) << "lists that cannot be compared must be told apart";
}

TEST_F(SecretListTest, TheSameSecretElsewhereIsNamedOnBothSides) {
  host.file("/opt/app/.env", "TOKEN=" + kToken + "\n");
  host.directory("/opt/app");
  auto list = gather();
  EXPECT_THAT(at(list, "/home/claw/.openclaw/.env:2")->also, ElementsAre("/opt/app/.env:1"));
  EXPECT_THAT(at(list, "/opt/app/.env:1")->also, ElementsAre("/home/claw/.openclaw/.env:2"));
}

TEST_F(SecretListTest, CredentialsUnitsAndEnvironmentFilesOfGatewaysAreLookedAt) {
  host.file("/etc/systemd/system/openclaw-gateway.service",
            "[Service]\nUser=claw\nExecStart=/usr/bin/openclaw gateway\nEnvironment=GATEWAY_PASSWORD=" +
                kPassword + "\nEnvironmentFile=-/etc/claw/extra\nLoadCredential=bot:/etc/credstore/bot\n",
            0644);
  host.file("/etc/claw/extra", "API_PASSWORD=" + kPassword + "\n");
  host.file("/etc/credstore/bot", kToken + "\n", 0400);
  auto list = gather();
  const auto* credential = at(list, "/etc/credstore/bot");
  ASSERT_NE(credential, nullptr);
  EXPECT_EQ(credential->holder, ListedSecret::Holder::credential);
  EXPECT_EQ(credential->mode, 0400U);
  EXPECT_THAT(credential->also, ElementsAre("/home/claw/.openclaw/.env:2"))
      << "the line's end is not part of it";
  ASSERT_NE(at(list, "/etc/systemd/system/openclaw-gateway.service:4"), nullptr);
  EXPECT_THAT(at(list, "/etc/systemd/system/openclaw-gateway.service:4")->also,
              ElementsAre("/etc/claw/extra:1"));
  EXPECT_THAT(list.files, Contains("/etc/claw/extra"));
  EXPECT_THAT(list.files, Contains("/etc/credstore/bot"));
}

TEST_F(SecretListTest, TheEnvironmentOfARunningGatewayIsLookedAt) {
  host.process_runs(812, {"/usr/bin/node", "/usr/lib/node_modules/openclaw/openclaw.mjs", "gateway"}).uid =
      1000;
  host.running[812].comm = "node";
  host.environments[812] = {{"TELEGRAM_BOT_TOKEN", kToken}, {"HOME", "/home/claw"}};
  auto list = gather();
  const auto* one = at(list, "the environment of node (pid 812)");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->owner, "claw");
  EXPECT_THAT(one->also, ElementsAre("/home/claw/.openclaw/.env:2"));
}

TEST_F(SecretListTest, WhatCouldNotBeReadIsSaid) {
  host.files["/home/claw/.openclaw/.env"].readable = false;
  auto list = gather();
  ASSERT_FALSE(list.skips.empty());
  EXPECT_THAT(for_people(list, kNow), HasSubstr("not looked at: /home/claw/.openclaw/.env"));
}

TEST_F(SecretListTest, NoFormatShowsAPieceOfASecret) {
  host.file("/etc/credstore/bot", kPassword);
  host.file("/etc/systemd/system/openclaw-gateway.service",
            "[Service]\nExecStart=/usr/bin/openclaw gateway\nLoadCredential=bot:/etc/credstore/bot\n", 0644);
  host.process_runs(812, {"/usr/bin/node", "/usr/lib/node_modules/openclaw/openclaw.mjs", "gateway"});
  host.running[812].comm = "node";
  host.environments[812] = {{"TELEGRAM_BOT_TOKEN", kToken}};
  auto list = gather();
  ASSERT_EQ(list.secrets.size(), 3U) << for_people(list, kNow);
  for (const auto& text : {to_json(list, "alpha", kNow), for_people(list, kNow)})
    for (const auto& secret : {kToken, kPassword})
      for (std::size_t from = 0; from + 6 <= secret.size(); ++from)
        EXPECT_THAT(text, Not(HasSubstr(secret.substr(from, 6))));
}

TEST_F(SecretListTest, TheJsonIsOneDocument) {
  auto json = nlohmann::json::parse(to_json(gather(), "alpha", kNow));
  EXPECT_EQ(json["schema"], "meshops.secrets/1");
  EXPECT_EQ(json["node"], "alpha");
  EXPECT_EQ(json["secrets"][0]["file"], "/home/claw/.openclaw/.env");
  EXPECT_EQ(json["secrets"][0]["line"], 2);
  EXPECT_EQ(json["secrets"][0]["mode"], "0600");
  EXPECT_EQ(json["secrets"][0]["pid"], nullptr);
  EXPECT_THAT(json["files"], Contains("/home/claw/.openclaw/.env"));
}

class FingerprintKey : public testing::Test {
 protected:
  TempDir directory;
  std::filesystem::path file = directory.path / kFingerprintKeyFile;
};

TEST_F(FingerprintKey, IsMadeOnceForItsOwnerOnly) {
  auto made = fingerprint_key(directory.path / "new" / "state");
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->reveal().size(), 64U);
  auto path = directory.path / "new" / "state" / kFingerprintKeyFile;
  struct stat st{};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  EXPECT_EQ(fingerprint_key(directory.path / "new" / "state")->reveal(), made->reveal());
  EXPECT_NE(fingerprint_key(directory.path)->reveal(), made->reveal());
  auto left = std::distance(std::filesystem::directory_iterator(path.parent_path()), {});
  EXPECT_EQ(left, 1) << "nothing half-made stays behind";
}

TEST_F(FingerprintKey, OneThatOthersCanReadIsRefused) {
  ASSERT_TRUE(fingerprint_key(directory.path));
  ::chmod(file.c_str(), 0640);
  auto refused = fingerprint_key(directory.path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().for_people(), HasSubstr("chmod 600"));
}

TEST_F(FingerprintKey, WhatIsNoKeyIsRefusedAndNotReplaced) {
  for (const auto* text : {"", "short", "ZZ"}) {
    ASSERT_TRUE(write_file_atomic(file, text));
    EXPECT_FALSE(fingerprint_key(directory.path)) << text;
    EXPECT_EQ(*read_file(file), text);
  }
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/etc/passwd", file);
  EXPECT_FALSE(fingerprint_key(directory.path));
}

}  // namespace
}  // namespace meshops::audit
