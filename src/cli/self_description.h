// Completion scripts, manual pages and docs/guide/commands.md, all walked out of the command line's own
// parser, so that none of them can say what the program does not do.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace meshops::cli {

std::string completion_script(const CLI::App& app, const std::string& shell);
/// File name ("meshops-status.1") → roff text.
std::map<std::string, std::string> manual_pages(const CLI::App& app);
std::string commands_guide(const CLI::App& app);

}  // namespace meshops::cli
