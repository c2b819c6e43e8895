#include "host/boot_id.h"

#include <gtest/gtest.h>

#include "fakes/fake_host.h"

namespace meshops {
namespace {

/// /proc/1/stat of a first process that began so many ticks after the kernel.
std::string first_process(unsigned ticks) {
  return fmt::format(
      "1 (systemd) S 0 1 1 0 -1 4194560 1500 0 3 0 512 128 0 0 20 0 1 0 {} 1272971264 17203 "
      "18446744073709551615 1 1 0 0 0 0 0 4096 134300162 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      ticks);
}

TEST(BootId, IsTheKernelsOrInAContainerTheStartOfItsFirstProcess) {
  const std::string kernels = "2a5c8f40-7c55-4bd4-9d3f-7f4d5b6c1e2a";
  FakeHost host;
  EXPECT_EQ(boot_id(host), "") << "it cannot be told";
  host.file("/proc/sys/kernel/random/boot_id", kernels + "\n");
  EXPECT_EQ(boot_id(host), kernels);
  host.file("/proc/1/stat", first_process(12));
  EXPECT_EQ(boot_id(host), kernels) << "it began with the machine";
  host.file("/proc/1/stat", first_process(8812));
  EXPECT_EQ(boot_id(host), "pid-1-at-8812") << "long after the kernel: it is a container's";
}

TEST(BootId, OfThisMachineCanBeTold) { EXPECT_NE(boot_id(*local_host()), ""); }

}  // namespace
}  // namespace meshops
