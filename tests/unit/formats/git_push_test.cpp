#include "formats/git_push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshops::git {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ForcedPush, IsFoundWhereverACommandMayStand) {
  for (auto text : {
           "git push --force",
           "git push -f",
           "git push -uf origin x",
           "git push origin +main",
           "git push origin +HEAD:refs/heads/main",
           "/usr/bin/git -C /srv/x push -f",
           "git -c a=b push --force",
           "cd x && git push -f",
           "cd x; git push -f",
           "if git push -f; then :; fi",
           "if x; then git push -f; fi",
           "(git push -f)",
           "x=$(git push -f 2>&1)",
           "sudo -u claw git push -f",
           "GIT_SSH=x git push -f",
           "env A=b git push -f",
           "timeout 60 git push -f",
           "bash -c 'cd x && git push -f'",
           "ssh host \"git push -f\"",
           "git push \\\n  -f origin main",
           "true || git push -f || true",
           "f() { git push -f; }",
           "git push -f # now",
           "git push '--force'",
           "git push --force --force-with-lease",
           "cat <<X | git push -f\nX\n",
           "bash <<X\ngit push -f\nX\n",
           "while :; do git push -f; done",
       })
    EXPECT_THAT(forced_pushes(text, Script::shell), SizeIs(1)) << text;
}

TEST(ForcedPush, WhatOnlyLooksLikeOneIsNone) {
  for (auto text : {
           "git push",
           "git push origin main",
           "# git push -f",
           "echo git push -f",
           "echo 'git push -f'",
           "git push --dry-run -f",
           "git push -n --force",
           "git push --force --no-force",
           "git commit -m 'git push -f'",
           "git fetch -f",
           "git stash push -f x",
           "git push -o ci.skip origin x",
           "git pushf -f",
           "mygit push -f",
           "cat <<X\ngit push -f\nX\n",
           "cat <<'X'\ngit push -f\nX\n",
           "git push --follow-tags",
           "git push > -f",
           "grep 'git push -f' x",
           "git push origin \"a+b\"",
           "x='git push -f'",
           "git push --push-option -f",
       })
    EXPECT_THAT(forced_pushes(text, Script::shell), IsEmpty()) << text;
}

TEST(ForcedPush, SaysWhereAndWhatFor) {
  auto found = forced_pushes(
      "#!/bin/sh\ncd /x\n  git push origin \\\n    --force-with-lease HEAD:refs/heads/main\n", Script::shell);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].line, 4U);
  EXPECT_EQ(found[0].column, 5U);
  EXPECT_TRUE(found[0].lease);
  EXPECT_THAT(found[0].destinations, ElementsAre("main"));
}

TEST(ForcedPush, OtherFilesHoldCommandsInTheirOwnWay) {
  EXPECT_THAT(forced_pushes("  - run: git push -f\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("  - run: \"git push -f\"\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("script:\n  - git push -f\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("  - name: git push -f\n", Script::lines), IsEmpty());
  EXPECT_THAT(forced_pushes("x:\n\t-@git push -f\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("ExecStart=-/usr/bin/git push -f\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("RUN git push -f\n", Script::lines), SizeIs(1));
  EXPECT_THAT(forced_pushes("*/5 * * * * cd x && git push -f\n", Script::crontab), SizeIs(1));
  EXPECT_THAT(forced_pushes("@daily root git push -f\n", Script::crontab), SizeIs(1));
  EXPECT_THAT(forced_pushes("#1 2 3 4 5 git push -f\n", Script::crontab), IsEmpty());
  EXPECT_THAT(forced_pushes("run(['git', 'push', '-f'])\n", Script::code), SizeIs(1));
  EXPECT_THAT(forced_pushes("system(`git push -f`)\n", Script::code), SizeIs(1));
  EXPECT_THAT(forced_pushes("# \"git push -f\"\nrun([\"git\", \"push\"])\n", Script::code), IsEmpty());
}

}  // namespace
}  // namespace meshops::git
