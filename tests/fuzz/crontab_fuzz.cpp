// Crontabs from a hostile hand: reading is total, every place is inside the text, and what runs next matches.
#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "formats/crontab.h"
#include "must.h"

using namespace meshops;
using namespace meshops::crontab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  auto lines = split(text, '\n');
  for (auto dialect : {Dialect::user, Dialect::system}) {
    auto table = Crontab::parse(text, dialect);
    auto inside = [&](std::size_t line, std::size_t column) {
      must(line >= 1 && line <= lines.size() && column >= 1 && column <= lines[line - 1].size() + 1);
    };
    for (const auto& p : table.problems) {
      inside(p.line, p.column);
      must(!meshops::crontab::text(p.fault).empty());
    }
    for (const auto& s : table.settings) inside(s.line, s.column);
    int budget = 16;
    for (const auto& job : table.jobs) {
      inside(job.line, job.column);
      inside(job.line, job.command_column);
      must(!trim(job.command).empty() && job.settings <= table.settings.size());
      must(dialect == Dialect::user || !job.user.empty());
      for (auto column : job.percents) must(lines[job.line - 1][column - 1] == '%');
      for (std::size_t i = 0; i < job.command.size(); ++i)
        must(lines[job.line - 1][job.column_of(i) - 1] == job.command[i]);
      (void)table.setting(job, "PATH");
      must(job.schedule.shortest_gap() >= 1 && job.schedule.shortest_gap() <= 1440);
      if (budget-- <= 0) continue;
      Civil from{2026, 11, 25, 12, 0};
      if (auto next = job.schedule.next_after(from)) must(from < *next && job.schedule.matches(*next));
    }
  }
  return 0;
}
