#include "formats/shell.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace meshops::shell {
namespace {

/// "line:column word|word" of each command.
std::string told(std::string_view text) {
  std::string out;
  for (const auto& c : commands(text)) {
    out += fmt::format("{}:{} ", c.line, c.column);
    for (const auto& a : c.assignments)
      out += fmt::format("{}{}{} ", a.name, a.appends ? "+=" : "=", a.value.text);
    for (std::size_t i = 0; i < c.words.size(); ++i) out += (i > 0 ? "|" : "") + c.words[i].text;
    for (const auto& r : c.redirections)
      out += fmt::format(" {}{}{}", r.fd ? fmt::to_string(*r.fd) : "", r.op, r.target.text);
    out += "\n";
  }
  return out;
}

TEST(Shell, WordsLoseTheirQuotesAndKeepTheirPlace) {
  EXPECT_EQ(told("echo 'a b'\"c $X\"d\\ e\n  ls  -la # not me; rm\n"), "1:1 echo|a bc $Xd e\n2:3 ls|-la\n");
  auto c = commands("a 'x' $'t\\tab' \"$Y\" '$Z'");
  ASSERT_EQ(c.size(), 1U);
  EXPECT_TRUE(c[0].words[1].quoted);
  EXPECT_EQ(c[0].words[2].text, "t\tab");
  EXPECT_TRUE(c[0].words[3].expands);
  EXPECT_FALSE(c[0].words[4].expands);
  EXPECT_EQ(c[0].words[3].column, 16U);
}

TEST(Shell, SeparatorsAreKnown) {
  auto c = commands("a && b || c; d | e & f\ng");
  ASSERT_EQ(c.size(), 7U);
  const Join joins[] = {Join::and_then,   Join::or_else, Join::semicolon, Join::pipe,
                        Join::background, Join::newline, Join::end};
  for (std::size_t i = 0; i < c.size(); ++i) EXPECT_EQ(c[i].join, joins[i]) << i;
}

TEST(Shell, ContinuationLinesAreOneCommand) {
  EXPECT_EQ(told("apt-get update \\\n && apt-get \\\n  install -y cu\\\nrl"),
            "1:1 apt-get|update\n2:5 apt-get|install|-y|curl\n");
  EXPECT_EQ(told("a \\\r\n b\r\nc\r\n"), "1:1 a|b\n3:1 c\n");
}

TEST(Shell, AssignmentsStandBeforeTheCommand) {
  EXPECT_EQ(told("A=1 B+='x y' C[2]=z run D=4"), "1:1 A=1 B+=x y C=z run|D=4\n");
  EXPECT_EQ(told("X=(a \"b)\" c)\n'A=1' b"), "1:1 X=(a \"b)\" c) \n2:1 A=1|b\n");
  EXPECT_EQ(commands("TOKEN=abc run")[0].assignments[0].value.column, 7U);
}

TEST(Shell, Redirections) {
  EXPECT_EQ(told("a >b 2>&1 </dev/null &>>log"), "1:1 a >b 2>&1 </dev/null &>>log\n");
  EXPECT_EQ(told("a 2 >b"), "1:1 a|2 >b\n");
}

TEST(Shell, HeredocsAreNoCommands) {
  auto script = parse("cat <<EOF >x; echo y\nrm -rf /\nEOF\ncat <<-'E'\n\tz\n\tE\nlast\n");
  ASSERT_EQ(script.commands.size(), 4U);
  EXPECT_EQ(script.commands[3].words[0].text, "last");
  EXPECT_EQ(script.commands[3].line, 7U);
  EXPECT_EQ(script.heredocs[0].body, "rm -rf /\n");
  EXPECT_EQ(script.heredocs[0].line, 2U);
  EXPECT_FALSE(script.heredocs[0].literal);
  EXPECT_TRUE(script.heredocs[1].literal);
  EXPECT_EQ(script.heredocs[1].body, "\tz\n");
}

TEST(Shell, LoopsKnowConditionAndBody) {
  auto script = parse("while ! curl -f localhost; do sleep 5; for i in 1 2 3; do x $i; done; done; y");
  const auto& c = script.commands;
  ASSERT_EQ(c.size(), 4U);
  EXPECT_TRUE(c[0].loop_condition && c[0].negated);
  EXPECT_EQ(c[0].words[0].text, "curl");
  EXPECT_EQ(c[1].loop_depth, 1U);
  EXPECT_FALSE(c[1].loop_condition);
  EXPECT_EQ(c[2].loop_depth, 2U);
  EXPECT_EQ(script.loops[c[2].loop].kind, Loop::Kind::for_loop);
  EXPECT_EQ(script.loops[c[2].loop].parent, c[1].loop);
  EXPECT_EQ(c[3].loop_depth, 0U);
  EXPECT_EQ(c[3].loop, kNoLoop);
}

TEST(Shell, ConditionsCasesAndFunctions) {
  auto c = commands(
      "wait_for() {\n  if true; then a; else b; fi\n}\n"
      "case \"$1\" in\n  start|go) c ;;\n  (stop) d;;\n  *) e\nesac\nfunction g { h; }\n(i; j)\n((n++))\n[[ "
      "a && b ]] && k");
  std::vector<std::string> names;
  for (const auto& x : c) names.push_back(x.words[0].text);
  EXPECT_EQ(names, (std::vector<std::string>{"true", "a", "b", "c", "d", "e", "h", "i", "j", "[[", "k"}));
  EXPECT_EQ(c[1].function, "wait_for");
  EXPECT_TRUE(c[1].conditional && c[4].conditional);
  EXPECT_FALSE(c[6].conditional);
  EXPECT_EQ(c[6].function, "g");
  EXPECT_EQ(c[7].depth, 1U);
  EXPECT_EQ(c[10].function, "");
}

TEST(Shell, SubstitutionsAreLookedInto) {
  auto c = commands("echo \"$(date -u)\" `id -u` <(sort x) ${A:-$(no)} $((1 + 2))\nnext");
  std::vector<std::string> names;
  for (const auto& x : c) names.push_back(x.words[0].text);
  EXPECT_EQ(names, (std::vector<std::string>{"echo", "date", "id", "sort", "next"}));
  EXPECT_TRUE(c[1].substituted);
  EXPECT_EQ(c[1].column, 9U);
  EXPECT_EQ(c[2].column, 20U);
}

TEST(Shell, TheTextOfAnInnerShellIsReadToo) {
  auto c = commands("bash -lc 'cd /x && run --now' && su - bob -c \"a; b\"");
  std::vector<std::string> names;
  for (const auto& x : c) names.push_back(x.words[0].text);
  EXPECT_EQ(names, (std::vector<std::string>{"bash", "cd", "run", "su", "a", "b"}));
  EXPECT_EQ(c[2].column, 20U);
  EXPECT_TRUE(c[2].nested_shell);
}

TEST(Shell, WrappersAreTakenOff) {
  EXPECT_EQ(program(commands("sudo -u root -E A=b /usr/bin/apt-get update")[0]), "apt-get");
  EXPECT_EQ(program(commands("exec env -i X=1 nice -n 10 timeout -k 5 30s node x.js")[0]), "node");
  EXPECT_EQ(program(commands("flock -n /tmp/lock backup.sh")[0]), "backup.sh");
  EXPECT_EQ(program(commands("sudo -i")[0]), "sudo");
}

TEST(Shell, BrokenTextsEnd) {
  for (const auto* text :
       {"'",  "\"",      "$(", "${", "`",    "((",       "case x in", "for", "while", "done fi }", ")", ";;",
        "<<", "a <<EOF", "\\", "f(", "[[ a", "function", "$'",        "<(",  "A=(",   "! ! !",     "&>"})
    (void)commands(text);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "$(";
  (void)commands(deep);
  deep.clear();
  for (int i = 0; i < 100'000; ++i) deep += "(";
  (void)commands(deep);
}

}  // namespace
}  // namespace meshops::shell
