// The file with the heartbeat's keys, which follows Serf's keyring; and the unit that is given it.
#include "mesh/heartbeat_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "formats/unit_file.h"
#include "mesh/heartbeat_unit.h"
#include "unit/base/temp_dir.h"

namespace meshops::heartbeat {
namespace {

using systemd::UnitFile;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kKey = "cruN96q05NuJmDegojjwP3G1kO3HWnYr9qKpUpzmEhc=";
constexpr const char* kOther = "7qFjlUF80VPRF9sa6yCnHDz86kEvTEfMBym5P+umJlI=";

class HeartbeatKeysFile : public testing::Test {
 protected:
  HeartbeatKeysFile() {
    mesh.node = "alpha";
    mesh.socket = "/run/meshops/agent.sock";
    mesh.state_dir = directory.path / "meshops";
    EXPECT_TRUE(make_directories(mesh.state_dir));
    EXPECT_TRUE(make_directories(serf::places(mesh).home));
  }
  void ring(const std::string& text) { ASSERT_TRUE(write_file_atomic(serf::places(mesh).keyring, text)); }
  TempDir directory;
  Mesh mesh;
};

TEST_F(HeartbeatKeysFile, IsWrittenWhenTheKeyringSaysSomethingElse) {
  ring(fmt::format("[\"{}\"]", kKey));
  auto first = refresh_keys(mesh);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(first->changed);
  struct stat is{};
  ASSERT_EQ(::stat(keys_file(mesh).c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0600U);
  EXPECT_THAT(*read_file(keys_file(mesh)), Not(HasSubstr(kKey)));

  auto again = refresh_keys(mesh);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(again->keys, first->keys);

  // The same two in another order: now the other one is to be asked with.
  ring(fmt::format("[\"{}\",\"{}\"]", kKey, kOther));
  EXPECT_TRUE(refresh_keys(mesh)->changed);
  ring(fmt::format("[\"{}\",\"{}\"]", kOther, kKey));
  EXPECT_TRUE(refresh_keys(mesh)->changed);
  EXPECT_EQ(*read_keys(keys_file(mesh)), refresh_keys(mesh)->keys);
}

TEST_F(HeartbeatKeysFile, AKeyringThatIsHalfWrittenLeavesItAsItIs) {
  ring(fmt::format("[\"{}\"]", kKey));
  auto good = refresh_keys(mesh);
  ring("[\"cruN96");
  EXPECT_FALSE(refresh_keys(mesh));
  EXPECT_EQ(*read_keys(keys_file(mesh)), good->keys);
  ASSERT_TRUE(write_file_atomic(keys_file(mesh), "damaged"));
  ring(fmt::format("[\"{}\"]", kKey));
  EXPECT_TRUE(refresh_keys(mesh)->changed);
}

TEST_F(HeartbeatKeysFile, ThatIsMissingOrDamagedIsNamedWithTheRemedy) {
  EXPECT_FALSE(refresh_keys(mesh));
  auto none = read_keys(keys_file(mesh));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().for_people(), HasSubstr("heartbeat.keys"));
  EXPECT_THAT(none.error().for_people(), HasSubstr("meshops mesh join"));
  ASSERT_TRUE(write_file_atomic(keys_file(mesh), "damaged"));
  EXPECT_EQ(read_keys(keys_file(mesh)).error().code(), "heartbeat.bad_keys");
}

TEST_F(HeartbeatKeysFile, TheUnitThatAnswersHasNoRightsAndNoMeshKey) {
  auto text = unit_text(mesh, "/usr/bin/meshops");
  auto unit = UnitFile::parse(text);
  auto value = [&](std::string_view key) { return unit.value("Service", key).value_or(""); };
  EXPECT_EQ(value("DynamicUser"), "yes");
  EXPECT_EQ(value("LoadCredential"), "heartbeat.keys:" + keys_file(mesh).string());
  EXPECT_EQ(value("ExecStart"),
            "/usr/bin/meshops web --listen 7947 --mesh home --node alpha --word /run/meshops/word");
  EXPECT_THAT(text, Not(HasSubstr("ReadWritePaths")));
  EXPECT_EQ(value("RestrictAddressFamilies"), "AF_INET AF_INET6 AF_UNIX");
}

TEST_F(HeartbeatKeysFile, TheUnitThatAnswersIsHardenedAtLeastAsSerfsIs) {
  auto ours = UnitFile::parse(unit_text(mesh, "/usr/bin/meshops"));
  auto serfs = UnitFile::parse(serf::unit_text(serf::places(mesh), "/usr/bin/serf"));
  int compared = 0;
  for (const auto& line : serfs.assignments()) {
    bool hardens = line.key.starts_with("Protect") || line.key.starts_with("Private") ||
                   line.key.starts_with("Restrict") || line.key.starts_with("SystemCall") ||
                   line.key == "NoNewPrivileges" || line.key == "CapabilityBoundingSet" ||
                   line.key == "LockPersonality" || line.key == "MemoryDenyWriteExecute";
    if (line.section != "Service" || !hardens || line.key == "RestrictAddressFamilies") continue;
    ++compared;
    EXPECT_EQ(ours.values("Service", line.key), serfs.values("Service", line.key)) << line.key;
  }
  EXPECT_GE(compared, 20);
}

}  // namespace
}  // namespace meshops::heartbeat
