#include "formats/git_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/git_reflog.h"

namespace meshops::git {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kConfig = R"(# of this repository
[core]
	bare = false
	excludesFile = "~/x y" ; theirs
[remote "origin"]
	url = git@example.org:a/b.git
[branch "we\"ird"] merge = refs/heads/x
[Pull]
	Rebase
[alias]
	lg = log \
  --oneline # short
)";

TEST(GitConfig, ReadsSectionsValuesAndPlaces) {
  auto c = Config::parse(kConfig);
  EXPECT_THAT(c.problems(), IsEmpty());
  EXPECT_EQ(c.boolean("core", "bare"), false);
  EXPECT_EQ(c.value("core", "excludesfile"), "~/x y");
  EXPECT_EQ(c.value("remote", "url", "origin"), "git@example.org:a/b.git");
  EXPECT_EQ(c.value("branch", "merge", "we\"ird"), "refs/heads/x");
  EXPECT_EQ(c.boolean("pull", "rebase"), true);
  EXPECT_EQ(c.value("alias", "lg"), "log   --oneline");
  EXPECT_EQ(c.last("core", "bare")->line, 3U);
  EXPECT_EQ(c.last("core", "bare")->column, 2U);
  EXPECT_EQ(c.last("branch", "merge", "we\"ird")->line, 7U);
  EXPECT_EQ(c.section_line("pull"), 8U);
  EXPECT_EQ(c.value("core", "nothing"), std::nullopt);
}

TEST(GitConfig, TheLastValueCounts) {
  auto c = Config::parse("[pull]\nrebase = true\n[pull]\nrebase = false\n[branch.Main]\nrebase = yes\n");
  EXPECT_EQ(c.boolean("pull", "rebase"), false);
  EXPECT_EQ(c.boolean("branch", "rebase", "main"), true) << "the old spelling is lower case";
}

TEST(GitConfig, WhatGitWouldStopAtIsAProblemAndReadingGoesOn) {
  auto c = Config::parse("x = 1\n[core\n[a]\nb = \"open\nc = \\q\n9 = 1\n_ = 1\nd ! 1\ne = 2\n");
  EXPECT_THAT(c.problems(), SizeIs(6));
  EXPECT_EQ(c.value("a", "e"), "2");
}

TEST(GitConfig, SetChangesOneValueAndNothingElse) {
  EXPECT_EQ(set("[pull]\n\trebase = false # why\n\tff = only\n", "pull", "", "rebase", "true"),
            "[pull]\n\trebase = true # why\n\tff = only\n");
  EXPECT_EQ(set("[pull]\n\trebase\n", "pull", "", "rebase", "false"), "[pull]\n\trebase = false\n");
  EXPECT_EQ(set("[pull]\n\trebase =\n", "pull", "", "rebase", "true"), "[pull]\n\trebase = true\n");
}

TEST(GitConfig, SetAddsToTheSectionThatIsThere) {
  EXPECT_EQ(set("[pull]\n\tff = only\n# of core\n[core]\n\tbare = true\n", "pull", "", "rebase", "true"),
            "[pull]\n\tff = only\n\trebase = true\n# of core\n[core]\n\tbare = true\n");
  EXPECT_EQ(set("[pull]", "pull", "", "rebase", "true"), "[pull]\n\trebase = true\n");
  EXPECT_EQ(set("[pull][core]\n\tbare\n", "pull", "", "rebase", "true"),
            "[pull]\n\trebase = true\n[core]\n\tbare\n");
  // A line that would go on is ended first.
  EXPECT_EQ(set("[core]\n\tpager = less\\", "pull", "", "rebase", "true"),
            "[core]\n\tpager = less\\\n\n[pull]\n\trebase = true\n");
}

TEST(GitConfig, SetMakesASection) {
  EXPECT_EQ(set("[core]\n\tbare = true", "pull", "", "rebase", "true"),
            "[core]\n\tbare = true\n[pull]\n\trebase = true\n");
  EXPECT_EQ(set("", "branch", "dev", "rebase", "true"), "[branch \"dev\"]\n\trebase = true\n");
}

TEST(GitReflog, ReadsEntriesAndLeavesOutWhatIsNone) {
  auto log = parse_reflog(
      "0000000000000000000000000000000000000000 1111111111111111111111111111111111111111 A B <a@b> "
      "1763900000 "
      "+0100\tclone: from x\n"
      "rubbish\n"
      "1111111111111111111111111111111111111111 2222222222222222222222222222222222222222 A <a@b> 1763900001 "
      "-0700\n");
  ASSERT_THAT(log, SizeIs(2));
  EXPECT_TRUE(is_null_id(log[0].from));
  EXPECT_EQ(log[0].message, "clone: from x");
  EXPECT_EQ(log[1].at, 1763900001);
  EXPECT_EQ(log[1].line, 3U);
}

}  // namespace
}  // namespace meshops::git
