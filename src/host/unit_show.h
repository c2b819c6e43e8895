// UnitState out of the text of `systemctl show`, for a machine whose bus we cannot reach. Pure and total on
// any text.
#pragma once

#include <string_view>
#include <vector>

#include "host/services.h"

namespace meshops {

/// The properties to ask for, as one argument of `systemctl show -p`.
std::string_view unit_properties();

/// "Name=value" lines, units apart by a blank line; what names no unit is left out. `environment` stays
/// empty, as it is not asked for: it may hold secrets. systemctl shows the argv of a command with blanks
/// between the words, so that a word that holds one becomes two.
std::vector<UnitState> parse_unit_show(std::string_view text);

}  // namespace meshops
