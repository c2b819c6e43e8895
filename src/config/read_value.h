// One TOML value → one checked Setting, as its key's facts say. The parser calls it; it knows nothing of
// other keys.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/schema.h"
#include "config/toml_tree.h"

namespace meshops {

using ReportFault =
    std::function<void(toml_tree::Position, ConfigCode, std::string_view sentence, std::string_view hint)>;

/// The value, or nothing after at least one report. `path` is how the key is called in faults:
/// "limits.probe_interval".
std::optional<schema::Setting> read_value(const schema::KeyFacts& key, const std::string& path,
                                          const toml_tree::Value& value, const ReportFault& report);

/// "did you mean 'x'?", or "". Besides what base's nearest() finds: a word that goes on where the candidate
/// ends
/// ("warning" for "warn"), and the other way round.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// "a text", "a number", "a list": never the value itself.
std::string_view kind_of(const toml_tree::Value& value);

}  // namespace meshops
