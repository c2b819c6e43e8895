// The checks of the domain backup, by file of theirs; backup.cpp puts them into rules. Nobody else calls
// them.
#pragma once

#include "audit/rule.h"

namespace meshops::audit::backup {

// backup_copies.cpp
void three_two_one(const Site& site, Findings& out);  // BKP-001
void too_old(const Site& site, Findings& out);        // BKP-002
void never_tried(const Site& site, Findings& out);    // BKP-003
void same_device(const Site& site, Findings& out);    // BKP-006
// backup_jobs.cpp
void no_rotation(const Site& site, Findings& out);     // BKP-004
void live_databases(const Site& site, Findings& out);  // BKP-007
// backup_removal.cpp
void removal(const Site& site, Findings& out);  // BKP-005

}  // namespace meshops::audit::backup
