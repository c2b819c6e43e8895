#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "formats/json5.h"

namespace meshops::json5 {
namespace {

std::string text_of(const Result<std::string>& r) {
  return r ? *r : r.error().code().data() + (": " + r.error().text());
}

struct SetCase {
  std::string_view claim;
  std::string before;
  Path path;
  std::string value, after;
};

const SetCase kSets[] = {
    {"a value is replaced and nothing else",
     "{\n  // the port\n  port: 1, // was 2\n}\n",
     {"port"},
     "18789",
     "{\n  // the port\n  port: 18789, // was 2\n}\n"},
    {"comments around the new value are dropped", "{a:1}", {"a"}, " /*x*/ 2 // y", "{a:2}"},
    {"the root can be replaced", "// c\n{}\n", {}, "[1]", "// c\n[1]\n"},
    {"the last duplicate is the one that counts", "{a:1,a:2}", {"a"}, "3", "{a:1,a:3}"},
    {"an item of an array", "[1, 2]", {std::size_t{1}}, "'x'", "[1, 'x']"},
    {"deep down", "{a:{b:[{c:1}]}}", {"a", "b", std::size_t{0}, "c"}, "2", "{a:{b:[{c:2}]}}"},
    // insertion, several lines
    {"a new key takes the indent and quotes of its siblings",
     "{\n    \"a\": 1\n}\n",
     {"b"},
     "2",
     "{\n    \"a\": 1,\n    \"b\": 2\n}\n"},
    {"a trailing comma stays the habit", "{\n\ta: 1,\n}", {"b"}, "2", "{\n\ta: 1,\n\tb: 2,\n}"},
    {"line ends stay CR LF", "{\r\n  a: 1\r\n}\r\n", {"b"}, "2", "{\r\n  a: 1,\r\n  b: 2\r\n}\r\n"},
    {"a comment behind the last member stays with it",
     "{\n  a: 1 // one\n}",
     {"b"},
     "2",
     "{\n  a: 1, // one\n  b: 2\n}"},
    {"comments at the end stay at the end",
     "{\n  a: 1,\n  // later: b\n}",
     {"c"},
     "3",
     "{\n  a: 1,\n  c: 3,\n  // later: b\n}"},
    {"a key that needs quotes gets them", "{\n  a: 1,\n}", {"x-y"}, "2", "{\n  a: 1,\n  \"x-y\": 2,\n}"},
    {"single quotes stay single", "{'a': 1}", {"it's"}, "2", "{'a': 1, 'it\\'s': 2}"},
    {"an empty object over lines",
     "{\n  \"a\": {\n  }\n}",
     {"a", "b"},
     "1",
     "{\n  \"a\": {\n    \"b\": 1\n  }\n}"},
    {"an object with only a comment",
     "{\n  // nothing yet\n}\n",
     {"a"},
     "1",
     "{\n  // nothing yet\n  \"a\": 1\n}\n"},
    {"several members on the last line", "{\n  a: 1, b: 2\n}", {"c"}, "3", "{\n  a: 1, b: 2,\n  c: 3\n}"},
    {"an item over lines", "[\n  1,\n  2\n]", {std::size_t{2}}, "3", "[\n  1,\n  2,\n  3\n]"},
    // insertion, one line
    {"one line stays one line", "{ a: 1 }", {"b"}, "2", "{ a: 1, b: 2 }"},
    {"dense stays dense", "{\"a\":1,\"b\":2}", {"c"}, "3", "{\"a\":1,\"b\":2,\"c\":3}"},
    {"one-line trailing comma", "{a: 1, b: 2,}", {"c"}, "3", "{a: 1, b: 2, c: 3,}"},
    {"into nothing", "{}", {"a"}, "1", "{\"a\": 1}"},
    {"into a blank", "{ }", {"a"}, "1", "{ \"a\": 1 }"},
    {"a comment before the brace keeps its member",
     "{ a: 1 /* one */ }",
     {"b"},
     "2",
     "{ a: 1, /* one */ b: 2 }"},
    {"an item", "[ 1, 2 ]", {std::size_t{2}}, "3", "[ 1, 2, 3 ]"},
    {"the first item", "{a: []}", {"a", std::size_t{0}}, "1", "{a: [1]}"},
    {"a BOM stays", "\uFEFF{a: 1}", {"b"}, "2", "\uFEFF{a: 1, b: 2}"},
    // what is missing on the way
    {"missing objects are made",
     "{\n  a: 1,\n}",
     {"gateway", "auth", "token"},
     "'t'",
     "{\n  a: 1,\n  gateway: { auth: { token: 't' } },\n}"},
    {"missing objects in JSON", "{\"a\":1}", {"b", "c"}, "2", "{\"a\":1,\"b\":{\"c\":2}}"},
    {"missing arrays are made", "{\"a\": 1}", {"b", std::size_t{0}}, "2", "{\"a\": 1, \"b\": [2]}"},
};

TEST(Json5Set, ChangesOnlyWhatItIsAsked) {
  for (const auto& c : kSets) EXPECT_EQ(text_of(set(c.before, c.path, c.value)), c.after) << c.claim;
}

TEST(Json5Set, RefusesPathsThatDoNotFit) {
  EXPECT_EQ(text_of(set("{a: 'x'}", {"a", "b"}, "1")),
            "json5.wrong_type: cannot set a.b: a is a string, not an object");
  EXPECT_EQ(text_of(set("{a: {}}", {"a", std::size_t{0}}, "1")),
            "json5.wrong_type: cannot set a[0]: a is an object, not an array");
  EXPECT_EQ(text_of(set("[1]", {std::size_t{3}}, "1")),
            "json5.no_such_path: cannot set [3]: the document has 1 items");
  EXPECT_EQ(text_of(set("{a: }", {"a"}, "1")), "json5.syntax: line 1, column 5: expected a value, found '}'");
  EXPECT_EQ(text_of(set("{}", {"a"}, "1 2")),
            "json5.syntax: cannot set a: the value is not JSON5: because line 1, column 3: expected the end "
            "of the text, "
            "found '2'");
}

TEST(Json5Set, RefusesWhatWouldBeTooDeep) {
  std::string deep = std::string(kDepthLimit, '[') + std::string(kDepthLimit, ']');
  EXPECT_EQ(set("{}", {"a"}, deep).error().code(), "json5.refused");
}

struct EraseCase {
  std::string_view claim;
  std::string before;
  Path path;
  std::string after;
};

const EraseCase kErases[] = {
    {"a member goes with its line", "{\n  a: 1,\n  b: 2,\n  c: 3\n}\n", {"b"}, "{\n  a: 1,\n  c: 3\n}\n"},
    {"the last one takes the comma before it", "{\n  a: 1,\n  b: 2\n}\n", {"b"}, "{\n  a: 1\n}\n"},
    {"a trailing comma stays the habit", "{\n  a: 1,\n  b: 2,\n}\n", {"b"}, "{\n  a: 1,\n}\n"},
    {"the comment behind it goes too", "{\n  a: 1, // one\n  b: 2, // two\n}", {"a"}, "{\n  b: 2, // two\n}"},
    {"the comment of the one before stays",
     "{\n  a: 1, // one\n  b: 2 // two\n}",
     {"b"},
     "{\n  a: 1 // one\n}"},
    {"comments on their own lines stay",
     "{\n  // about a\n  a: 1,\n  // about b\n  b: 2,\n}",
     {"b"},
     "{\n  // about a\n  a: 1,\n  // about b\n}"},
    {"a member over several lines", "{\n  a: {\n    x: 1,\n  },\n  b: 2\n}", {"a"}, "{\n  b: 2\n}"},
    {"line ends stay CR LF", "{\r\n  a: 1,\r\n  b: 2\r\n}", {"a"}, "{\r\n  b: 2\r\n}"},
    {"one line, first", "{ a: 1, b: 2 }", {"a"}, "{ b: 2 }"},
    {"one line, middle", "[1, 2, 3]", {std::size_t{1}}, "[1, 3]"},
    {"one line, last", "{ a: 1, b: 2 }", {"b"}, "{ a: 1 }"},
    {"one line, only", "{ a: 1 }", {"a"}, "{ }"},
    {"the end of a shared line", "{\n  a: 1, b: 2, // two\n  c: 3\n}", {"b"}, "{\n  a: 1,\n  c: 3\n}"},
    {"the start of a shared line", "{\n  a: 1, b: 2,\n}", {"a"}, "{\n  b: 2,\n}"},
    {"a comment of the neighbour stays", "{ a: 1, /* b */ b: 2 }", {"a"}, "{ /* b */ b: 2 }"},
    {"the brace on the same line", "{ a: 1,\n  b: 2 }", {"b"}, "{ a: 1 }"},
    {"all duplicates", "{ a: 1, b: 2, a: 3 }", {"a"}, "{ b: 2 }"},
    {"deep down", "{a:[{b:1,c:2}]}", {"a", std::size_t{0}, "b"}, "{a:[{c:2}]}"},
};

TEST(Json5Erase, TakesWhatBelongsToTheMemberAndNoMore) {
  for (const auto& c : kErases) EXPECT_EQ(text_of(json5::erase(c.before, c.path)), c.after) << c.claim;
}

TEST(Json5Erase, SaysWhatIsNotThere) {
  EXPECT_EQ(text_of(json5::erase("{a: {}}", {"a", "b", "c"})),
            "json5.no_such_path: cannot erase a.b.c: there is no a.b");
  EXPECT_FALSE(json5::erase("{}", {}));
}

TEST(Json5Rename, KeepsTheQuotesAndThePlace) {
  EXPECT_EQ(text_of(rename_key("{ a: 1, b: 2 }", {"a"}, "c")), "{ c: 1, b: 2 }");
  EXPECT_EQ(text_of(rename_key("{ 'a': 1 }", {"a"}, "it's \"it\"")), "{ 'it\\'s \"it\"': 1 }");
  EXPECT_EQ(text_of(rename_key("{ a: 1 }", {"a"}, "x-y")), "{ \"x-y\": 1 }");
  EXPECT_EQ(text_of(rename_key("{ b: 1, a: 2 }", {"a"}, "b")),
            "json5.refused: cannot rename a: there is already a b");
  EXPECT_EQ(text_of(rename_key("{ a: 1, a: 2 }", {"a"}, "b")),
            "json5.refused: cannot rename a: the key is there twice");
  EXPECT_EQ(rename_key("[1]", {std::size_t{0}}, "b").error().code(), "json5.wrong_type");
}

// Documents as many hands would write them.

rc::Gen<std::string> space() {
  return rc::gen::map(
      rc::gen::resize(3, rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                             " ", "  ", "\n", "\r\n", "\t", "\n    ", "// c, }\n", "/* ] */", "/*\n*/",
                             "\u2028", "\u00A0"))),
      [](const std::vector<std::string>& parts) {
        std::string out;
        for (const auto& p : parts) out += p;
        return out;
      });
}

rc::Gen<std::string> key() {
  return rc::gen::element<std::string>("a", "b", "c", "'d e'", "\"f\"", "\\u0067", "é");
}

rc::Gen<std::string> scalar() {
  return rc::gen::element<std::string>("1", "-0x1F", ".5", "Infinity", "true", "null", "'it\"s'",
                                       "\"x\\\ny\"", "''", "1e3");
}

// `least` 1 makes an object or an array.
std::string make(int depth, int least = 0) {
  int kind = depth == 0 ? 0 : *rc::gen::inRange(least, 3);
  if (kind == 0) return *scalar();
  auto n = *rc::gen::inRange(least, 4);
  std::string out = kind == 1 ? "{" : "[";
  for (int i = 0; i < n; ++i) {
    out += *space();
    if (kind == 1) out += *key() + *space() + ":" + *space();
    out += make(depth - 1) + *space();
    if (i + 1 < n || *rc::gen::arbitrary<bool>()) out += ",";
  }
  return out + *space() + (kind == 1 ? "}" : "]");
}
std::string make_document() { return *space() + make(3, 1) + *space(); }

// All paths below the value.
void walk(const Value& value, const Path& here, std::vector<Path>& out) {
  out.push_back(here);
  auto below = here;
  below.emplace_back();
  for (const auto& [k, v] : value.members()) {
    below.back() = k;
    walk(v, below, out);
  }
  auto items = value.items();
  for (std::size_t i = 0; i < items.size(); ++i) {
    below.back() = i;
    walk(items[i], below, out);
  }
}
std::vector<Path> all_paths(const Document& document) {
  std::vector<Path> out;
  walk(document.root(), {}, out);
  return out;
}

RC_GTEST_PROP(Json5Property, ToJsonMeansTheSame, ()) {
  auto text = make_document();
  auto document = Document::parse(text);
  RC_ASSERT(document.has_value());
  auto json = Document::parse(to_json(document->root()));
  RC_ASSERT(json.has_value());
  RC_ASSERT(to_json(json->root()) == to_json(document->root()));
}

RC_GTEST_PROP(Json5Property, SettingTheSameValueChangesNoByte, ()) {
  auto text = make_document();
  auto document = Document::parse(text);
  auto path = *rc::gen::elementOf(all_paths(*document));
  auto again = set(text, path, document->root().find(path).source());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == text);
}

RC_GTEST_PROP(Json5Property, WhatWasSetIsRead, ()) {
  auto text = make_document();
  auto document = Document::parse(text);
  auto path = *rc::gen::elementOf(all_paths(*document));
  auto value = make(1);
  auto changed = set(text, path, value);
  RC_ASSERT(changed.has_value());
  RC_ASSERT(same(Document::parse(*changed)->root().find(path), Document::parse(value)->root()));
}

RC_GTEST_PROP(Json5Property, ErasingANewMemberGivesTheOldBytes, ()) {
  auto text = make_document();
  auto document = Document::parse(text);
  auto paths = all_paths(*document);
  std::erase_if(paths, [&](const Path& p) {
    auto v = document->root().find(p);
    return !v.is_object() && !v.is_array();
  });
  auto path = *rc::gen::elementOf(paths);
  auto container = document->root().find(path);
  if (container.is_object()) {
    path.emplace_back("new key");
  } else {
    path.emplace_back(container.size());
  }
  auto more = set(text, path, make(1));
  RC_ASSERT(more.has_value());
  auto back = json5::erase(*more, path);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == text);
}

RC_GTEST_PROP(Json5Property, ErasingLeavesTheOthers, ()) {
  auto text = make_document();
  auto document = Document::parse(text);
  auto paths = all_paths(*document);
  paths.erase(paths.begin());  // the root
  auto path = *rc::gen::elementOf(paths);
  auto less = json5::erase(text, path);
  if (!less) RC_FAIL(less.error().text());
}

}  // namespace
}  // namespace meshops::json5
