// A report read back from meshops.audit/1, as another machine's meshops of this version has written it. Pure;
// total on any text: that machine may be hostile.
#pragma once

#include <string>
#include <string_view>

#include "audit/run.h"
#include "base/result.h"

namespace meshops::audit {

/// One target's report; rules that we do not have are an error. What it says about mending is left out: it is
/// mended there. `wanted` is what was asked for, so that the report knows which rules ran.
Result<Report> parse_report(std::string_view json, const Wanted& wanted);

}  // namespace meshops::audit
