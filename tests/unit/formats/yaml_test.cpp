#include "formats/yaml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace meshops::yaml {
namespace {

/// Flow style on one line; "~" for null.
std::string told(const Value& v) {
  switch (v.kind()) {
    case Kind::absent:
      return "absent";
    case Kind::null:
      return "~";
    case Kind::scalar:
      return v.text();
    case Kind::sequence: {
      std::string out;
      for (const auto& item : v.items()) out += (out.empty() ? "" : ", ") + told(item);
      return "[" + out + "]";
    }
    case Kind::mapping: {
      std::string out;
      for (const auto& m : v.members()) out += (out.empty() ? "" : ", ") + told(m.key) + ": " + told(m.value);
      return "{" + out + "}";
    }
  }
  return "";
}
std::string read(std::string_view text) {
  auto document = Document::parse(text);
  if (document.problem())
    return fmt::format("{}:{} {}", document.problem()->line, document.problem()->column,
                       document.problem()->what);
  return told(document.root());
}

TEST(Yaml, BlockCollections) {
  EXPECT_EQ(read("a: 1\nb:\n  - x\n  - y: 2\n    z: 3\n  -\n    - deep\nc:\n- same\n- column\nd:\n"),
            "{a: 1, b: [x, {y: 2, z: 3}, [deep]], c: [same, column], d: ~}");
  EXPECT_EQ(read("- - a\n  - b\n- c\n"), "[[a, b], c]");
  EXPECT_EQ(read("? a\n: b\n? c\n"), "{a: b, c: ~}");
  EXPECT_EQ(read("%YAML 1.2\n---\na: 1\n...\nrest: [\n"), "{a: 1}");
  EXPECT_EQ(read(""), "absent");
  EXPECT_EQ(read("# nothing\n"), "absent");
}

TEST(Yaml, FlowCollections) {
  EXPECT_EQ(read("a: {b: 1, c: [x, 'y', \"z\"], d, \"e\":5,}\n"), "{a: {b: 1, c: [x, y, z], d: ~, e: 5}}");
  EXPECT_EQ(read("a: [\n  1, # one\n  2\n  ]\nb: [k: v]\n"), "{a: [1, 2], b: [{k: v}]}");
  EXPECT_EQ(read("test: [CMD, curl, http://localhost:80/x]\n"), "{test: [CMD, curl, http://localhost:80/x]}");
}

TEST(Yaml, Scalars) {
  EXPECT_EQ(
      read("a: x # comment\nb: x#no\nc: 'it''s'\nd: \"t\\tu\\u00e9 \\\"q\\\"\"\ne: null\nf: 'null'\ng: ~\n"),
      "{a: x, b: x#no, c: it's, d: t\tu\u00e9 \"q\", e: ~, f: null, g: ~}");
  EXPECT_EQ(read("a: one\n  two\n\n  three\nb: \"x\n  y\"\n"), "{a: one two\nthree, b: x y}");
  EXPECT_EQ(read("a: |\n  l1\n   l2\n\n  l3\nb: >-\n  f1\n  f2\n\n  f3\nc: |2\n   x\n"),
            "{a: l1\n l2\n\nl3\n, b: f1 f2\nf3, c:  x\n}");
  EXPECT_EQ(read("a: http://x:80/\nb: 10:20\n"), "{a: http://x:80/, b: 10:20}");
  auto document = Document::parse("a: yes\nb: 'yes'\nc: FALSE\n");
  EXPECT_EQ(document.root().at("a").boolean(), true);
  EXPECT_EQ(document.root().at("b").boolean(), std::nullopt);
  EXPECT_EQ(document.root().at("c").boolean(), false);
}

TEST(Yaml, AnchorsAndMergeKeys) {
  auto document = Document::parse(
      "x: &x\n  a: 1\n  b: 2\ny: &y {c: 3, a: 9}\nz:\n  <<: [*x, *y]\n  b: own\nw: *x\nv:\n  <<: *x\n");
  ASSERT_FALSE(document.problem());
  auto z = document.root().at("z");
  EXPECT_EQ(told(z), "{b: own, a: 1, c: 3}");
  EXPECT_EQ(z.at("a").line(), 2U);
  EXPECT_FALSE(z.own("a"));
  EXPECT_TRUE(document.root().at("w").same_node(document.root().at("w")));
  EXPECT_EQ(document.root().find("w", "b").line(), 3U);
  EXPECT_EQ(read("- &a key: 1\n- *a\n"), "[{key: 1}, key]");
  EXPECT_EQ(read("a: *nobody\n").substr(0, 3), "1:1");
}

TEST(Yaml, PlacesAreThoseOfTheText) {
  auto document = Document::parse("services:\n  web:\n    image: 'nginx'\n    ports: [80]\n");
  auto image = document.root().find("services", "web", "image");
  EXPECT_EQ(image.line(), 3U);
  EXPECT_EQ(image.column(), 12U);
  EXPECT_EQ(document.text().substr(image.begin(), image.end() - image.begin()), "'nginx'");
  EXPECT_EQ(document.root().at("services").members()[0].key.line(), 2U);
}

TEST(Yaml, WhatIsNotUnderstoodIsSaid) {
  EXPECT_EQ(read("a: 'x\n"), "2:1 a quote is not closed");
  EXPECT_EQ(read("a: 1\n b: 2\n").substr(0, 2), "2:");
  EXPECT_EQ(read("a: [1\n"), "2:1 a bracket is not closed");
  EXPECT_EQ(read("a: b: c\n").substr(0, 2), "1:");
  EXPECT_EQ(read("a:\n\tb: 1\n").substr(0, 2), "2:");
  std::string deep(100'000, '[');
  EXPECT_NE(read(deep).find("too deep"), std::string::npos);
  deep.clear();
  for (int i = 0; i < 100'000; ++i) deep += "- ";
  EXPECT_NE(read(deep).find("too deep"), std::string::npos);
}

TEST(Yaml, AliasesAreNotExpanded) {
  std::string laughs = "a0: &a0 [x]\n";
  for (int i = 1; i < 60; ++i)
    laughs += fmt::format("a{0}: &a{0} {{<<: [*a{1}, *a{1}, *a{1}], k{0}: 1}}\n", i, i - 1);
  auto document = Document::parse(laughs);
  ASSERT_FALSE(document.problem());
  EXPECT_FALSE(document.root().find("a59", "nothing"));
  (void)document.root().at("a59").members();
}

std::string inserted(std::string_view text, const std::vector<std::string>& at,
                     const std::vector<std::string>& path, std::string_view value) {
  auto document = Document::parse(text);
  auto mapping = document.root();
  for (const auto& step : at) mapping = mapping.at(step);
  return insert(document, mapping, path, value).value_or("refused");
}

TEST(Yaml, InsertKeepsEveryOtherByte) {
  EXPECT_EQ(inserted("s:\n  web:\n    image: x   # why\n\n  # db\n  db:\n    image: y\n", {"s", "web"},
                     {"mem"}, "1g"),
            "s:\n  web:\n    image: x   # why\n    mem: 1g\n\n  # db\n  db:\n    image: y\n");
  EXPECT_EQ(inserted("s:\n    web:\n        image: x", {"s", "web"}, {"a", "b"}, "1"),
            "s:\n    web:\n        image: x\n        a:\n          b: 1");
  EXPECT_EQ(inserted("s:\r\n  web:\r\n    c: |\r\n      x\r\n      y\r\n\r\n", {"s", "web"}, {"m"}, "1"),
            "s:\r\n  web:\r\n    c: |\r\n      x\r\n      y\r\n    m: 1\r\n\r\n");
  EXPECT_EQ(inserted("s: {web: {image: x }, b: 1}\n", {"s", "web"}, {"m", "n"}, "1"),
            "s: {web: {image: x, m: {n: 1} }, b: 1}\n");
  EXPECT_EQ(inserted("s:\n  d:\n    l:\n      c: 1\n  e: 2\n", {"s"}, {"d", "l", "m"}, "1"),
            "s:\n  d:\n    l:\n      c: 1\n      m: 1\n  e: 2\n");
  EXPECT_EQ(inserted("s:\n  m: 2\n", {"s"}, {"m"}, "1"), "refused");
  EXPECT_EQ(inserted("s:\n  d: text\n", {"s"}, {"d", "m"}, "1"), "refused");
}

}  // namespace
}  // namespace meshops::yaml
