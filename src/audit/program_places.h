// Where programs live on Debian 12, and what cron's shell knows by itself: what CRON-001 judges by where
// there is no file system to look at. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit {

/// Builtins and keywords of dash and bash.
bool is_shell_word(std::string_view name);
/// The directory ("/usr/sbin", "~/.local/bin") of a program that is never, or by the usual way of installing
/// it not, in /usr/bin; nothing: not known, or in /usr/bin.
std::optional<std::string_view> lives_in(std::string_view name);
/// Programs of a minimal Debian's /usr/bin and what servers add to it.
bool in_usr_bin(std::string_view name);

/// Where to look for a program that PATH does not find; "~" stands for a home.
const std::vector<std::string>& program_places();

}  // namespace meshops::audit
