// Where findings stand, told as other programs count and name it: columns in UTF-16 units, paths from the top
// of a checkout. Called by the runner, for the reports. Reads files only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audit/site.h"

namespace meshops::audit {

/// Fills `utf16_column` of findings that have a line and a column; each file is read once.
void count_columns(const Site& site, std::vector<Finding>& findings);

/// "infra/unit" for that folder of a working tree of git; empty for its top, and where there is none.
std::string path_in_checkout(const std::filesystem::path& folder);

}  // namespace meshops::audit
