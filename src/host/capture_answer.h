// The answers of a machine that is asked by a script (capture_script.h), read into facts. Pure; total on any
// bytes: the machine may be hostile.
//
// An answer is MARK piece MARK piece … MARK "Z\0"; a MARK is a random word and a NUL. A piece is a letter,
// fields and a body, all fields ended by NUL, so that names and bytes of any kind pass through:
//   E (META path link)…                what paths are, links not followed
//   F (META path link)…                the same, followed
//   L directory (META name link)…      a directory with all that is in it
//   T depth most (META path link)…     a tree; above `depth` its directories are whole, unless it has `most`
//                                      bytes: then it was cut
//   U path…                            directories that may not be listed
//   G lines, H items                   "/proc/7/stat:…", each line or item behind its file's name
//   R from most path bytes…            of a file; a piece S says how the reading ended
//   D path numbers                     of statvfs(3)
//   A question output…                 of a tool; a piece S says how it ended
//   S code                             exit code of what wrote the piece before
//   N why kind path                    there is nothing to be had, and why
// META is "TYPE MODE UID GID SIZE MTIME DEVICE DEPTH", as find -printf writes it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "host/capture.h"

namespace meshops::capture {

/// Adds what the answer says. What stands before the first mark is skipped: shells like to greet. An answer
/// that is broken or too large is an error; what was read before stays.
Status read_answer(std::string_view answer, std::string_view mark, Facts& facts);

}  // namespace meshops::capture
