// A Setting as TOML, in the form that parses back to the same. The writers and the documentation call it.
#pragma once

#include <string>
#include <string_view>

#include "config/schema.h"

namespace meshops::schema {

/// "\"5s\"", "[\"a\", \"b\"]", "true".
std::string literal(Type type, const Setting& setting);
/// A TOML basic string. Bytes that are not UTF-8, which TOML cannot hold, become U+FFFD.
std::string toml_string(std::string_view text);

/// "10MiB"; exact, unlike base's bytes_text().
std::string size_text(std::uint64_t bytes);

}  // namespace meshops::schema
