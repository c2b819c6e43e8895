// Live for a machine that is reached over SSH: answers out of what its own tools have said, and notes what
// nobody has asked them yet. The same texts go through the same functions as those of this machine.
#pragma once

#include <memory>

#include "audit/live.h"
#include "host/captured_host.h"

namespace meshops::audit {

/// `host` and what it stands on must outlive it.
std::unique_ptr<Live> captured_live(const capture::CapturedHost& host, const capture::Facts& facts,
                                    capture::Missed& missed);

}  // namespace meshops::audit
