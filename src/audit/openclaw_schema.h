// Which keys an OpenClaw takes in its configuration: by the installed package's own schema where that can be
// read, else by a table of the newest release. Asked by GW-001. Pure: runs nothing, reads no file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/json5.h"

namespace meshops::audit::schema {

/// What the built-in table was made from.
constexpr std::string_view kTableVersion = "2026.9.6";
/// engines.node of that release.
constexpr std::string_view kTableNodeRange = ">=24.16.0 <25 || >=26.1.0";

struct UnknownKey {
  json5::Path path;
  std::vector<std::string> known;  // what its object takes instead
};
struct Judgement {
  std::vector<UnknownKey> unknown;  // keys that are not taken, in the order of the text
  std::string by;                   // "OpenClaw 2026.9.6"
};
/// `version`: the one that shall read it; empty: not known, the newest. `installed`: what root_keys_in() gave
/// of the package, or nothing. Keys below the root are judged for the table's own release only, others may
/// have had them.
Judgement judge(const json5::Value& root, std::string_view version,
                const std::vector<std::string>& installed);

/// The keys that the table has for an object ("" the root, "agents.entries.*"); nothing if it takes any.
std::vector<std::string> known_keys(std::string_view pattern);

/// The root's keys out of the package's compiled schema (dist/zod-schema-*.mjs), sorted; nothing where it
/// cannot be read with certainty.
std::vector<std::string> root_keys_in(std::string_view code);

}  // namespace meshops::audit::schema
