// What gateways and journald write, one line or entry at a time: console and file logs of OpenClaw, and the
// journal's export format. Called by sensors that follow logs. Pure and total on hostile bytes; never keeps
// more than its limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace meshops::journal {

/// Longer lines are cut here before they are read.
constexpr std::size_t kLineLimit = 256U << 10;

enum class Form {
  console_json,  // {"time","level","subsystem","message",…}: logging.consoleStyle "json"
  file_json,     // {"0","1","_meta","time","message"}: the log file
  console,       // TIME [subsystem] text
  text,          // anything else: a stack trace, a line from before the configuration was read
};

struct LogLine {
  Form form = Form::text;
  std::optional<WallTime> time;
  std::string level;      // lower case: trace debug info warn error fatal; empty if not told
  std::string subsystem;  // "gateway/reload"; empty if not told
  std::string message;    // without colours
  /// console_json: what stands beside these ("event", "reason", …), texts, numbers and booleans as they are
  /// written; at most 64, of each the first 4 KiB.
  std::vector<std::pair<std::string, std::string>> fields;
  /// Empty if there is no such field.
  std::string_view field(std::string_view name) const;
};
/// Never fails: what fits no form is a `text` with the whole line as its message.
LogLine parse_log_line(std::string_view line);
/// Without ANSI escape sequences (colours, cursor moves, titles).
std::string without_ansi(std::string_view text);

/// One entry of `journalctl -o export`; a field may occur more than once.
struct Entry {
  std::vector<std::pair<std::string, std::string>> fields;
  /// The first value of a field; nothing if it is absent.
  std::optional<std::string_view> find(std::string_view name) const;
  /// __REALTIME_TIMESTAMP, cut to milliseconds.
  std::optional<WallTime> time() const;
};

struct ExportLimits {
  std::size_t entries = 10'000;
  std::size_t fields = 1024;            // of one entry; journald's own limit
  std::size_t field_bytes = 768 << 10;  // journald's own limit for a field of a process
};
struct Export {
  std::vector<Entry> entries;
  /// Bytes of whole entries that were read: a reader of a stream keeps the rest and comes again with more.
  std::size_t consumed = 0;
  /// Entries left out because they were broken or over a limit.
  std::size_t broken = 0;
  /// The bytes from `consumed` on are no export format: nothing behind can be told from what somebody logged.
  /// A reader starts journalctl again behind the last cursor.
  bool corrupt = false;
};
/// Entries in the order of the bytes, at most limits.entries of them; `at_end` tells that no more bytes will
/// come, so that the last entry counts without the blank line behind it.
Export parse_export(std::string_view bytes, bool at_end, const ExportLimits& limits = {});

}  // namespace meshops::journal
