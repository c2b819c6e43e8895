// What `meshops mesh` prints: members as a table and as meshops.members/1, and the next steps. Pure; never
// shows a key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/heartbeats.h"
#include "config/mesh.h"
#include "mesh/roster.h"

namespace meshops::cli {

struct NextSteps {
  std::string node;
  std::vector<std::string> commands;  // here, in turn; the last one runs there
};
/// Whether a mesh.toml says under [mesh] which node it is for: such a file is not for the others.
bool is_for_one_node(std::string_view toml);
/// What each other node needs to become a member; without a copy of mesh.toml if it is not `for_all`.
std::vector<NextSteps> next_steps(const Mesh& mesh, const std::string& key_file, bool for_all);
std::string render_init(const Mesh& mesh, bool made_key, bool displaced, const std::vector<NextSteps>& steps);
std::string render_joined(const Mesh& mesh, bool displaced, const Roster& roster);
/// `heartbeats`: nothing if nobody was asked.
std::string render_members(const Roster& roster, const std::optional<Heartbeats>& heartbeats = {});
std::string members_json(const Roster& roster, WallTime now,
                         const std::optional<Heartbeats>& heartbeats = {});

}  // namespace meshops::cli
