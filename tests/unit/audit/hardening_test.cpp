// What systemd-analyze security of systemd 252 says of the same units; tests/audit/systemd_oracle.py asks it
// anew where it is installed.
#include "audit/hardening.h"

#include <gtest/gtest.h>

#include <chrono>

namespace meshops::audit {
namespace {

unsigned level(std::string_view directives) {
  return exposure(systemd::UnitFile::parse("[Service]\nExecStart=/bin/true\n" + std::string(directives)));
}

TEST(Hardening, AgreesWithSystemd) {
  EXPECT_EQ(level(""), 96U);
  EXPECT_EQ(level("User=claw\n"), 92U);
}

TEST(Hardening, WhatIsSuggestedLowersIt) {
  auto unit = systemd::UnitFile::parse("[Service]\nUser=claw\nExecStart=/usr/bin/openclaw gateway\n");
  auto list = fences(unit);
  ASSERT_FALSE(list.empty());
  for (const auto& fence : list) {
    EXPECT_GT(fence.lowers, 0U) << fence.line;
    EXPECT_EQ(fence.line.find("MemoryDenyWriteExecute"), std::string_view::npos);
    unit.add("[Service]\n" + std::string(fence.line) + "\n");
  }
  EXPECT_LT(exposure(unit), 50U);
  EXPECT_TRUE(fences(unit).empty());
}

TEST(Hardening, HostileValuesAreNoTrouble) {
  for (const auto* value :
       {"", "~", "~~", "@", "@nosuch", "~@nosuch:EPERM", "\xff", "0777777777777777777777", "yes no"})
    for (const auto* key : {"SystemCallFilter", "CapabilityBoundingSet", "RestrictNamespaces",
                            "RestrictAddressFamilies", "UMask", "ProtectHome", "IPAddressDeny", "User"})
      EXPECT_LE(level(std::string(key) + "=" + value + "\n"), 100U) << key << "=" << value;
}

TEST(Hardening, TwentyEightUnitsInUnderTenMilliseconds) {
  auto unit = systemd::UnitFile::parse(
      "[Service]\nUser=claw\nExecStart=/usr/bin/"
      "x\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged\n"
      "RestrictAddressFamilies=AF_INET AF_UNIX\nCapabilityBoundingSet=CAP_KILL\nProtectSystem=full\n");
  (void)exposure(unit);
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 28; ++i) (void)exposure(unit);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace meshops::audit
