#include "formats/dockerfile.h"

#include <gtest/gtest.h>

namespace meshops::dockerfile {
namespace {

TEST(Dockerfile, InstructionsKnowTheirPlaces) {
  auto file = File::parse(
      "# syntax=docker/dockerfile:1\nfrom a:1 as B\n\nRUN x \\\n  # no\n\n  && y\nCMD [\"a\", \"b c\"]\n");
  ASSERT_EQ(file.instructions.size(), 3U);
  EXPECT_EQ(file.instructions[0].name, "FROM");
  EXPECT_EQ(file.stages[0].name, "B");
  const auto& run = file.instructions[1];
  EXPECT_EQ(run.at.line, 4U);
  EXPECT_EQ(run.rest.str(), "x   && y");
  auto place = run.rest.place(run.rest.str().find('y'));
  EXPECT_EQ(place.line, 7U);
  EXPECT_EQ(place.column, 6U);
  EXPECT_EQ(*file.instructions[2].argv, (std::vector<std::string>{"a", "b c"}));
}

TEST(Dockerfile, TheEscapeCanBeABacktick) {
  auto file = File::parse("# escape=`\nFROM a:1\nRUN dir c:\\ `\n  /s\n");
  ASSERT_EQ(file.instructions.size(), 2U);
  EXPECT_EQ(file.instructions[1].rest.str(), "dir c:\\   /s");
}

TEST(Dockerfile, FlagsAndOnbuild) {
  auto file = File::parse(
      "FROM --platform=linux/arm64 a:1\nONBUILD COPY --from=b --chown=1:1 x y\nRUN "
      "--mount=type=cache,target=/x true\n");
  EXPECT_EQ(file.stages[0].written, "a:1");
  EXPECT_TRUE(file.instructions[1].onbuild);
  EXPECT_EQ(file.instructions[1].name, "COPY");
  EXPECT_EQ(*file.instructions[1].flag("from"), "b");
  EXPECT_EQ(file.instructions[1].rest.str(), "x y");
  EXPECT_EQ(file.instructions[2].rest.str(), "true");
}

TEST(Dockerfile, HeredocsAreNoInstructions) {
  auto file = File::parse(
      "FROM a:1\nRUN <<EOF\nFROM x\n echo\nEOF\nCOPY <<\"A\" <<-B /x/\n1\nA\n\t2\n\tB\nRUN python3 "
      "<<E\nimport x\nE\nUSER a\n");
  ASSERT_EQ(file.instructions.size(), 5U);
  EXPECT_EQ(file.stages.size(), 1U);
  auto scripts = file.instructions[1].scripts();
  ASSERT_EQ(scripts.size(), 1U);
  EXPECT_EQ(scripts[0].str(), "FROM x\n echo\n");
  EXPECT_EQ(scripts[0].place(scripts[0].str().find("echo")).line, 4U);
  EXPECT_EQ(file.instructions[2].heredocs.size(), 2U);
  EXPECT_EQ(file.instructions[3].scripts().size(), 1U);
  EXPECT_EQ(file.instructions[4].at.line, 14U);
}

TEST(Dockerfile, ArgsHaveScopes) {
  auto file = File::parse(
      "ARG V=1.2\nARG B=deb:${V}\nARG N\nFROM $B AS x\nARG V\nENV A=$V C=\"a b\" D=\\$V\nFROM x\nUSER "
      "${A}\nFROM img:${N:-9}\nUSER $V\nFROM "
      "img:$N\n");
  ASSERT_EQ(file.stages.size(), 4U);
  EXPECT_EQ(file.stages[0].image.text, "deb:1.2");
  EXPECT_EQ(file.stages[1].parent, 0U);
  EXPECT_EQ(file.stages[2].image.text, "img:9");
  EXPECT_EQ(file.stages[3].image.unset, (std::vector<std::string>{"N"}));
  auto variables = file.variables(1, file.stages[1].end);
  EXPECT_EQ(variables["A"], "1.2");
  EXPECT_EQ(variables["C"], "a b");
  EXPECT_EQ(variables["D"], "$V");
  // A global ARG that the stage does not name is not there.
  EXPECT_EQ(expand("$V", file.variables(2, file.stages[2].end)).unset.size(), 1U);
}

TEST(Dockerfile, SettingsInBothForms) {
  auto file = File::parse("FROM a:1\nENV A=1 B='x y' \\\n  C=3\nENV D the rest of it\nARG E\n");
  auto both = file.instructions[1].settings();
  ASSERT_EQ(both.size(), 3U);
  EXPECT_EQ(both[1].value, "x y");
  EXPECT_EQ(both[2].at.line, 3U);
  EXPECT_EQ(both[2].at.column, 3U);
  EXPECT_EQ(file.instructions[2].settings()[0].value, "the rest of it");
  EXPECT_FALSE(file.instructions[3].settings()[0].value);
}

TEST(Dockerfile, Expansions) {
  Variables v = {{"A", "x"}, {"E", ""}, {"U", std::nullopt}};
  EXPECT_EQ(expand("$A-${A}${N:-d}${E:-e}${E-no}${A:+y}${N:+z}\\$A", v).text, "x-xdey$A");
  EXPECT_EQ(expand("${U}$N", v).unset, (std::vector<std::string>{"U", "N"}));
  EXPECT_EQ(expand("${N:-${A}}", v).text, "x");
  EXPECT_EQ(expand("${", v).text, "${");
}

}  // namespace
}  // namespace meshops::dockerfile
