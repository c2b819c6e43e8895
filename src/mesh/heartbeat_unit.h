// meshops-web.service, which answers the heartbeats of the other nodes: its text, and its start and end.
// Called by `meshops mesh init|join|leave|keys rotate` as root, and by the agent when the keys have changed.
// Holds no key: systemd hands the unit a copy of STATE/heartbeat.keys when it starts.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/mesh.h"
#include "host/services.h"

namespace meshops::heartbeat {

constexpr std::string_view kUnit = "meshops-web.service";

/// All that it must know stands in its arguments, for mesh.toml may be root's alone.
std::string unit_text(const Mesh& mesh, const std::filesystem::path& program);

/// Keys and unit written, or found good. Needs Serf's keyring.
Status prepare(const Mesh& mesh);
/// Has systemd start it anew and at every boot, and waits until it listens.
boost::asio::awaitable<Status> start(Services& services);
/// No start at boot any more, and its end. Good if there is no such unit.
boost::asio::awaitable<Status> stop(Services& services);

/// After refresh_keys() said `changed`: the unit has its keys from its start. Silent for a third of
/// a second meanwhile. Good without doing anything where the unit is not installed, or was stopped by a
/// person.
///
/// Who calls it after a rotation: on the node where `meshops mesh keys rotate` ran, that command, so that it
/// needs no agent there; on every other node its agent. A node without an agent goes on answering with the
/// old key, which nobody asks with any more, until its agent is back or `meshops mesh join` ran there; its
/// word would be stale anyway.
boost::asio::awaitable<Status> restart(Services& services);

}  // namespace meshops::heartbeat
