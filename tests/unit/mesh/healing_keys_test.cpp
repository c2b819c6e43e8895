// The keys of healing: what authorized_keys says afterwards, and what it does not lose.
#include "mesh/healing_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "unit/base/temp_dir.h"
#include "unit/mesh/remote_signer.h"

namespace meshops::mesh {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr auto kCommand = "/usr/bin/meshops remote";

class AuthorizedKeys : public testing::Test {
 protected:
  RemoteSigner beta_key, gamma_key, ada_key;
  Healer beta{"beta", beta_key.public_key()}, gamma{"gamma", gamma_key.public_key()};
  std::string ada = ada_key.public_key() + " ada@laptop";
};

TEST_F(AuthorizedKeys, EachHealerIsBoundAndNobodyElseIsTouched) {
  auto text = "# who may come\n" + ada;  // and no line end
  EXPECT_EQ(with_healers(text, {beta, gamma}, kCommand),
            "# who may come\n" + ada + "\n" + "restrict,command=\"/usr/bin/meshops remote\" " + beta.key +
                " meshops-healer:beta\n" + "restrict,command=\"/usr/bin/meshops remote\" " + gamma.key +
                " meshops-healer:gamma\n");
  EXPECT_EQ(with_healers(text, {}, kCommand), text) << "byte for byte";
  EXPECT_EQ(with_healers("", {beta}, kCommand), authorized_line(beta, kCommand) + "\n");
}

TEST_F(AuthorizedKeys, WhatIsRightStaysAsItIs) {
  auto right = authorized_line(beta, kCommand) + "\n\n" + ada + "\n";
  EXPECT_THAT(faults_in(right, {beta}, kCommand), IsEmpty());
  EXPECT_EQ(with_healers(right, {beta}, kCommand), right);
}

TEST_F(AuthorizedKeys, AHealersKeyThatOpensAShellIsBound) {
  for (const auto& loose :
       {beta.key + " root@beta", "command=\"/bin/sh\" " + beta.key,
        "restrict,pty,command=\"/usr/bin/meshops remote\" " + beta.key + " meshops-healer:beta"}) {
    EXPECT_THAT(faults_in(loose, {beta}, kCommand), Not(IsEmpty())) << loose;
    EXPECT_EQ(with_healers(loose + "\n" + ada + "\n", {beta}, kCommand),
              ada + "\n" + authorized_line(beta, kCommand) + "\n");
  }
}

TEST_F(AuthorizedKeys, WhoHealsNoMoreComesInNoMore) {
  auto text = authorized_line(beta, kCommand) + "\n" + authorized_line(gamma, kCommand) + "\n" + ada + "\n";
  EXPECT_EQ(with_healers(text, {gamma}, kCommand), ada + "\n" + authorized_line(gamma, kCommand) + "\n");
  // A new key of the same node replaces the old one.
  Healer renewed{"beta", ada_key.public_key()};
  auto after = with_healers(authorized_line(beta, kCommand) + "\n", {renewed}, kCommand);
  EXPECT_EQ(after, authorized_line(renewed, kCommand) + "\n");
}

TEST(ForcedCommand, HandsNoEnvironmentOn) {
  EXPECT_EQ(forced_command("/usr/local/lib/meshops/remote", true),
            "/usr/bin/env -i /usr/local/lib/meshops/remote");
  EXPECT_EQ(forced_command("/usr/local/lib/meshops/remote", false), "sudo -n /usr/local/lib/meshops/remote");
}

TEST(HealersOfAMesh, AreTheOthersThatHaveAKey) {
  Mesh mesh;
  mesh.node = "alpha";
  mesh.nodes = {{.name = "alpha", .healing_key = "ssh-ed25519 A"},
                {.name = "beta", .healing_key = "ssh-ed25519 B"},
                {.name = "gamma"}};
  auto healers = healers_of(mesh);
  ASSERT_EQ(healers.size(), 1U);
  EXPECT_EQ(healers[0].node, "beta");
}

TEST(HealingKey, IsMadeOnceAndForItsOwnerOnly) {
  TempDir directory;
  auto file = directory.path / "state" / "healing_key";
  auto made = healing_key(file, "alpha");
  if (!made) GTEST_SKIP() << made.error().text();
  EXPECT_THAT(*made, StartsWith("ssh-ed25519 AAAA"));
  EXPECT_EQ(*healing_key(file, "alpha"), *made);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_THAT(*read_file(file.string() + ".pub"), HasSubstr(*made));
  std::filesystem::permissions(file, perms::owner_read | perms::group_read);
  EXPECT_EQ(healing_key(file, "alpha").error().code(), "remote.no_key") << "who has read it can use it";
}

}  // namespace
}  // namespace meshops::mesh
