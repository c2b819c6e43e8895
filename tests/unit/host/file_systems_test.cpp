#include "host/file_systems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

using namespace meshops;

TEST(FileSystems, OnlyLocalOnesThatStoreSomething) {
  auto all = parse_mountinfo(
      "22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
      "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
      "35 28 0:30 / /mnt/far rw,relatime shared:9 - nfs4 server:/x rw\n"
      "36 28 0:31 / /home/claw/remote rw - fuse.sshfs host:/ rw\n"
      "37 28 8:1 / /data\\040disk ro,relatime - xfs /dev/sda1 rw\n"
      "38 28 8:2 / /broken rw,relatime shared:2 master:3 - ext4 /dev/sdb1 ro\n"
      "39 28 0:40 / /tmp rw - tmpfs tmpfs rw,size=1g\n");
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].mount_point, "/");
  EXPECT_EQ(all[0].device, "/dev/vda1");
  EXPECT_EQ(all[0].type, "ext4");
  EXPECT_FALSE(all[0].read_only);  // "remount-ro" is not "ro"
  EXPECT_EQ(all[1].mount_point, "/data disk");
  EXPECT_TRUE(all[1].read_only);
  EXPECT_TRUE(all[2].read_only);  // the kernel remounts the superblock on errors
  EXPECT_EQ(all[3].type, "tmpfs");
}

TEST(FileSystems, OfTwoMountsOnOnePointTheLastIsSeen) {
  auto all = parse_mountinfo(
      "28 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
      "40 28 254:2 / /data rw - ext4 /dev/vdb1 rw\n"
      "41 40 0:9 / /data rw - nfs server:/x rw\n");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].mount_point, "/");
}

TEST(FileSystems, BrokenLinesAreSkipped) {
  EXPECT_TRUE(parse_mountinfo("").empty());
  EXPECT_TRUE(parse_mountinfo("- - - - - - - - -\n1 2 3\n1 2 3 4 5 6 7 8 9 -\n").empty());
}

TEST(FileSystems, TheRootOfThisMachineHasASize) {
  auto all = local_host()->file_systems();
  ASSERT_TRUE(all) << all.error().text();
  auto root = std::ranges::find_if(*all, [](const auto& fs) { return fs.mount_point == "/"; });
  ASSERT_NE(root, all->end());
  EXPECT_GT(root->bytes, 0U);
  EXPECT_LE(root->bytes_free, root->bytes);
}
