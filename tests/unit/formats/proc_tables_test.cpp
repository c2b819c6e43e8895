#include "formats/proc_tables.h"

#include <gtest/gtest.h>

namespace meshops::proc_tables {
namespace {

TEST(ProcTables, MeminfoIsInBytes) {
  constexpr std::string_view kText = "MemTotal:        4018724 kB\nMemFree: 1 kB\nHugePages_Total:       3\n";
  EXPECT_EQ(meminfo(kText, "MemTotal"), 4018724ULL * 1024);
  EXPECT_EQ(meminfo(kText, "HugePages_Total"), 3U);
  EXPECT_FALSE(meminfo(kText, "Mem"));
  EXPECT_FALSE(meminfo("MemTotal: x kB", "MemTotal"));
}

TEST(ProcTables, PressureOfFiveMinutes) {
  auto found = pressure(
      "some avg10=1.00 avg60=2.00 avg300=3.50 total=1\nfull avg10=0.00 avg60=0.00 avg300=1.25 total=1\n");
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->some_300, 3.5);
  EXPECT_DOUBLE_EQ(found->full_300, 1.25);
  EXPECT_FALSE(pressure("some avg10=1.00"));
  EXPECT_FALSE(pressure("some avg300=nan"));
}

TEST(ProcTables, TheSoftLimitOfOpenFiles) {
  EXPECT_EQ(open_files("Max cpu time unlimited unlimited seconds\nMax open files   1024   524288   files\n"),
            1024U);
  EXPECT_FALSE(open_files("Max open files   unlimited   unlimited   files\n"));
  EXPECT_FALSE(open_files("Max open files"));
}

TEST(ProcTables, ListenersAreNotConnections) {
  Ports ports;
  add_ports(
      "  sl  local_address rem_address   st\n"
      "   0: 0100007F:4965 00000000:0000 0A 00000000:00000000\n"
      "   1: 0100007F:8000 0100007F:01BB 01 00000000:00000000\n"
      "   2: nonsense\n",
      ports);
  EXPECT_EQ(ports.count(), 1U);
  EXPECT_TRUE(ports.test(0x8000));
}

TEST(ProcTables, SizesAsSystemdWritesThem) {
  EXPECT_EQ(systemd_size("500M"), 500ULL << 20);
  EXPECT_EQ(systemd_size(" 1.5G "), 3ULL << 29);
  EXPECT_EQ(systemd_size("4096"), 4096U);
  EXPECT_FALSE(systemd_size("infinity"));
  EXPECT_FALSE(systemd_size("10%"));
  EXPECT_FALSE(systemd_size("5X"));
  EXPECT_FALSE(systemd_size(""));
}

}  // namespace
}  // namespace meshops::proc_tables
