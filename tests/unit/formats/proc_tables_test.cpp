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

TEST(ProcTables, SocketsThatWaitForOthers) {
  constexpr std::string_view kTcp =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0 "
      "100 0\n"
      "   1: 0100007F:4965 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 41235 1 0 "
      "100 0\n"
      "   2: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 "
      "1\n"
      "   3: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 8 "
      "1\n"
      "broken 0: 0A\n";
  auto found = waiting_sockets(kTcp, Transport::tcp);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_EQ(found[0].port, 18789);
  EXPECT_EQ(found[0].uid, 1000U);
  EXPECT_EQ(found[0].inode, 41234U);
  EXPECT_EQ(found[1].address, "::1");
  EXPECT_EQ(found[1].port, 22);
  EXPECT_EQ(found[2].address, "2001:db8::1");
  // Of UDP nobody listens: who is not connected waits.
  auto udp = waiting_sockets("  0: 00000000:0035 00000000:0000 07 0:0 00:0 0 101 0 99 2\n", Transport::udp);
  ASSERT_EQ(udp.size(), 1U);
  EXPECT_EQ(udp[0].address, "0.0.0.0");
  EXPECT_TRUE(waiting_sockets(kTcp, Transport::udp).empty());
}

}  // namespace
}  // namespace meshops::proc_tables
