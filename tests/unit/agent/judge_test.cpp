// The child that judges, in the clothes of a script.
#include "agent/judge.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "unit/base/temp_dir.h"
#include "unit/gateway/loop.h"

namespace meshops {
namespace {

struct Judging : testing::Test {
  TempDir directory;
  Result<diagnose::Diagnosis> says(const std::string& script) {
    auto path = directory.path / "program";
    EXPECT_TRUE(write_file_atomic(path, "#!/bin/sh\n" + script, {.mode = 0755, .uid = {}, .gid = {}}));
    return test::run(judge_in_child(path.string())("the look", parse_iso8601("2026-11-24T05:00:00Z")));
  }
};

TEST_F(Judging, GivesWhatTheChildFound) {
  auto found =
      says(R"sh([ "$*" = "diagnose --closeup - --format json --since 2026-11-24T05:00:00.000Z" ] || exit 9
[ "$(cat)" = "the look" ] || exit 8
echo '{"schema": "meshops.diagnosis/1", "confidence": "high", "hypotheses": [{"cause": "disk_full", "score": 0.8}]}'
exit 1)sh");
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->confidence, diagnose::Confidence::high);
  EXPECT_EQ(found->hypotheses.at(0).cause, diagnose::Cause::disk_full);
}

TEST_F(Judging, SaysWhyItCouldNotJudge) {
  auto found = says("echo 'meshops: cannot read it' >&2; exit 3");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().text().find("cannot read it"), std::string::npos);
  EXPECT_FALSE(says("kill -9 $$"));
  EXPECT_FALSE(says("echo '{half'; exit 1"));
}

}  // namespace
}  // namespace meshops
