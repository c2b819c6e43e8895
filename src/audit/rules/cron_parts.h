// The checks of the domain cron, by file of theirs; cron.cpp puts them into rules. Nobody else calls them.
#pragma once

#include <string>

#include "audit/rule.h"
#include "formats/crontab.h"

namespace meshops::audit::cron {

// cron_path.cpp
void command_path(const Site& site, Findings& out);  // CRON-001
// cron_table.cpp
void time_zone(const Site& site, Findings& out);     // CRON-002
void table_backup(const Site& site, Findings& out);  // CRON-004
void as_written(const Site& site, Findings& out);    // CRON-007
// cron_runs.cpp
void reboot_service(const Site& site, Findings& out);  // CRON-003
void sleep_loop(const Site& site, Findings& out);      // CRON-005
void overlap(const Site& site, Findings& out);         // CRON-006
void heartbeat(const Site& site, Findings& out);       // CRON-008

/// The program that matters of a job, for names and messages: never its arguments.
std::string program_of(const crontab::Job& job);

}  // namespace meshops::audit::cron
