// A file that holds a secret: read each time it is needed, so that a new key needs no restart. Called by
// whoever signs with one. What stands in it is in no error text.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/secret.h"

namespace meshops {

/// Whether the path itself may be a symbolic link, as a file of a person's choice may.
enum class Links { follow, refuse };

/// Its text without blanks at both ends. A regular file of root's or our own that nobody else may read; at
/// most 16 KiB. `what` is for errors: "the key of a provider".
Result<Secret> read_secret_file(const std::filesystem::path& path, std::string_view what,
                                Links links = Links::follow);

}  // namespace meshops
