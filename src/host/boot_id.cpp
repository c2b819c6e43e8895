#include "host/boot_id.h"

#include "base/text.h"

namespace meshops {

std::string boot_id(const Host& host) {
  // In a container the kernel's boot is the host's, and what nspawn puts over its boot_id is hidden from the
  // agent again by ProtectKernelTunables=. There the start of PID 1, after the kernel's, names the boot.
  constexpr std::uint64_t kTicksOfAMinute = 6000;  // USER_HZ is 100 everywhere
  auto first = parse_proc_stat(host.read("/proc/1/stat", 4096).value_or(""));
  if (first && first->start_ticks > kTicksOfAMinute) return fmt::format("pid-1-at-{}", first->start_ticks);
  return std::string(trim(host.read("/proc/sys/kernel/random/boot_id", 128).value_or("")));
}

}  // namespace meshops
