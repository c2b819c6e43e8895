#include "formats/json5.h"

#include <gtest/gtest.h>

#include <cmath>

namespace meshops::json5 {
namespace {

std::string read(std::string_view text) {
  auto document = Document::parse(text);
  return document ? to_json(document->root()) : "error: " + document.error().text();
}

struct Accepted {
  std::string_view text, json;
};

// The language, by chapters of spec.json5.org.
constexpr Accepted kAccepted[] = {
    // objects
    {"{}", "{}"},
    {"{a:1}", R"({"a":1})"},
    {"{a:1,}", R"({"a":1})"},
    {"{'a':1,\"b\":2}", R"({"a":1,"b":2})"},
    {"{$_:1,_$2:2,a1:3}", R"({"$_":1,"_$2":2,"a1":3})"},
    {"{ünïcode:1,ключ:2,鍵:3}", R"({"ünïcode":1,"ключ":2,"鍵":3})"},
    {"{\\u0061b:1,a\\u0062c:2}", R"({"ab":1,"abc":2})"},
    {"{a\u200Cb:1}", "{\"a\u200Cb\":1}"},
    {"{null:1,true:2,Infinity:3,NaN:4,if:5}", R"({"null":1,"true":2,"Infinity":3,"NaN":4,"if":5})"},
    {"{\"\":1}", R"({"":1})"},
    {"{a:1,b:2,a:3}", R"({"b":2,"a":3})"},
    {"{a:{b:{c:[{}]}}}", R"({"a":{"b":{"c":[{}]}}})"},
    {"{__proto__:1}", R"({"__proto__":1})"},
    // arrays
    {"[]", "[]"},
    {"[1,]", "[1]"},
    {"[1,[2,],]", "[1,[2]]"},
    {"[\n1\n,\n2\n]", "[1,2]"},
    // words
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    // strings
    {"'it\"s'", R"("it\"s")"},
    {"\"it's\"", R"("it's")"},
    {"''", R"("")"},
    {R"('\'\"\\\b\f\n\r\t\v\0')", R"("'\"\\\b\f\n\r\t\u000b\u0000")"},
    {R"('\x41\u0042\u00e9')", R"("ABé")"},
    {R"('\uD83D\uDE00')", "\"😀\""},
    {"'\\uD83D\\\n\\uDE00'", "\"😀\""},
    {R"('\uD83Dx\uDE00')", "\"\uFFFDx\uFFFD\""},
    {R"('\a\q\$\/')", R"("aq$/")"},
    {"'\\é'", "\"é\""},
    {"'one \\\ntwo'", R"("one two")"},
    {"'one \\\r\ntwo'", R"("one two")"},
    {"'one \\\rtwo'", R"("one two")"},
    {"'one \\\u2028two\\\u2029'", R"("one two")"},
    {"'a\u2028b'", R"("a\u2028b")"},
    {"'tab\there'", R"("tab\there")"},
    {"'// no comment /* either'", R"("// no comment /* either")"},
    {"'\xff'", "\"\uFFFD\""},
    // numbers
    {"0", "0"},
    {"18789", "18789"},
    {"-0", "-0"},
    {"+1", "1"},
    {"-1.5e-3", "-1.5e-3"},
    {".5", "0.5"},
    {"5.", "5"},
    {"5.e1", "50"},
    {"+.5E+1", "5"},
    {"0.0", "0.0"},
    {"0e5", "0e5"},
    {"0x4965", "18789"},
    {"-0XfF", "-255"},
    {"0x0", "0"},
    {"Infinity", "null"},
    {"-Infinity", "null"},
    {"+NaN", "null"},
    {"1e999", "null"},
    {"1e-999", "1e-999"},
    {"123456789012345678901234567890", "123456789012345678901234567890"},
    // comments and white space
    {"// one\n1", "1"},
    {"1 // no line end", "1"},
    {"1//", "1"},
    {"/**/1/***/", "1"},
    {"/* * / // */1", "1"},
    {"// ends at\u2028 1", "1"},
    {"// ends at\r1", "1"},
    {"{/*a*/a/*b*/:/*c*/1/*d*/,/*e*/}", R"({"a":1})"},
    {"\uFEFF[1]", "[1]"},
    {"\t\v\f \u00A0\u2003\u3000\u1680\u202F\u205F\u2029 1 \uFEFF", "1"},
};

TEST(Json5, ReadsTheWholeLanguage) {
  for (const auto& [text, json] : kAccepted) EXPECT_EQ(read(text), json) << text;
}

constexpr std::string_view kRejected[] = {
    "",
    " ",
    "// only a comment",
    "/* open",
    "/*/",
    "/",
    "1 2",
    "{} {}",
    "[1]]",
    "}",
    ",",
    ":",
    // objects
    "{",
    "{a",
    "{a:",
    "{a:1",
    "{a:1,",
    "{,}",
    "{a:1,,}",
    "{a:1 b:2}",
    "{a 1}",
    "{1:2}",
    "{a-b:1}",
    "{a.b:1}",
    "{0x1:1}",
    "{\\x61:1}",
    "{\\u0031a:1}",
    "{a\\u0020b:1}",
    "{\u00D7:1}",
    "{'a:1}",
    "{a:}",
    "{a::1}",
    "{[a]:1}",
    "{...a}",
    "{\u2028a",
    "{\u0301a:1}",
    // arrays
    "[",
    "[1",
    "[1,",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1}",
    "{a:1]",
    // words
    "nul",
    "nulls",
    "null1",
    "True",
    "undefined",
    "truefalse",
    "tru\\u0065",
    "hello",
    // strings
    "'",
    "\"",
    "'a",
    "'a\"",
    "'a\nb'",
    "'a\rb'",
    "'\\",
    "'\\'",
    "'\\1'",
    "'\\9'",
    "'\\01'",
    "'\\x1'",
    "'\\xg1'",
    "'\\u12'",
    "'\\u{41}'",
    "`a`",
    // numbers
    "01",
    "00",
    "-01",
    "0x",
    "0xg",
    "0x1.5",
    "1e",
    "1e+",
    ".",
    "-",
    "+",
    "+-1",
    "--1",
    "- 1",
    "1_000",
    "1n",
    "0b1",
    "0o7",
    "1.2.3",
    ".e1",
    "infinity",
    "Infinit",
    "Infinityx",
    "+null",
    "-'1'",
    "5.a",
    "1px",
    "$1",
};

TEST(Json5, RefusesWhatIsNotTheLanguage) {
  for (auto text : kRejected) {
    Problem problem;
    auto document = Document::parse(text, &problem);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().code(), "json5.syntax") << text;
    EXPECT_FALSE(problem.what.empty()) << text;
    EXPECT_NE(document.error().text().find(problem.what), std::string::npos);
  }
}

TEST(Json5, ErrorsSayWhereAndWhatWasExpected) {
  struct Case {
    std::string_view text, error;
  };
  constexpr Case kCases[] = {
      {"{\n  gateway: { mode: 'local' }\n  port: 1\n}", "line 3, column 3: expected ',' or '}', found 'p'"},
      {"[1 2]", "line 1, column 4: expected ',' or ']', found '2'"},
      {"{\"é\":1 x", "line 1, column 8: expected ',' or '}', found 'x'"},
      {"{a:1", "line 1, column 5: expected '}' for the '{' of line 1, column 1, found the end of the text"},
      {"", "line 1, column 1: expected a value, found the end of the text"},
      {"{a:\n'b\n}", "line 2, column 3: the string of line 2, column 1 is not closed on its line"},
      {"{a\r\n1}", "line 2, column 1: expected ':' after the key, found '1'"},
      {"{a:\x01}", "line 1, column 4: expected a value, found '\\x01'"},
      {"{a: 1 /* x", "line 1, column 7: the comment is never closed with '*/'"},
      {"007", "line 1, column 1: a number does not begin with 0"},
  };
  for (const auto& [text, error] : kCases) {
    auto document = Document::parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().text(), error);
  }
  Problem problem;
  EXPECT_FALSE(Document::parse("{\n\n   ?", &problem));
  EXPECT_EQ(problem.at, (Position{3, 4}));
}

TEST(Json5, NestingHasALimit) {
  EXPECT_TRUE(Document::parse(std::string(kDepthLimit, '[') + std::string(kDepthLimit, ']')));
  auto deep = Document::parse(std::string(100'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code(), "json5.too_deep");
}

constexpr std::string_view kConfig = R"(// my gateway
{
  gateway: { port: 18789, bind: "loopback", auth: { token: 'abc' } },
  agents: [ { id: 'main' }, { id: "ops", weight: .5 } ],
  on: true, "odd key": null,
}
)";

TEST(Json5, PathsFindValuesAndAbsentOnesAnswerNothing) {
  auto document = Document::parse(kConfig);
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->find("gateway", "port").as_int(), 18789);
  EXPECT_EQ(document->find("agents", 1, "id").as_string(), "ops");
  EXPECT_EQ(document->find(Path{"agents", std::size_t{1}, "weight"}).as_number(), 0.5);
  EXPECT_EQ(document->find("on").as_bool(), true);
  EXPECT_TRUE(document->find("odd key").is_null());
  EXPECT_EQ(document->find("agents").size(), 2U);
  auto nowhere = document->find("gateway", "port", "deeper", 3);
  EXPECT_FALSE(nowhere);
  EXPECT_EQ(nowhere.kind(), Kind::absent);
  EXPECT_FALSE(nowhere.as_string());
  EXPECT_FALSE(document->find("gateway").as_string());
  EXPECT_FALSE(document->find("agents", 2));
}

TEST(Json5, ValuesKnowTheirPlace) {
  auto document = Document::parse(kConfig);
  ASSERT_TRUE(document);
  auto token = document->find("gateway", "auth", "token");
  EXPECT_EQ(token.position(), (Position{3, 60}));
  EXPECT_EQ(token.key_position(), (Position{3, 53}));
  EXPECT_EQ(token.source(), "'abc'");
  EXPECT_EQ(document->find("agents", 0).source(), "{ id: 'main' }");
  EXPECT_EQ(document->root().position(), (Position{2, 1}));
}

TEST(Json5, AValueKeepsItsDocumentAlive) {
  auto value = [] { return Document::parse("{a: 'long enough to be on the heap, surely'}")->find("a"); }();
  EXPECT_EQ(value.as_string(), "long enough to be on the heap, surely");
}

TEST(Json5, WholeNumbersAreExact) {
  auto whole = [](std::string_view text) { return Document::parse(text)->root().as_int(); };
  EXPECT_EQ(whole("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(whole("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(whole("9007199254740993"), 9007199254740993);
  EXPECT_EQ(whole("-0x10"), -16);
  EXPECT_EQ(whole("+7"), 7);
  EXPECT_EQ(whole("1e3"), 1000);
  EXPECT_EQ(whole("2.0"), 2);
  EXPECT_EQ(whole("2.5"), std::nullopt);
  EXPECT_EQ(whole("9223372036854775808"), std::nullopt);
  EXPECT_EQ(whole("Infinity"), std::nullopt);
  EXPECT_EQ(whole("NaN"), std::nullopt);
}

TEST(Json5, NumbersOutOfRangeRoundAsInJavaScript) {
  auto number = [](std::string_view text) { return *Document::parse(text)->root().as_number(); };
  EXPECT_EQ(number("1e400"), HUGE_VAL);
  EXPECT_EQ(number("-1e400"), -HUGE_VAL);
  EXPECT_EQ(number("1e-400"), 0.0);
  EXPECT_EQ(number("0.0000001e99999999999999999999"), HUGE_VAL);
  EXPECT_EQ(number("10000000e-99999999999999999999"), 0.0);
  EXPECT_EQ(number("0e99999999999999999999"), 0.0);
  EXPECT_EQ(number("0x" + std::string(300, 'f')), HUGE_VAL);
  EXPECT_EQ(number("0x1" + std::string(14, '0') + "1"), 1152921504606846976.0);
  EXPECT_TRUE(std::signbit(number("-0")));
}

TEST(Json5, PathsPrintAsPeopleWriteThem) {
  EXPECT_EQ(path_text({}), "the document");
  EXPECT_EQ(path_text({"a", "b c", std::size_t{3}, "d"}), "a[\"b c\"][3].d");
}

}  // namespace
}  // namespace meshops::json5
