// An ssh_config as blocks of text that can be moved: the mend of a value that an earlier block hides. Called
// by the rules of ssh. Moves nothing whose move would change what any other host gets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/ssh_files.h"

namespace meshops::audit {

/// The text with the block that begins at line `wide` (0: what stands above all blocks) moved behind the one
/// at line `hidden`, or further; nothing if that would change more than which of the two values counts.
std::optional<std::string> with_block_moved(const SshClient& client, const ssh::Config& file,
                                            std::string_view text, std::size_t wide, std::size_t hidden);

}  // namespace meshops::audit
