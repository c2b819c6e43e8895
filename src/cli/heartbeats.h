// One heartbeat from this machine to every node, for `meshops mesh members`: who answers, and how fresh the
// agent behind the answer is. Needs the heartbeat's keys, which only root may read.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>

#include "base/result.h"
#include "config/mesh.h"
#include "mesh/word.h"

namespace meshops::cli {

struct Heard {
  Duration took{};
  mesh::Word word;
};
/// By node; who has not answered is not in it.
using Heartbeats = std::map<std::string, Heard>;

/// Asks all nodes of mesh.toml, this one too, those that are silent up to three times in a second.
boost::asio::awaitable<Result<Heartbeats>> ask_heartbeats(Mesh mesh);

}  // namespace meshops::cli
