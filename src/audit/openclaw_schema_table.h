// The table behind openclaw_schema.h, in a file of its own for its length. Read by nobody else.
#pragma once

#include <string_view>

namespace meshops::audit::schema {

/// Objects that take no other keys, of version 2026.9.6: made from what `openclaw config schema` prints,
/// "path: keys"; "*" stands for any key or index. Channels and plugins bring schemas of their own, so nothing
/// below them is judged here.
extern const std::string_view kSchemaTable;

}  // namespace meshops::audit::schema
