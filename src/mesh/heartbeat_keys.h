// STATE/heartbeat.keys: the heartbeat's keys as they follow from Serf's keyring, for the unit that answers,
// which must not hold the mesh key itself. Called by `meshops mesh` and, about once a second, by the agent:
// Serf changes its keyring by itself when any member rotates. Restarts nothing.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "config/mesh.h"
#include "mesh/heartbeat.h"

namespace meshops::heartbeat {

std::filesystem::path keys_file(const Mesh& mesh);
Result<Keys> read_keys(const std::filesystem::path& file);

struct Refreshed {
  Keys keys;             // what Serf's keyring says now
  bool changed = false;  // the file said something else: who answers must be restarted
};
/// Writes the file (0600) if it does not say what follows from the keyring. `keys` are for Pulse::use_keys()
/// whether or not anything `changed`: `meshops mesh keys rotate` on this node may have written the file, and
/// restarted who answers, before the agent looked. An Error leaves the file as it is; a keyring that Serf is
/// just writing may be one, so ask again.
Result<Refreshed> refresh_keys(const Mesh& mesh);

}  // namespace meshops::heartbeat
