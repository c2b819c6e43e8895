// Logs cut to what a diagnosis needs: clean lines, from a moment on, or around the last ends of a process.
// Called by the close look and by `meshops diagnose --since`. Pure, and linear in the text whatever stands in
// it.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace meshops::diagnose {

/// Fit for a terminal and for JSON without growing: no ANSI sequences, other control characters and broken
/// UTF-8 as
/// '?', and of a line longer than `line_limit` its front.
std::string clean_lines(std::string_view text, std::size_t line_limit = 4096);

struct LogBudget {
  std::size_t lines = 600;
  std::size_t bytes = 1U << 20;  // as JSON counts them: a quote or a backslash is two
  /// Of each run but the last, its end.
  std::size_t earlier_lines = 60;
};
/// The last run of a gateway as whole as the budget allows (of a longer one its beginning and its end), and
/// the ends of the runs before. A run begins where it says that it starts, or its manager does. Lines that
/// are left out are counted in one line of ours.
std::string around_exits(std::string_view log, const LogBudget& budget);

/// Lines behind the last one that has a time follow a line of ours that has this one: what a gateway says
/// before it has read its configuration bears no time, and belongs to its last run, not to the line of an
/// earlier one.
std::string date_tail(std::string_view log, WallTime at);

struct Since {
  std::string text;
  bool timed = false;  // false: no line has a time, so none was left out
};
/// Lines not older than `since`. One without a time belongs to the line before; in front of the first time
/// there is none. A line that is left out stays as an empty one, so that line numbers are those of the whole
/// log.
Since not_before(std::string_view log, WallTime since);

}  // namespace meshops::diagnose
