// A kernel log from a hostile hand (whoever names a process writes into it): total, bounded, printable.
#include <cstdint>

#include "base/text.h"
#include "formats/oom_report.h"
#include "formats/proc_tables.h"
#include "must.h"

using namespace meshops;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  oom::Report report;
  for (auto line : split(text, '\n'))
    if (auto kill = report.line(line)) {
      must(valid_utf8(kill->victim) && valid_utf8(kill->limit_group) && valid_utf8(kill->task_group));
      for (std::size_t i = 0; i < kill->tasks.size(); ++i) {
        must(valid_utf8(kill->tasks[i].name));
        must(i == 0 || kill->tasks[i - 1].rss >= kill->tasks[i].rss);
      }
    }
  // The other small tables of the same kind.
  (void)proc_tables::meminfo(text, "MemTotal");
  (void)proc_tables::open_files(text);
  if (auto pressure = proc_tables::pressure(text)) must(pressure->some_300 == pressure->some_300);
  static proc_tables::Ports ports;
  proc_tables::add_ports(text, ports);
  (void)proc_tables::systemd_size(text);
  return 0;
}
