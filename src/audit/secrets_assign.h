// Assignments in any language: from a word of a name ("token") to the whole NAME=value around it. Only
// secrets*.cpp include it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "audit/secrets_kinds.h"

namespace meshops::audit::secrets {

/// Words that names of secrets hold, in lower case: the scanner looks for them in any case.
std::span<const std::string_view> name_words();

struct Assigned {
  std::string_view name;
  Range value;
  bool lenient = false;  // in the way of shells, .env and YAML files, where a bare word is a value
};
/// The assignment whose name holds the byte at `at`.
std::optional<Assigned> assignment_at(std::string_view text, std::size_t at);
/// The name that was given what begins at `begin`: KEY="…, key: …; empty if there is none.
std::string_view name_before(std::string_view text, std::size_t begin);

/// What kind of secret NAME=value gives, if it does. Strict is for text of programs, where most values that
/// look like words are words.
std::optional<std::string_view> kind_of_assignment(std::string_view name, std::string_view value,
                                                   bool lenient);

}  // namespace meshops::audit::secrets
