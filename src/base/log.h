// Structured log: an event name, a sentence, fields. To journald when it is our stderr, else one line each to
// stderr. Never given a secret: fields take text that may be seen.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace meshops::log {

enum class Level { debug, info, warn, error };
using Field = std::pair<std::string_view, std::string>;

/// Below this nothing is written. Default: info.
void set_level(Level level);
/// Sends lines elsewhere (the live view, tests); empty = back to stderr/journald.
using Sink = void (*)(Level, std::string_view event, std::string_view sentence, std::initializer_list<Field>);
void set_sink(Sink sink);

/// event: stable dotted name ("gateway.restart"). Fields become MESHOPS_<NAME> in the journal, name=value on
/// a terminal.
void write(Level level, std::string_view event, std::string_view sentence,
           std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::string_view sentence,
                  std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, sentence, fields);
}
inline void info(std::string_view event, std::string_view sentence,
                 std::initializer_list<Field> fields = {}) {
  write(Level::info, event, sentence, fields);
}
inline void warn(std::string_view event, std::string_view sentence,
                 std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, sentence, fields);
}
inline void error(std::string_view event, std::string_view sentence,
                  std::initializer_list<Field> fields = {}) {
  write(Level::error, event, sentence, fields);
}

}  // namespace meshops::log
