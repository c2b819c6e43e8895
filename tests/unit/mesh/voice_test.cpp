#include "mesh/voice.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "mesh/remote_session.h"
#include "unit/mesh/healing_pair.h"

namespace meshops::mesh {
namespace {

namespace fs = std::filesystem;
using ed25519::parse_private_key;

// The key's file.

TEST(PrivateKey, IsReadAsItWasMade) {
  HealingPair alpha;
  auto key = parse_private_key(alpha.file());
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(key->public_key, alpha.raw);
  auto signature = ed25519::sign(*key, "hello").value();
  EXPECT_EQ(signature.size(), ed25519::kSignatureBytes);
  EXPECT_TRUE(ed25519::verify(alpha.raw, signature, "hello"));
  EXPECT_EQ(ed25519::public_key(alpha.line()), alpha.raw);
  EXPECT_EQ(ed25519::public_key(alpha.line() + " a comment"), alpha.raw);
}

TEST(PrivateKey, OfOtherHandsIsRefused) {
  HealingPair alpha, beta;
  auto with = [&](std::string_view bytes) { return parse_private_key(HealingPair::armoured(bytes)); };
  auto whole = alpha.bytes(alpha.hidden());
  ASSERT_TRUE(with(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(with(whole.substr(0, n))) << n;
  EXPECT_FALSE(with(whole + "more"));
  EXPECT_FALSE(with(alpha.bytes(alpha.hidden(), "aes256-ctr", "bcrypt"))) << "a passphrase";
  EXPECT_FALSE(with(alpha.bytes(alpha.hidden("abcdabce"))));
  EXPECT_FALSE(with(alpha.bytes(alpha.hidden(HealingPair::kCheck, "ssh-rsa"))));
  EXPECT_FALSE(with(alpha.bytes(beta.hidden()))) << "two halves of two keys";
  EXPECT_FALSE(with(alpha.bytes(alpha.hidden() + std::string("\1\2\3\4\5\6\7\10", 8)))) << "padded twice";
  // Every byte of it counts but the comment.
  auto comment = whole.find("meshops healer");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (n >= comment && n < comment + 23) continue;
    auto broken = whole;
    broken[n] = static_cast<char>(broken[n] ^ 1);
    EXPECT_FALSE(with(broken)) << n;
  }
  auto file = alpha.file();
  EXPECT_FALSE(parse_private_key(""));
  EXPECT_FALSE(parse_private_key(file.substr(0, file.find("-----END"))));
  EXPECT_FALSE(parse_private_key(std::string(17 << 10, '\n') + file));
  EXPECT_FALSE(parse_private_key(alpha.line()));
}

TEST(PrivateKey, AnErrorShowsNothingOfIt) {
  HealingPair alpha, beta;
  auto mixed = parse_private_key(HealingPair::armoured(alpha.bytes(beta.hidden())));
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().text(), "the private key cannot be used: it is broken");
}

// This node's voice.

struct AVoice : testing::Test {
  fs::path dir = fs::temp_directory_path() / ("meshops-voice-" + std::to_string(::getpid()));
  HealingPair alpha, beta;
  Mesh mesh;

  void SetUp() override {
    fs::create_directories(dir);
    mesh.name = "m";
    mesh.node = "alpha";
    mesh.state_dir = dir;
    mesh.nodes = {{.name = "alpha", .healing_key = alpha.line()},
                  {.name = "beta", .healing_key = beta.line()},
                  {.name = "mute"}};
  }
  void TearDown() override { fs::remove_all(dir); }
  fs::path file() const { return healing_key_file(dir); }
  void put(const std::string& text, mode_t mode = 0600) {
    fs::remove(file());
    ASSERT_TRUE(write_file_atomic(file(), text, {.mode = mode}));
  }
};

TEST_F(AVoice, IsKnownByItsOwnKeyAlone) {
  put(alpha.file());
  Voice voice(mesh);
  auto signature = voice.sign("hello").value();
  EXPECT_TRUE(voice.trouble().sentence().empty());
  EXPECT_TRUE(voice.said_by("alpha", "hello", signature));
  EXPECT_FALSE(voice.said_by("alpha", "hellO", signature));
  EXPECT_FALSE(voice.said_by("beta", "hello", signature)) << "another node";
  EXPECT_FALSE(voice.said_by("mute", "hello", signature)) << "a node without a healing_key has no voice";
  EXPECT_FALSE(voice.said_by("nobody", "hello", signature));
  EXPECT_FALSE(voice.said_by("alpha", "hello", signature.substr(1)));
  signature[5] = static_cast<char>(signature[5] ^ 1);
  EXPECT_FALSE(voice.said_by("alpha", "hello", signature));
  EXPECT_TRUE(voice.said_by("beta", "hello", beta.sign("hello")));
}

TEST_F(AVoice, ComesAndGoesWithItsFile) {
  Voice voice(mesh);
  EXPECT_FALSE(voice.sign("hello"));
  EXPECT_NE(voice.trouble().text().find("has no healing key"), std::string::npos) << voice.trouble().text();
  EXPECT_NE(voice.trouble().text().find("meshops mesh keys"), std::string::npos) << voice.trouble().text();
  put(alpha.file());
  EXPECT_TRUE(voice.sign("hello")) << voice.trouble().text();
  EXPECT_TRUE(voice.trouble().sentence().empty());
  put(beta.file());
  EXPECT_FALSE(voice.sign("hello")) << "not the one of mesh.toml: nobody would hear it";
  EXPECT_NE(voice.trouble().text().find("not the one"), std::string::npos) << voice.trouble().text();
  put(alpha.file());
  EXPECT_TRUE(voice.sign("hello"));
  fs::remove(file());
  EXPECT_FALSE(voice.sign("hello"));
}

TEST_F(AVoice, IsNotGivenToAFileThatOthersMayReadOrThatIsNone) {
  Voice voice(mesh);
  put(alpha.file(), 0644);
  EXPECT_FALSE(voice.sign("hello"));
  EXPECT_NE(voice.trouble().text().find("by others"), std::string::npos) << voice.trouble().text();
  fs::permissions(file(), fs::perms(0600));
  EXPECT_TRUE(voice.sign("hello")) << "seen to be mended";
  fs::rename(file(), dir / "elsewhere");
  fs::create_symlink(dir / "elsewhere", file());
  EXPECT_FALSE(voice.sign("hello")) << "a link";
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_FALSE(voice.sign("hello"));
  fs::remove(file());
  put("");
  EXPECT_FALSE(voice.sign("hello"));
}

TEST_F(AVoice, IsNoneWithoutALineInMeshToml) {
  put(alpha.file());
  mesh.nodes[0].healing_key.clear();
  Voice voice(mesh);
  EXPECT_FALSE(voice.sign("hello"));
  EXPECT_NE(voice.trouble().text().find("mesh.toml has no healing_key for alpha"), std::string::npos);
}

/// ssh-keygen's own, of each kind that somebody could put there.
TEST_F(AVoice, SpeaksWithWhatSshKeygenMakes) {
  auto make = [&](const char* type, const char* passphrase) {
    fs::remove(file());
    auto made = run({"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-f", file().string()},
                    {.limit = std::chrono::seconds(20)});
    ASSERT_TRUE(made && made->exit.clean());
    mesh.nodes[0].healing_key = read_file(file().string() + ".pub").value();
    fs::remove(file().string() + ".pub");
  };
  make("ed25519", "");
  {
    Voice voice(mesh);
    EXPECT_TRUE(voice.sign("hello")) << voice.trouble().text();
  }
  make("ed25519", "a passphrase");
  EXPECT_FALSE(Voice(mesh).sign("hello"));
  make("ecdsa", "");
  EXPECT_FALSE(Voice(mesh).sign("hello"));
}

}  // namespace
}  // namespace meshops::mesh
