#include "formats/compose.h"

#include <gtest/gtest.h>

namespace meshops::compose {
namespace {

yaml::Value root(std::string_view text) { return yaml::Document::parse(text).root(); }

TEST(Compose, Variables) {
  Variables v = {{"A", "1"}};
  EXPECT_EQ(interpolate("x:${A}-$A-$$A-${B:-2}", v).text, "x:1-1-$A-2");
  EXPECT_EQ(interpolate("${B:?why}", v).unset, (std::vector<std::string>{"B"}));
}

TEST(Compose, EnvFiles) {
  auto lines = env_lines("# c\nA=1\n\n export B = 'x # y' # z\nC=a # b\nnot\n=x\n");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].name, "B");
  EXPECT_EQ(lines[1].value, "x # y");
  EXPECT_EQ(lines[1].line, 4U);
  EXPECT_EQ(lines[2].value, "a");
}

TEST(Compose, EnvironmentAsMapAndList) {
  auto map = environment(root("A: 1\nB:\nC: 'x'\n"));
  ASSERT_EQ(map.size(), 3U);
  EXPECT_FALSE(map[1].value);
  auto list = environment(root("- A=1=2\n- B\n"));
  EXPECT_EQ(list[0].value, "1=2");
  EXPECT_FALSE(list[1].value);
  EXPECT_EQ(list[1].at.line(), 2U);
}

TEST(Compose, PortsShortAndLong) {
  auto all = ports(root(
      "- '80'\n- 8080:80\n- 127.0.0.1:1:2/udp\n- '[::1]:3:4'\n- ${P:-5}:6\n- {target: 7, published: 8}\n"));
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].container, "80");
  EXPECT_EQ(all[1].host, "8080");
  EXPECT_EQ(all[2].host_address, "127.0.0.1");
  EXPECT_EQ(all[2].protocol, "udp");
  EXPECT_EQ(all[3].host_address, "::1");
  EXPECT_EQ(all[4].host, "${P:-5}");
  EXPECT_EQ(all[5].container, "7");
}

TEST(Compose, MountsShortAndLong) {
  auto all = mounts(
      root("- /a:/b:ro,z\n- data:/d\n- /only\n- {type: bind, source: /s, target: /t, read_only: true}\n"));
  ASSERT_EQ(all.size(), 4U);
  EXPECT_TRUE(all[0].read_only);
  EXPECT_EQ(all[1].source, "data");
  EXPECT_EQ(all[2].target, "/only");
  EXPECT_EQ(all[3].source, "/s");
  EXPECT_TRUE(all[3].read_only);
}

TEST(Compose, Images) {
  EXPECT_TRUE(parse_image("nginx").floats());
  EXPECT_TRUE(parse_image("reg:5000/a/b").floats());
  EXPECT_TRUE(parse_image("a:latest").floats());
  EXPECT_FALSE(parse_image("reg:5000/a/b:1").floats());
  EXPECT_FALSE(parse_image("a@sha256:00").floats());
  EXPECT_EQ(parse_image("reg:5000/a/b:1").name, "reg:5000/a/b");
}

TEST(Compose, CommandsAsTextAndList) {
  EXPECT_EQ(words(root("c: run --x 'a b'\n").at("c")), (std::vector<std::string>{"run", "--x", "a b"}));
  EXPECT_EQ(words(root("c: [run, 'a b']\n").at("c")), (std::vector<std::string>{"run", "a b"}));
}

}  // namespace
}  // namespace meshops::compose
