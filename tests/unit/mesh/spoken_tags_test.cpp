#include "mesh/spoken_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "mesh/remote_session.h"
#include "unit/mesh/healing_pair.h"

namespace meshops::mesh {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Tags = SpokenTags::Tags;

constexpr Duration kSilence = 10min;

/// Nodes alpha and beta, each with its own key and directory; gamma has none.
struct Spoken : testing::Test {
  std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("meshops-spoken-" + std::to_string(::getpid()));
  std::map<std::string, HealingPair> keys;
  Instant now{1h};

  Mesh mesh_of(const std::string& node) {
    Mesh mesh;
    mesh.name = "m";
    mesh.node = node;
    mesh.state_dir = root / node;
    for (const char* name : {"alpha", "beta"})
      mesh.nodes.push_back({.name = name, .healing_key = keys[name].line()});
    mesh.nodes.push_back({.name = "gamma"});
    return mesh;
  }
  Voice voice_of(const std::string& node) {
    auto mesh = mesh_of(node);
    std::filesystem::create_directories(mesh.state_dir);
    EXPECT_TRUE(write_file_atomic(healing_key_file(mesh.state_dir), keys[node].file(), {.mode = 0600}));
    Voice out(mesh);
    out.refresh();
    return out;
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  static SpokenTags tags_of(const std::string& node, std::uint64_t began) {
    return {"m", node, began, kSilence};
  }
  static Tags says(const std::string& lease, const std::string& bots = "0123456789ab") {
    return {{"bots", bots}, {"lease", lease}};
  }
  /// What alpha hears of a member of that name and these tags, and of whom it hears nothing.
  struct Heard {
    Tags tags;
    std::vector<std::string> ignored;
  };
  Heard hears(const std::string& name, Tags tags) {
    tags["mesh"] = "m";
    std::vector<serf::Member> members = {{.name = name, .tags = std::move(tags)}};
    auto ignored = alpha.check(now, members, voice);
    members[0].tags.erase("mesh");
    members[0].tags.erase("signed");
    return {members[0].tags, ignored};
  }
  SpokenTags alpha = tags_of("alpha", 1);
  Voice voice = voice_of("alpha");
};

TEST_F(Spoken, WhatANodeHasSignedIsHeard) {
  auto beta_voice = voice_of("beta");
  auto beta = tags_of("beta", 100);
  for (const auto& said :
       {says("0123456789ab=r90"), says("0123456789ab=w"), says("", ""), says("0123456789ab=r90")}) {
    auto signed_tags = beta.sign(said, beta_voice);
    EXPECT_EQ(hears("beta", signed_tags).tags, said);
    EXPECT_EQ(hears("beta", signed_tags).tags, said) << "also the second time";
    EXPECT_THAT(hears("beta", signed_tags).ignored, IsEmpty());
    EXPECT_EQ(beta.sign(said, beta_voice), signed_tags) << "what has not changed is the same";
  }
}

TEST_F(Spoken, WhatItHasNotSignedIsNot) {
  auto beta_voice = voice_of("beta");
  auto beta = tags_of("beta", 100);
  auto good = beta.sign(says("0123456789ab=r90"), beta_voice);
  auto with = [&](const char* tag, const std::string& value) {
    auto out = good;
    out[tag] = value;
    return out;
  };
  auto signature = good["signed"];
  auto other_serial = signature;
  other_serial.replace(0, 5, "100.2");
  ASSERT_NE(other_serial, signature);
  const Tags all[] = {with("lease", "0123456789ab=w"), with("bots", ""),
                      with("bots", "ffffffffffff"),    with("signed", ""),
                      with("signed", "1.2"),           with("signed", "x.y.z"),
                      with("signed", signature + "."), with("signed", other_serial),
                      with("signed", "100.1.")};
  for (const auto& forged : all) {
    auto heard = hears("beta", forged);
    EXPECT_THAT(heard.tags, IsEmpty());
    EXPECT_THAT(heard.ignored, ElementsAre("beta"));
    EXPECT_THAT(hears("beta", forged).ignored, IsEmpty()) << "told once";
  }
  for (const char* name : {"gamma", "delta"}) EXPECT_THAT(hears(name, good).tags, IsEmpty()) << name;
  EXPECT_EQ(hears("beta", good).tags, says("0123456789ab=r90")) << "and after all of these, what is its own";
}

TEST_F(Spoken, WhatItSaidBeforeIsNotHeardAgain) {
  auto beta_voice = voice_of("beta");
  auto beta = tags_of("beta", 100);
  auto first = beta.sign(says("0123456789ab=i"), beta_voice);
  auto second = beta.sign(says("0123456789ab=r"), beta_voice);
  EXPECT_EQ(hears("beta", first).tags, says("0123456789ab=i"));
  EXPECT_EQ(hears("beta", second).tags, says("0123456789ab=r"));
  EXPECT_THAT(hears("beta", first).tags, IsEmpty());
  // Another life of its agent counts anew.
  auto later = tags_of("beta", 101);
  auto third = later.sign(says("0123456789ab=w"), beta_voice);
  EXPECT_EQ(hears("beta", third).tags, says("0123456789ab=w"));
  now = now + kSilence;
  EXPECT_THAT(hears("beta", second).tags, IsEmpty()) << "not yet";
  EXPECT_EQ(hears("beta", third).tags, says("0123456789ab=w")) << "it was there all the time";
  now = now + kSilence + 1s;
  EXPECT_EQ(hears("beta", second).tags, says("0123456789ab=r")) << "its clock may have been set back";
}

TEST_F(Spoken, WithoutAVoiceNothingIsSaid) {
  Voice mute(mesh_of("beta"));
  mute.refresh();
  auto beta = tags_of("beta", 100);
  auto tags = beta.sign(says("0123456789ab=r90"), mute);
  EXPECT_EQ(tags["signed"], "");
  EXPECT_THAT(hears("beta", tags).tags, IsEmpty());
  EXPECT_THAT(hears("gamma", {{"mesh", "m"}}).ignored, IsEmpty()) << "who says nothing is not ignored";
  EXPECT_THAT(hears("gamma", says("", "")).ignored, IsEmpty());
}

TEST_F(Spoken, ItsOwnWordsAreItsOwn) {
  EXPECT_EQ(hears("alpha", says("0123456789ab=r")).tags, says("0123456789ab=r"));
}

/// Serf refuses more than 512 bytes of them in all, and msgpack takes one to three for each text.
TEST_F(Spoken, AllTagsFitIntoOne) {
  std::map<std::string, LeaseWord> words;
  std::vector<OwnBot> bots;
  for (unsigned i = 0; i < 40; ++i) {
    words[lease_group("n", "g" + std::to_string(i))] = {Polls::runs, 24h};
    bots.push_back({.mark = lease_group("b", std::to_string(i)), .gateway = {}, .channel = {}});
  }
  auto beta_voice = voice_of("beta");
  auto beta = tags_of("beta", 9'999'999'999'999);
  for (int i = 0; i < 9999; ++i) beta.sign(says(std::to_string(i)), beta_voice);
  auto tags = beta.sign({{"bots", bots_tag(bots)}, {"lease", lease_tag(words)}}, beta_voice);
  tags["mesh"] = std::string(63, 'm');
  tags["version"] = "10.10.10";
  tags["plan"] = "0123456789ab";
  std::size_t bytes = 1;
  for (const auto& [name, value] : tags) bytes += name.size() + value.size() + 4;
  EXPECT_LE(bytes, 512U);
}

}  // namespace
}  // namespace meshops::mesh
