// The crontabs of a site, parsed, with what the audit wants to know of each. Rules of schedules, backups and
// watchdogs ask for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/site.h"
#include "formats/crontab.h"

namespace meshops::audit {

struct CronFile {
  FoundFile file;
  crontab::Dialect dialect = crontab::Dialect::user;
  std::string text;
  crontab::Crontab table;
  std::string user;       // of a user's crontab, where the path tells whose
  bool packaged = false;  // a package brought it (live, root)
  /// Who the job runs as; empty: not known.
  std::string user_of(const crontab::Job& job) const { return job.user.empty() ? user : job.user; }
};

class CronFiles {
 public:
  static CronFiles gather(const Site& site);
  /// Without those that somebody put aside: *.bak, *.dpkg-old, templates.
  const std::vector<CronFile>& files() const { return files_; }
  const std::vector<Skip>& skips() const { return skips_; }

 private:
  std::vector<CronFile> files_;
  std::vector<Skip> skips_;
};

/// Whether cron reads a file of that name in cron.d: letters, digits, '_' and '-' only, as run-parts does.
bool cron_reads_name(std::string_view name);
/// Whether the job is a distribution's own upkeep: run-parts over /etc/cron.*, anacron, or a job that does
/// nothing where systemd runs because a timer does it there.
bool is_stock_job(const crontab::Job& job);

}  // namespace meshops::audit
