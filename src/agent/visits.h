// What siblings did to this node while its own agent could not, in this node's own ledger: its owner finds
// there who touched it. Called by the agent as it begins; the patient's memory of treatments is the source.
#pragma once

#include <string>
#include <vector>

#include "mesh/treatment_log.h"
#include "store/ledger.h"

namespace meshops {

/// Those that are not in the ledger yet and were about the agent itself; what was done to a gateway stands
/// there already, because this node's own ladder did it. `now` and `wall` are one moment.
void record_visits(const std::vector<mesh::Visit>& visits, const std::string& node, Instant now,
                   WallTime wall, store::Ledger& ledger);

}  // namespace meshops
