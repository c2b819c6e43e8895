#include "host/unit_show.h"

#include <gtest/gtest.h>

namespace meshops {
namespace {

TEST(UnitShow, TheTextSaysWhatTheBusWould) {
  auto units = parse_unit_show(
      "Type=notify\nRestart=on-failure\nRestartUSec=1min 5s\nTimeoutStopUSec=infinity\nMainPID=812\n"
      "ExecMainCode=1\nExecMainStatus=78\nNRestarts=3\nMemoryCurrent=[not "
      "set]\nCPUUsageNSec=18446744073709551615\n"
      "ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no ; pid=0 }\n"
      "ControlGroup=/system.slice/ssh.service\nId=ssh.service\nActiveState=active\nUnitFileState=enabled\n"
      "FragmentPath=/lib/systemd/system/ssh.service\nDropInPaths=/etc/a.conf "
      "/etc/b.conf\nNeedDaemonReload=yes\n"
      "\n"
      "Id=dead.service\nActiveState=failed\nResult=start-limit-hit\nMemoryCurrent=4096\nWatchdogUSec=30s\n");
  ASSERT_EQ(units.size(), 2U);
  const auto& ssh = units[0];
  EXPECT_EQ(ssh.name, "ssh.service");
  EXPECT_EQ(ssh.restart_delay, std::chrono::seconds(65));
  EXPECT_EQ(ssh.stop_timeout, Duration::max());
  EXPECT_EQ(ssh.main_pid, 812);
  EXPECT_EQ(ssh.last_exit->code, 78);
  EXPECT_EQ(ssh.restarts, 3U);
  EXPECT_EQ(ssh.memory, 0U);
  EXPECT_EQ(ssh.cpu, Duration{});
  EXPECT_EQ(ssh.exec_start, (std::vector<std::string>{"/usr/sbin/sshd", "-D", "$SSHD_OPTS"}));
  EXPECT_EQ(ssh.drop_ins, (std::vector<std::string>{"/etc/a.conf", "/etc/b.conf"}));
  EXPECT_TRUE(ssh.needs_daemon_reload);
  EXPECT_EQ(units[1].result, "start-limit-hit");
  EXPECT_EQ(units[1].memory, 4096U);
  EXPECT_EQ(units[1].watchdog, std::chrono::seconds(30));
  EXPECT_FALSE(units[1].last_exit);
}

TEST(UnitShow, WhatNamesNoUnitIsNone) {
  EXPECT_TRUE(parse_unit_show("").empty());
  EXPECT_TRUE(parse_unit_show("Version=252\nFeatures=+PAM\n").empty());
}

TEST(UnitShow, NothingThatMayBeSecretIsAskedFor) {
  EXPECT_EQ(unit_properties().find("Environment"), std::string_view::npos);
}

}  // namespace
}  // namespace meshops
