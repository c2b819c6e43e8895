#include "formats/unit_directives.h"

#include <gtest/gtest.h>

namespace meshops::systemd {
namespace {

TEST(UnitDirectives, EachSectionKnowsItsOwnAndWhatItShares) {
  EXPECT_TRUE(knows("Service", "ExecStart"));
  EXPECT_TRUE(knows("Service", "MemoryMax"));
  EXPECT_TRUE(knows("Slice", "MemoryMax"));
  EXPECT_TRUE(knows("Mount", "PrivateTmp"));
  EXPECT_TRUE(knows("Unit", "StartLimitIntervalSec"));
  EXPECT_FALSE(knows("Service", "StartLimitIntervalSec"));
  EXPECT_FALSE(knows("Unit", "ExecStart"));
  EXPECT_FALSE(knows("Service", "Exec"));
  EXPECT_FALSE(knows("Service", ""));
  EXPECT_FALSE(knows("Service", "User Group"));
}

TEST(UnitDirectives, OldSpellingsOfTheStartLimitStillCountInService) {
  for (const auto* name : {"StartLimitInterval", "StartLimitBurst", "StartLimitAction"})
    EXPECT_TRUE(knows("Service", name)) << name;
}

TEST(UnitDirectives, WhatIsYoungerThan252SaysSo) {
  EXPECT_EQ(since_version("Service", "RestartSteps"), 254U);
  EXPECT_EQ(since_version("Mount", "ImportCredential"), 254U);
  EXPECT_EQ(since_version("Slice", "MemoryZSwapMax"), 253U);
  EXPECT_FALSE(since_version("Slice", "ImportCredential"));
  EXPECT_FALSE(since_version("Service", "ExecStart"));
}

TEST(UnitDirectives, SectionsBelongToTypes) {
  EXPECT_TRUE(is_section("Service", "service"));
  EXPECT_FALSE(is_section("Timer", "service"));
  EXPECT_TRUE(is_section("Unit", "target"));
  EXPECT_FALSE(is_section("Target", "target"));
  EXPECT_TRUE(is_section("Timer", ""));
  EXPECT_TRUE(is_extension("X-Fleet"));
}

TEST(UnitDirectives, TheNearestSpellingIsFound) {
  EXPECT_EQ(nearest_directive("Service", "Restrat"), "Restart");
  EXPECT_EQ(nearest_directive("Service", "execstart"), "ExecStart");
  EXPECT_EQ(nearest_directive("Service", "TimeoutStart"), "TimeoutStartSec");
  EXPECT_FALSE(nearest_directive("Service", "Zebra"));
  EXPECT_EQ(sections_with("OnCalendar"), (std::vector<std::string_view>{"Timer"}));
}

TEST(UnitDirectives, FilesOfOtherProgramsAreNoUnits) {
  EXPECT_FALSE(looks_like_unit(UnitFile::parse("[D-BUS Service]\nName=a\n").headers()));
  EXPECT_FALSE(looks_like_unit(UnitFile::parse("<xml/>\n").headers()));
  EXPECT_TRUE(looks_like_unit(UnitFile::parse("[Unit]\n").headers()));
}

}  // namespace
}  // namespace meshops::systemd
