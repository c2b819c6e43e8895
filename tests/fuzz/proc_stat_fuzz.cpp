// Texts of /proc: a process may name itself as it likes.
#include "host/file_systems.h"
#include "host/proc.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (auto p = meshops::parse_proc_stat(text); p && (p->pid <= 0 || p->cpu < meshops::Duration::zero()))
    __builtin_trap();
  (void)meshops::proc::parse_cgroup(text);
  (void)meshops::proc::parse_real_uid(text);
  (void)meshops::proc::parse_nul_list(text);
  (void)meshops::proc::parse_passwd(text);
  (void)meshops::parse_mountinfo(text);
  return 0;
}
