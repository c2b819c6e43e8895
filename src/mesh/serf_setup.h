// Makes this machine a member, or none any more: the files that Serf's agent needs, its unit, and its start.
// Called by `meshops mesh` only, as root. Decides nothing about other nodes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <memory>

#include "config/mesh.h"
#include "host/services.h"
#include "mesh/serf_agent.h"
#include "mesh/serf_client.h"

namespace meshops::serf {

enum class KeyPolicy {
  make_if_missing,  // the first node of a mesh
  must_be_there,    // the owner has copied it from a member
};
struct Prepared {
  bool made_key = false;
  RpcTarget rpc;
};
/// Program, account, key, configuration, unit: all that a start needs, written or found good. May be
/// repeated: a key that is there stays, and so does the RPC's.
Result<Prepared> prepare(const Mesh& mesh, KeyPolicy policy, std::string_view version);

/// Has systemd start the agent anew and at every boot, and waits until it takes orders. The unit that
/// Debian's package starts by itself (an open agent, without a key, on the same ports) is ended first; true
/// if it was. One that its owner has configured is left alone: an Error.
boost::asio::awaitable<Result<bool>> start(Services& services, RpcTarget rpc);
/// No start at boot any more, and its end.
boost::asio::awaitable<Status> stop(Services& services);

/// How to speak to this node's agent; an Error that says what to do if it is no member.
Result<RpcTarget> this_nodes_rpc(const Mesh& mesh);
/// 32 random bytes as a mesh key.
Result<Secret> fresh_key();

}  // namespace meshops::serf
