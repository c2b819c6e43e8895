// The numbers and the rows of docs/mesh-healing.md are those of the code.
#include "mesh/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "mesh/judgement.h"

using namespace meshops::mesh;

namespace {

std::string page() {
  std::ifstream file(MESHOPS_SOURCE_DIR "/docs/mesh-healing.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(MeshHealingPage, HasTheNumbersOfTheCode) { EXPECT_THAT(page(), testing::HasSubstr(limits_markdown())); }

TEST(MeshHealingPage, HasTheRowsOfTheTable) { EXPECT_THAT(page(), testing::HasSubstr(table_markdown())); }

TEST(MeshLimits, CautiousIsNowhereBolder) {
  auto normal = MeshLimits::of(meshops::Profile::normal);
  auto cautious = MeshLimits::of(meshops::Profile::cautious);
  EXPECT_GE(cautious.grace_agent, normal.grace_agent);
  EXPECT_GE(cautious.grace_unreachable, normal.grace_unreachable);
  EXPECT_GE(cautious.suspect_after, normal.suspect_after);
  EXPECT_LE(cautious.per_hour, normal.per_hour);
}

}  // namespace
