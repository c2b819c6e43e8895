// From what a patient answered over SSH to what Judgement takes. Pure.
#pragma once

#include <vector>

#include "base/result.h"
#include "mesh/remote_report.h"
#include "mesh/remote_request.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// Those that are wanted, together: ill if one is, else given up if people were told of one.
Gateways taken_together(const std::vector<ProbeReport::Gateway>& gateways);
bool is_ill(const ProbeReport::Gateway& gateway);
Found found_in(const ProbeReport& report);
/// An answer, a refusal, or none at all. A patient that does not know us, or does not like our clock or key,
/// is not ill for that: its agent counts as running, so that nobody reinstalls it.
Probe probe_of(const Result<RemoteAnswer>& answer);

}  // namespace meshops::mesh
