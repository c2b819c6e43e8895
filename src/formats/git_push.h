// Commands in others' scripts that push with force: shell scripts, Makefiles, CI files, crontabs, aliases.
// Called by rules of the audit. Pure and total; knows enough of the shell to tell a command from a comment, a
// text that is printed, and a here-document; runs and expands nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::git {

struct ForcedPush {
  std::size_t line = 1;  // of the word that forces; both count from 1, a column is one byte
  std::size_t column = 1;
  std::string force;                      // that word: "--force", "-uf", "+main"
  bool lease = false;                     // --force-with-lease and nothing stronger
  std::vector<std::string> destinations;  // branches that the command names; may hold $VARIABLES
};

/// How the text holds its commands.
enum class Script {
  shell,    // all of it is a script
  lines,    // each line may be "key: command", "- command", "KEY=command", "RUN command" (CI, make, units)
  crontab,  // five fields or @word, perhaps a user, then a command
  code,     // strings and lists of strings in Python, JavaScript, …
};
std::vector<ForcedPush> forced_pushes(std::string_view text, Script script);

/// The words after "git": those of an alias, too.
std::vector<ForcedPush> forced_pushes_of(std::span<const std::string> arguments);

/// main, master, release/1.2, …: more than one person builds on it.
bool is_shared_branch(std::string_view name);

}  // namespace meshops::git
