// Corrections of an OpenClaw configuration that have one obvious reading, on its text: every other byte and
// comment stays. Called by the remedies for configurations. Pure; never guesses, never takes out what today's
// schema knows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json5.h"
#include "heal/remedy.h"

namespace meshops::heal {

/// What the gateway's validator said, out of its log: `openclaw.json:6 — discovery: Unrecognized key: "foo"`.
/// Each once, in order.
std::vector<ConfigIssue> issues_in(const std::vector<std::string>& messages);
/// The keys of `Unrecognized keys: "a", "b"`; empty if it is another complaint.
std::vector<std::string> unknown_keys(std::string_view message);
/// "agents.list.0.my.key" as a path of this document: keys may have dots. Nothing if there is no such place.
std::optional<json5::Path> locate(const json5::Value& root, std::string_view path);

struct Mend {
  std::string text;                    // the whole new configuration
  std::vector<std::string> removed;    // "discovery.foo"
  std::vector<std::string> corrected;  // "gateway.port"
  std::vector<std::string> left;       // issues that stay, in words
};
/// Takes out unknown keys and corrects values; the text must be JSON5.
Result<Mend> mend(std::string_view text, const std::vector<ConfigIssue>& issues);

/// The one reading that a change of a single character, or leaving out what stands behind the end, gives to a
/// text that is not JSON5. Nothing if there is none, or more than one, or the end is missing.
struct Repair {
  std::string text;
  std::string words;  // "line 4: put a ',' before '\"b\"'"
};
std::optional<Repair> repair_syntax(std::string_view text);

/// T1: what makes the gateway put its old file back at start. An error names it; `accepted` is the file it
/// last accepted, empty if there is none.
Status survives_start(std::string_view accepted, std::string_view text);

}  // namespace meshops::heal
