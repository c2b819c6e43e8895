// What starts an AI gateway, told from a command line, a shell text or a unit's name. Called when units are
// gathered, and by rules of other domains for crontabs and containers. Pure; runs nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace meshops::audit {

/// The simple commands of a shell text, quotes taken off, variables as they stand; comments and
/// here-documents are left out. Good for looking, not for running.
std::vector<std::vector<std::string>> shell_commands(std::string_view text);
/// What is run in the end: without assignments, "exec", "nohup", "env", "sudo -u x", "nice -n 5" and the
/// like.
std::vector<std::string> without_wrappers(std::vector<std::string> argv);
/// "/usr/bin/node" → "node".
std::string_view program_name(std::string_view path);

/// OpenClaw under its present and its former names.
bool names_openclaw(std::string_view text);
/// Whether one of the text's commands starts a gateway; `place` is what else tells of OpenClaw (the working
/// directory).
bool script_starts_gateway(std::string_view text, std::string_view place = {});
/// The same for one command.
bool command_starts_gateway(const std::vector<std::string>& argv, std::string_view place = {});
/// "openclaw-gateway.service", "moltbot@alice.service"; not "openclaw-backup.service", which only helps one.
bool unit_name_of_gateway(std::string_view name);
/// Programs that are never a gateway, however the unit is called: ssh, nginx, rclone, …
bool is_other_program(const std::vector<std::string>& argv);
/// docker, podman, nerdctl.
bool is_engine(std::string_view program);

}  // namespace meshops::audit
