// The commands that export a project of Google Cloud into the files that the rules of GCP read. Printed by
// `meshops cloud export` and quoted where a file is missing; run by nobody here.
#pragma once

#include <string>
#include <string_view>

namespace meshops::audit {

/// A script of the shell: one command for each file, in the current directory. Reads only.
std::string export_commands(std::string_view project);

/// The one for "disks.json"; empty: there is no such file.
std::string export_command(std::string_view file, std::string_view project = "PROJECT");

}  // namespace meshops::audit
