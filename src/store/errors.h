// The codes of this room's errors. Included by its headers; says nothing else.
#pragma once

#include "base/result.h"

namespace meshops::store {

MESHOPS_ERROR_CODES(StoreCode, "store", cannot_open, damaged, io, not_found, full, newer, busy);

}  // namespace meshops::store
