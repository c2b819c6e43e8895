// The journal read through sd-journal. Called by the hosts.
// Opens and closes it within one call: its memory-mapped windows must not stay in an agent that is meant to
// be small.
#pragma once

#include <vector>

#include "base/fd.h"
#include "host/host.h"

namespace meshops {

/// Of this machine.
Result<std::vector<JournalEntry>> read_journal(const JournalQuery& query);
/// Of journal files in an open directory (…/var/log/journal).
Result<std::vector<JournalEntry>> read_journal_in(const Fd& directory, const JournalQuery& query);

}  // namespace meshops
