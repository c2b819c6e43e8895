#include "audit/openclaw_schema.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace meshops::audit::schema {
namespace {

std::vector<std::string> unknown(std::string_view text, std::string_view version = {},
                                 const std::vector<std::string>& installed = {}) {
  auto document = json5::Document::parse(text);
  std::vector<std::string> out;
  auto judged = judge(document->root(), version, installed);
  for (const auto& key : judged.unknown) out.push_back(json5::path_text(key.path));
  return out;
}

TEST(OpenclawSchema, TheTableHasTheRootOfItsRelease) {
  EXPECT_EQ(known_keys("").size(), 44U);
  for (std::string_view key : {"wizard", "talk", "env", "logging", "attachments", "meta"})
    EXPECT_TRUE(std::ranges::count(known_keys(""), key)) << key;
  for (std::string_view key : {"media", "crestodian"})
    EXPECT_FALSE(std::ranges::count(known_keys(""), key)) << key;
}

TEST(OpenclawSchema, KeysWithDotsAreKeysOfTheirMap) {
  EXPECT_TRUE(
      unknown(R"({agents: {entries: {"a.b": {workspace: "x"}}}, skills: {entries: {"x.y": {}}}})").empty());
  EXPECT_EQ(unknown(R"({agents: {entries: {"a.b": {nonsense: 1}}}})"),
            std::vector<std::string>{R"(agents.entries["a.b"].nonsense)"});
}

TEST(OpenclawSchema, AModelMayBeAStringOrAnObject) {
  EXPECT_TRUE(unknown("{agents: {defaults: {model: 'a/b'}}}").empty());
  EXPECT_EQ(unknown("{agents: {defaults: {model: {primary: 'a/b', backup: 1}}}}"),
            std::vector<std::string>{"agents.defaults.model.backup"});
}

TEST(OpenclawSchema, ANewerReleaseMayKnowMore) {
  EXPECT_TRUE(unknown("{novelty: 1, auth: {x: 1}}", "2027.2.1").empty());
  EXPECT_EQ(unknown("{novelty: 1, crestodian: 1}", "2027.2.1"), std::vector<std::string>{"crestodian"});
}

TEST(OpenclawSchema, TheInstalledSchemaIsReadOutOfItsCode) {
  constexpr std::string_view kCode =
      "var x = 1;\nconst OpenClawSchemaShape = {\n\t$schema: string(),\n\t/** a: comment, with {braces} */\n"
      "\tmeta: strictObject({ inner: string().regex(/a/) }),\n\t\"quoted\": array(union([a, b])), // tail: "
      "x\n"
      "\ta: A, b: B, c: C, d: D, e: E, f: F, g: G, h: `t: ${1}`,\n};\nconst y = { z: 1 };";
  EXPECT_EQ(root_keys_in(kCode),
            (std::vector<std::string>{"$schema", "a", "b", "c", "d", "e", "f", "g", "h", "meta", "quoted"}));
}

TEST(OpenclawSchema, WhatCannotBeReadWithCertaintyIsNotRead) {
  EXPECT_TRUE(root_keys_in("").empty());
  EXPECT_TRUE(root_keys_in("const OpenClawSchemaShape = { a: A, ...Other, b: B };").empty());
  EXPECT_TRUE(root_keys_in("const OpenClawSchemaShape = { a: A, b };").empty());
  EXPECT_TRUE(root_keys_in("const OpenClawSchemaShape = { a: A, b: {").empty());
  EXPECT_TRUE(root_keys_in("const OpenClawSchemaShape = { a: A };").empty());
}

}  // namespace
}  // namespace meshops::audit::schema
